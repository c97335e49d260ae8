/** The language of `expect`: docs/writing-labs.md says what it means, the functions below are its grammar. */

import {
  type Arrow,
  type Expectation,
  type ExpectSyntaxError,
  FIELDS,
  type Field,
  type FieldName,
  type Happening,
  type Line,
  MARKS,
  type Mark,
  type Side,
  type Value,
} from './ast.ts';
import { durationOf, happeningAt, spanAt, stateAt } from './parse-happening.ts';
import { STATE_NAMES, TIMER_WORDS } from './vocabulary.ts';
import { nearest, Words } from './words.ts';

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;
const OPERATORS = ['>=', '<=', '!=', '=', '<', '>'] as const;
const HAPPENINGS = ['timer', 'closed', 'app', 'rst', 'event'];

/** @throws ExpectSyntaxError */
export function parseExpectation(text: string): Expectation {
  const lines: Line[] = [];
  const never: Line[] = [];
  let only: Expectation['only'] = null;
  text.split('\n').forEach((row, index) => {
    const content = row.replace(/(^|\s)#.*$/, '');
    if (content.trim() === '') return;
    const words = new Words(content, index + 1);
    if (words.takeIf('only')) only = onlyAt(words);
    else if (words.takeIf('never')) never.push(lineAt(words, content, index + 1));
    else lines.push(lineAt(words, content, index + 1));
  });
  return { lines, never, only };
}

function onlyAt(words: Words): Expectation['only'] {
  const { text } = words.take('a connection (c1) or "port N"');
  if (/^c\d+$/.test(text)) return { conn: text };
  if (text !== 'port') throw words.wrong(`a connection (c1) or "port N", not ${JSON.stringify(text)}`, 1);
  const port = words.take('a port');
  if (!/^\d+$/.test(port.text)) throw words.wrong('a port is a number', 1);
  return { port: Number(port.text) };
}

function lineAt(words: Words, text: string, number: number): Line {
  const optional = words.takeIf('?');
  const strict = words.takeIf('strict');
  const what = subjectAt(words);
  const clauses: Happening[] = [];
  let within: Line['within'] = null;
  while (!words.over) {
    if (words.takeIf(';')) continue;
    const span = spanAt(words);
    if (span !== null) within = span;
    else clauses.push(...clauseAt(words));
  }
  return { number, text: text.trim(), optional, strict, what, clauses, within };
}

function clauseAt(words: Words): Happening[] {
  const { next } = words;
  if (next === 'S' || next === 'K') return [stateAt(words, null)];
  if (next !== null && HAPPENINGS.includes(next)) return [happeningAt(words)];
  const known = '"S STATE", "K STATE", "timer S.NAME …", "closed", "app", "rst", "event", "within"';
  throw words.wrong(`one of ${known} is expected here, not ${JSON.stringify(next)}`);
}

function subjectAt(words: Words): Line['what'] {
  if (words.takeIf('...')) return { kind: 'skip' };
  if (words.takeIf('silence')) return { kind: 'silence', ms: durationOf(words) };
  const conn = /^c\d+$/.test(words.next ?? '') ? words.take('a connection').text : null;
  const { next } = words;
  if (next === 'K>S' || next === 'S>K') return arrowAt(words, conn);
  if (next === 'S' || next === 'K') return stateAt(words, conn);
  if (next !== null && HAPPENINGS.includes(next)) return happeningAt(words);
  const known = 'K>S, S>K, S, K, timer, closed, app, rst, event, silence, only, never or "..."';
  throw words.wrong(`a line begins with ${known}, not ${JSON.stringify(next)}`);
}

function arrowAt(words: Words, conn: string | null): Arrow {
  const from = words.take('K>S or S>K').text[0] as Side;
  const flags = flagsAt(words);
  const [seq, end] = rangeAt(words);
  let ack: Value | null = null;
  const fields: Field[] = [];
  const marks: Mark[] = [];
  while (!words.over && words.next !== ';' && !['within', 'after'].includes(words.next as string)) {
    const { next } = words;
    if (words.takeIf('ack')) ack = valueAt(words);
    else if (MARKS.includes(next as Mark)) marks.push(words.take('a mark').text as Mark);
    else fields.push(fieldAt(words));
  }
  return { kind: 'arrow', from, flags, seq, end, ack, fields, marks, conn };
}

function flagsAt(words: Words): readonly string[] | null {
  const { text } = words.take('flags (SYN,ACK) or "any"');
  if (text === 'any') return null;
  const flags = text.split(',');
  for (const flag of flags) {
    if ((FLAG_NAMES as readonly string[]).includes(flag)) continue;
    const guess = nearest(flag, FLAG_NAMES);
    const hint = guess === null ? `flags are ${FLAG_NAMES.join(' ')}` : `did you mean ${guess}?`;
    throw words.wrong(`${JSON.stringify(flag)} is no flag: ${hint}`, 1);
  }
  return flags;
}

const NUMBERS = /^(?:\?|-?\d+|[a-z]\w*(?:[+-]\d+)?)(?::(?:\?|-?\d+|[a-z]\w*(?:[+-]\d+)?))?$/;
const RESERVED = new Set<string>([...FIELDS, 'ack', 'within', 'after']);

/** `SEQ` or `SEQ:END`, or neither. */
function rangeAt(words: Words): [Value | null, Value | null] {
  const { next } = words;
  if (next === null || next === ';' || RESERVED.has(next) || MARKS.includes(next as Mark))
    return [null, null];
  if (/^[a-z]+[<>=!]/.test(next)) return [null, null];
  if (!NUMBERS.test(next)) return [null, null];
  const [seq = '?', end] = words.take('numbers').text.split(':');
  return [toValue(seq), end === undefined ? null : toValue(end)];
}

function valueAt(words: Words): Value {
  const { text } = words.take('a number');
  if (!NUMBERS.test(text) || text.includes(':')) {
    throw words.wrong(`a number, a variable (n, n+1) or ? is expected here, not ${JSON.stringify(text)}`, 1);
  }
  return toValue(text);
}

function toValue(text: string): Value {
  if (text === '?') return { kind: 'any' };
  if (/^-?\d+$/.test(text)) return { kind: 'number', value: Number(text) };
  const [, name = '', plus = '0'] = /^([a-z]\w*?)([+-]\d+)?$/.exec(text) ?? [];
  return { kind: 'variable', name, plus: Number(plus) };
}

/** `win 0`, `win=0`, `len>0`, `len > 0`. */
function fieldAt(words: Words): Field {
  const { text } = words.take('a field');
  const name = FIELDS.find((field) => text === field || OPERATORS.some((op) => text.startsWith(field + op)));
  if (name === undefined) throw unknownField(words, text);
  const rest = text.slice(name.length);
  const op = OPERATORS.find((one) => (rest || (words.next ?? '')).startsWith(one));
  const glued = rest !== '' || op === undefined ? rest : words.take('a comparison').text;
  const operand = op === undefined ? glued : glued.slice(op.length);
  const value = operand === '' ? words.take(`a value for ${name}`).text : operand;
  return { name, op: op ?? '=', value: fieldValue(words, name, value) };
}

const IN_WORDS: readonly FieldName[] = ['sack', 'trigger', 'reason'];

function fieldValue(words: Words, name: FieldName, text: string): Value | string {
  if (IN_WORDS.includes(name)) return text;
  if (!NUMBERS.test(text)) throw words.wrong(`${name} needs a number, not ${JSON.stringify(text)}`, 1);
  return toValue(text);
}

function unknownField(words: Words, text: string): ExpectSyntaxError {
  const known = [...FIELDS, ...MARKS, 'ack', 'within'];
  const guess = nearest(text, known);
  const hint = guess === null ? `one of ${known.join(' ')}` : `did you mean ${guess}?`;
  const state = STATE_NAMES.includes(text) || TIMER_WORDS.includes(text) ? ' (states come after a ";")' : '';
  return words.wrong(`${JSON.stringify(text)} means nothing here: ${hint}${state}`, 1);
}
