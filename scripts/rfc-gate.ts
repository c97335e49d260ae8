/**
 * What makes a list of clauses a lie: everything here is a function of texts, so that the gate itself is
 * tested (test/unit/rfc-gate.test.ts). rfc-coverage.ts reads the files and writes the table.
 */

export interface Clause {
  id: string;
  rfc: number;
  section: string;
  level: string;
  requirement: string;
  /** Files under src/, where the citations there do not say it. */
  code?: readonly string[];
  /** Decided by hand; without it the tests decide. */
  status?: 'deviation' | 'n/a';
  /** The reason of a decision. */
  why?: string;
}

export type Verdict = 'yes' | 'deviation' | 'n/a' | 'open';

/** A file and what is in it. */
export interface Text {
  file: string;
  text: string;
}

/** What is known of one clause. */
export interface Evidence {
  code: readonly string[];
  tests: readonly string[];
}

/** Obsolete RFC → what to cite in its place. */
const OBSOLETE = new Map<number, number>([
  [793, 9293],
  [879, 9293],
  [2873, 9293],
  [6093, 9293],
  [6429, 9293],
  [6528, 9293],
  [6691, 9293],
  [1948, 9293],
  [1063, 1191],
  [1072, 7323],
  [1185, 7323],
  [1323, 7323],
  [1349, 2474],
  [1716, 1812],
  [2001, 5681],
  [2581, 5681],
  [2414, 3390],
  [2481, 3168],
  [2582, 6582],
  [3782, 6582],
  [2861, 7661],
  [2988, 6298],
  [3517, 6675],
  [2140, 9040],
  [2309, 7567],
  [2385, 5925],
  [4614, 7414],
  [5405, 8085],
  [6824, 8684],
  [6937, 9937],
  [8312, 9438],
]);

/** Labels of RFC 9293's own table; the other prefixes are of this project. */
const LABELS = ['MUST', 'SHLD', 'MAY', 'REC'];
/** How many of each RFC 9293, Appendix B has: 119. */
const APPENDIX_B: readonly (readonly [label: string, count: number])[] = [
  ['MUST', 69],
  ['SHLD', 31],
  ['MAY', 18],
  ['REC', 1],
];
/** A reason that is shorter gives none. */
const SHORTEST_REASON = 20;

/** "EV-8" and "EV-08" are one, and so are "SHOULD-2" and "SHLD-2". */
export function normal(id: string): string {
  const [prefix, number] = id.split('-');
  return `${prefix === 'SHOULD' ? 'SHLD' : prefix}-${Number(number)}`;
}

/** The ids of clauses in a text. */
export class ClauseNames {
  private readonly known: ReadonlySet<string>;
  private readonly pattern: RegExp;

  constructor(clauses: readonly Clause[]) {
    this.known = new Set(clauses.map(({ id }) => normal(id)));
    const prefixes = new Set([...LABELS, 'SHOULD', ...clauses.map(({ id }) => id.split('-')[0] as string)]);
    this.pattern = new RegExp(
      `(?:RFC (\\d+)(?: §[\\d.]+)? \\(?)?\\b(${[...prefixes].join('|')})-(\\d+)((?:/\\d+)*)\\b`,
      'g',
    );
  }

  /** Clauses that `text` names. */
  idsIn(text: string): string[] {
    return this.namesIn(text).filter((id) => this.known.has(id));
  }

  /** What looks like the id of a clause and is none. */
  unknownIn(text: string): string[] {
    return this.namesIn(text).filter((id) => !this.known.has(id));
  }

  /** A label of Appendix B that follows another RFC's number is not RFC 9293's. */
  private namesIn(text: string): string[] {
    const found: string[] = [];
    for (const [, rfc, prefix, first, rest] of text.matchAll(this.pattern)) {
      if (LABELS.includes(prefix as string) && rfc !== undefined && rfc !== '9293') continue;
      const numbers = [first as string, ...(rest as string).split('/').slice(1)];
      found.push(...numbers.map((number) => normal(`${prefix}-${number}`)));
    }
    return found;
  }
}

export function verdictOf(clause: Clause, tests: readonly string[]): Verdict {
  return clause.status ?? (tests.length > 0 ? 'yes' : 'open');
}

/** What is wrong with the list itself. */
export function complaintsAboutList(
  clauses: readonly Clause[],
  fileExists: (file: string) => boolean,
): string[] {
  const complaints: string[] = [];
  const seen = new Set<string>();
  for (const clause of clauses) {
    const { id, rfc } = clause;
    if (seen.has(normal(id))) complaints.push(`${id} is listed twice`);
    seen.add(normal(id));
    if (OBSOLETE.has(rfc)) complaints.push(`${id}: RFC ${rfc} is obsolete: cite RFC ${OBSOLETE.get(rfc)}`);
    for (const file of clause.code ?? []) {
      if (!fileExists(file))
        complaints.push(`${id}: its code is said to be in ${file}, which does not exist`);
    }
    complaints.push(...complaintsAboutDecision(clause));
  }
  for (const [label, count] of APPENDIX_B) {
    for (let number = 1; number <= count; number++) {
      const id = `${label}-${number}`;
      if (!seen.has(id)) complaints.push(`${id} of RFC 9293, Appendix B, is missing`);
    }
  }
  return complaints;
}

function complaintsAboutDecision({ id, status, why, requirement, level }: Clause): string[] {
  const complaints: string[] = [];
  if (requirement.trim() === '' || level.trim() === '') complaints.push(`${id} says nothing`);
  if (status === undefined) {
    if (why !== undefined) complaints.push(`${id} has a reason and no status`);
    return complaints;
  }
  if (status !== 'deviation' && status !== 'n/a') {
    complaints.push(`${id} is "${status}": a status decided by hand is "deviation" or "n/a"`);
  }
  if ((why ?? '').trim().length < SHORTEST_REASON) complaints.push(`${id} is "${status}": say why`);
  return complaints;
}

/** A clause that is neither tested nor decided, and a tested one of which nobody says where it is done. */
export function complaintsAboutEvidence(clause: Clause, { code, tests }: Evidence): string[] {
  const verdict = verdictOf(clause, tests);
  const words = `${clause.id} (${clause.level}: ${clause.requirement})`;
  if (verdict === 'open') {
    return [`${words} has no test that npm test runs, and no recorded deviation`];
  }
  if (verdict === 'n/a' && tests.length > 0) {
    return [`${words} is said to bind nothing here, and ${tests[0]} tests it`];
  }
  if (verdict === 'yes' && code.length === 0) {
    return [`${words} has no code: cite RFC ${clause.rfc} §${clause.section} in src/, or add "code"`];
  }
  return [];
}

/** Citations of RFCs that others have replaced, also in lists: "RFC 4987, 7413". */
export function complaintsAboutCitations({ file, text }: Text): string[] {
  const complaints: string[] = [];
  for (const [whole] of text.matchAll(/\bRFCs?[ -]?0*\d+(?:(?:\/|, | and )\d{3,4}\b)*/g)) {
    for (const [number] of whole.matchAll(/\d+/g)) {
      const successor = OBSOLETE.get(Number(number));
      if (successor !== undefined) {
        complaints.push(`${file}: RFC ${Number(number)} is obsolete: cite RFC ${successor}`);
      }
    }
  }
  return complaints;
}
