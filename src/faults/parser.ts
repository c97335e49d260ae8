/** A line of the fault language → what it says. The grammar is in docs/faults.md. */

import {
  type Assignment,
  type Direction,
  type Endpoint,
  type Forgery,
  type Line,
  MUTABLE_FIELDS,
  type MutableField,
  type Rule,
  VERBS,
  type Verb,
} from './ast.ts';
import { Cursor, listed } from './cursor.ts';
import { parseConnection, parsePredicate, parseValue } from './predicate-parser.ts';
import { PRESET_NAMES } from './presets.ts';
import { flagBit, rateOf } from './units.ts';

/** Packets that wait for the rate where nothing is said. */
export const DEFAULT_QUEUE = 100;

type Draft = { -readonly [Key in keyof Rule]: Rule[Key] };
type Clause = (cursor: Cursor, rule: Draft) => void;

/** @throws FaultSyntaxError, which points at the column */
export function parseLine(line: string): Line {
  const cursor = new Cursor(line);
  if (cursor.takeWord('preset')) return finish(cursor, parsePreset(cursor));
  if (cursor.takeWord('release')) return finish(cursor, { kind: 'release', name: cursor.name() });
  if (cursor.takeWord('inject')) return finish(cursor, parseInject(cursor));
  const alone = PRESET_NAMES.find((name) => cursor.takeWord(name));
  if (alone !== undefined) return finish(cursor, { kind: 'preset', name: alone });
  return finish(cursor, { kind: 'rule', rule: parseRule(cursor) });
}

function finish(cursor: Cursor, line: Line): Line {
  if (!cursor.atEnd) cursor.expected('the end of the rule');
  return line;
}

function parsePreset(cursor: Cursor): Line {
  return { kind: 'preset', name: cursor.oneOf(PRESET_NAMES, 'a preset') };
}

// ── Rules ────────────────────────────────────────────────────────────────────────────────────────

function parseRule(cursor: Cursor): Rule {
  const verb = cursor.oneOf(VERBS, 'what to do');
  const rule: Draft = {
    verb,
    directions: parseDirections(cursor),
    where: null,
    times: null,
    probability: 1,
    seed: null,
    lifetime: null,
    delay: 0,
    jitter: 0,
    gap: verb === 'reorder' ? 1 : 0,
    rate: 0,
    queue: verb === 'rate' ? DEFAULT_QUEUE : 0,
    name: null,
    set: [],
  };
  const given = new Set<string>();
  while (!cursor.atEnd) parseClause(cursor, rule, given);
  const missing = (REQUIRED[verb] ?? []).find((clause) => !given.has(clause));
  if (missing !== undefined) cursor.fail(`${verb} needs ${MISSING[missing]}`);
  return rule;
}

function parseDirections(cursor: Cursor): Rule['directions'] {
  for (const directions of ['in', 'out', 'both'] as const) if (cursor.takeWord(directions)) return directions;
  return 'both';
}

/** Clauses that any rule may have. */
const COMMON = ['where', 'times', 'first', 'prob', 'seed', 'for'];
const OWN: Partial<Record<Verb, readonly string[]>> = {
  delay: ['delay', 'jitter'],
  reorder: ['gap'],
  dup: ['after'],
  copy: ['as'],
  hold: ['as'],
  rate: ['rate', 'queue', 'delay', 'jitter'],
  mutate: ['set'],
};
const REQUIRED: Partial<Record<Verb, readonly string[]>> = {
  delay: ['delay'],
  copy: ['as'],
  hold: ['as'],
  rate: ['rate'],
  mutate: ['set'],
};
const MISSING: Readonly<Record<string, string>> = {
  delay: 'a duration such as 300ms',
  as: 'a name after "as"',
  rate: 'a rate such as 2mbit',
  set: 'something to set, "set win=0"',
};

const CLAUSES: Readonly<Record<string, Clause>> = {
  where: (cursor, rule) => {
    rule.where = parsePredicate(cursor);
  },
  times: (cursor, rule) => {
    rule.times = cursor.count(1, 'how many times');
  },
  first: (_cursor, rule) => {
    rule.times = 1;
  },
  prob: (cursor, rule) => {
    rule.probability = cursor.probability();
  },
  seed: (cursor, rule) => {
    rule.seed = cursor.count(0, 'a seed');
  },
  for: (cursor, rule) => {
    rule.lifetime = cursor.duration();
  },
  after: (cursor, rule) => {
    rule.delay = cursor.duration();
  },
  delay: (cursor, rule) => {
    rule.delay = cursor.duration();
  },
  jitter: (cursor, rule) => {
    rule.jitter = cursor.duration();
  },
  gap: (cursor, rule) => {
    rule.gap = cursor.count(1, 'how many packets overtake');
  },
  rate: (cursor, rule) => {
    const token = cursor.next();
    const rate = rateOf(token.value, token.unit);
    rule.rate = rate ?? cursor.fail('a rate such as 2mbit is expected here', token);
  },
  queue: (cursor, rule) => {
    rule.queue = cursor.count(1, 'how many packets wait');
  },
  as: (cursor, rule) => {
    rule.name = cursor.name();
  },
  set: (cursor, rule) => {
    rule.set = parseAssignments(cursor);
  },
};

function parseClause(cursor: Cursor, rule: Draft, given: Set<string>): void {
  const start = cursor.token;
  const allowed = [...COMMON, ...(OWN[rule.verb] ?? [])];
  const name = clauseAt(cursor, rule.verb);
  if (name === null || !allowed.includes(name)) {
    cursor.expected(`one of ${allowed.filter((clause) => clause !== 'first').join(', ')}`);
  }
  const slot = name === 'first' ? 'times' : name;
  if (given.has(slot)) cursor.fail(`${slot} is said twice`, start);
  given.add(slot);
  (CLAUSES[name] as Clause)(cursor, rule);
}

/** The clause that begins here, its word taken; the delay of `delay` and the rate of `rate` have none. */
function clauseAt(cursor: Cursor, verb: Verb): string | null {
  const { token } = cursor;
  if (token.kind === 'number' && (verb === 'delay' || verb === 'rate')) return verb;
  const word = token.kind === 'word' ? token.text.toLowerCase() : '';
  if (!Object.hasOwn(CLAUSES, word) || (word === verb && word === 'rate')) return null;
  if (!COMMON.includes(word) && OWN[verb]?.includes(word) !== true) return null;
  cursor.next();
  return word;
}

// ── Assignments ──────────────────────────────────────────────────────────────────────────────────

function parseAssignments(cursor: Cursor): Assignment[] {
  const assignments = [parseAssignment(cursor)];
  while (cursor.takeOperator(',')) assignments.push(parseAssignment(cursor));
  return assignments;
}

function parseAssignment(cursor: Cursor): Assignment {
  const field = cursor.oneOf(MUTABLE_FIELDS, 'a field');
  return parseAssignmentOf(cursor, field);
}

function parseAssignmentOf(cursor: Cursor, field: MutableField): Assignment {
  for (const operator of ['=', '+=', '-='] as const) {
    if (!cursor.takeOperator(operator)) continue;
    if (field === 'flags') {
      return { field, operator, value: { variable: null, number: parseFlags(cursor) } };
    }
    const variables = operator === '=' && (field === 'seq' || field === 'ack');
    return { field, operator, value: parseValue(cursor, variables) };
  }
  cursor.expected('=, += or -=');
}

/** `fin|ack`; `none` for no flag at all. */
function parseFlags(cursor: Cursor): number {
  if (cursor.takeWord('none')) return 0;
  let bits = 0;
  do {
    const bit = cursor.token.kind === 'word' ? flagBit(cursor.token.text) : null;
    if (bit === null) cursor.expected('a flag (fin, syn, rst, psh, ack, urg, ece, cwr or none)');
    bits |= bit;
    cursor.next();
  } while (cursor.takeOperator('|'));
  return bits;
}

// ── inject ───────────────────────────────────────────────────────────────────────────────────────

/** `inject old1 at +2s`, or a forgery: `inject in rst seq+10 on c1`. */
function parseInject(cursor: Cursor): Line {
  for (const direction of ['in', 'out'] as const) {
    if (cursor.takeWord(direction)) return parseForgery(cursor, direction);
  }
  if (flagBit(cursor.token.text) !== null) return parseForgery(cursor, 'in');
  const name = cursor.name();
  return { kind: 'inject', name, at: cursor.takeWord('at') ? parseAt(cursor) : 0 };
}

function parseAt(cursor: Cursor): number {
  cursor.takeOperator('+');
  return cursor.duration();
}

type ForgeryDraft = { -readonly [Key in keyof Forgery]: Forgery[Key] };

const FORGERY_WORDS = ['on', 'from', 'to', 'data', 'at'] as const;

function parseForgery(cursor: Cursor, direction: Direction): Forgery {
  const flags = parseFlags(cursor);
  const forgery: ForgeryDraft = {
    ...{ kind: 'forge', direction, conn: null, from: null, to: null, flags },
    ...{ set: [], data: '', at: 0 },
  };
  const set: Assignment[] = [];
  while (!cursor.atEnd) {
    const field = MUTABLE_FIELDS.find((name) => name !== 'flags' && cursor.takeWord(name));
    if (field === undefined) parseForgeryClause(cursor, forgery);
    else set.push(parseForgedField(cursor, field));
  }
  if ((forgery.from === null) !== (forgery.to === null)) cursor.expected('both from and to: the other end');
  if (forgery.from === null && forgery.conn === null) {
    cursor.expected('a connection (on c3) or two ends (from ADDRESS:PORT to ADDRESS:PORT)');
  }
  forgery.set = set;
  return forgery;
}

function parseForgeryClause(cursor: Cursor, forgery: ForgeryDraft): void {
  const word = cursor.oneOf(FORGERY_WORDS, `a field (${listed(MUTABLE_FIELDS)}) or one of`);
  if (word === 'on') forgery.conn = parseConnection(cursor);
  else if (word === 'at') forgery.at = parseAt(cursor);
  else if (word === 'data') forgery.data = parseText(cursor);
  else forgery[word] = parseEndpoint(cursor);
}

/** `seq+10` is what the end would send next and ten more. */
function parseForgedField(cursor: Cursor, field: MutableField): Assignment {
  if (cursor.takeOperator('+')) {
    return { field, operator: '+=', value: { variable: null, number: cursor.count(0, 'a number') } };
  }
  return parseAssignmentOf(cursor, field);
}

function parseText(cursor: Cursor): string {
  const { token } = cursor;
  if (token.kind !== 'text') cursor.expected('a text such as "hello"');
  try {
    const text: unknown = JSON.parse(token.text);
    cursor.next();
    return String(text);
  } catch {
    cursor.fail('this text has an escape that JSON does not know');
  }
}

function parseEndpoint(cursor: Cursor): Endpoint {
  const { token } = cursor;
  const parts = token.kind === 'endpoint' ? token.text.split(/[.:]/).map(Number) : [];
  const [a = 0, b = 0, c = 0, d = 0, port = 0] = parts;
  if (parts.length !== 5 || Math.max(a, b, c, d) > 255 || port < 1 || port > 65_535) {
    cursor.expected('an address with its port such as 10.9.0.1:40000');
  }
  cursor.next();
  return { address: (a << 24) | (b << 16) | (c << 8) | d, port };
}
