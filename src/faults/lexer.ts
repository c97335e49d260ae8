/** A line of the fault language → tokens that know their column. */

export interface Token {
  readonly kind: 'word' | 'number' | 'endpoint' | 'text' | 'operator' | 'end';
  readonly text: string;
  /** Offset in the line. */
  readonly at: number;
  /** Of a number: its value and what stands behind it, `ms`, `mbit` or nothing. */
  readonly value: number;
  readonly unit: string;
}

/** A line that makes no sense: one sentence that names the column, and a drawing that points at it. */
export class FaultSyntaxError extends Error {
  override readonly name = 'FaultSyntaxError';
  /** From 1. */
  readonly column: number;
  /** The line and, under it, a caret: two lines. */
  readonly drawing: string;

  constructor(line: string, at: number, reason: string) {
    super(`column ${at + 1}: ${reason}`);
    this.column = at + 1;
    this.drawing = `${line.replaceAll(/\s/g, ' ')}\n${' '.repeat(at)}^`;
  }
}

/** No rule that a person writes is as long. */
const MAX_LENGTH = 2_000;

const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['endpoint', /\d+\.\d+\.\d+\.\d+:\d+/y],
  ['number', /(\d+(?:\.\d+)?)([A-Za-z]*)/y],
  // One letter is a variable: what follows a hyphen is taken off it, u-1. Else it belongs to the name.
  ['word', /[A-Za-z_]\w+(?:-\w+)*|[A-Za-z_]/y],
  ['text', /"(?:[^"\\]|\\.)*"/y],
  ['operator', /==|!=|<=|>=|&&|\|\||\+=|-=|[<>!()=&|,+-]/y],
];

/** @throws FaultSyntaxError */
export function tokenize(line: string): Token[] {
  if (line.length > MAX_LENGTH) {
    throw new FaultSyntaxError(line.slice(0, 60), 0, `a rule has at most ${MAX_LENGTH} characters`);
  }
  const tokens: Token[] = [];
  let at = skipSpace(line, 0);
  while (at < line.length) {
    const token = tokenAt(line, at);
    tokens.push(token);
    at = skipSpace(line, at + token.text.length);
  }
  const end = line.trimEnd().length;
  tokens.push({ kind: 'end', text: '', at: end, value: 0, unit: '' });
  return tokens;
}

function skipSpace(line: string, from: number): number {
  let at = from;
  while (at < line.length && /\s/.test(line[at] as string)) at++;
  return at;
}

function tokenAt(line: string, at: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match === null) continue;
    const value = kind === 'number' ? Number(match[1]) : 0;
    return { kind, text: match[0], at, value, unit: match[2] ?? '' };
  }
  const what = line[at] === '"' ? 'this text has no end' : `${JSON.stringify(line[at])} means nothing here`;
  throw new FaultSyntaxError(line, at, what);
}
