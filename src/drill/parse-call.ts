/** System calls: `read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)`. */

import type { Scanner } from './scanner.ts';
import type { Expression, Field, SystemCall } from './script.ts';
import { symbol } from './symbols.ts';

const WORD = /[A-Za-z_]\w*/y;
const INTEGER = /-?(?:0[xX][0-9a-fA-F]+|\d+)/y;
const STRING = /"((?:\\.|[^"\\\n])*)"/y;
const ELLIPSIS = /\.\.\./y;
const FIELD_NAME = /([A-Za-z_]\w*)\s*(?:\([^)\n]*\)\s*)?=(?!=)/y;
const ERRNO = /E[A-Z0-9]+\b/y;
const NOTE = /\([^)\n]*\)/y;
const OPEN = /\(/y;
const CLOSE = /\)/y;
const COMMA = /,/y;
const OR = /\|/y;
const EQUALS = /=/y;
const QUESTION = /\?/y;
const ARRAY = { open: /\[/y, close: /\]/y };
const STRUCT = { open: /\{/y, close: /\}/y };
/** Deeper nesting is no script. */
const MOST_DEPTH = 16;

const ANY: Expression = { kind: 'any' };

/** A call and its result; `end` is the end of its time range. */
export function parseCall(scanner: Scanner, end: number | null): SystemCall {
  const name = scanner.expect(WORD, 'a packet (< or >), a system call, `command` or %{ code }%')[0];
  scanner.expect(OPEN, `"(" after ${name}`);
  const items = list(scanner, CLOSE, 0);
  scanner.expect(EQUALS, `"=" and the result of ${name}`);
  const result = scanner.take(QUESTION) === null ? expression(scanner, 0) : ANY;
  const errno = scanner.take(ERRNO)?.[0] ?? null;
  if (errno !== null && symbol(errno) === undefined) scanner.fail(`there is no error called ${errno}`);
  if (errno !== null && !(result.kind === 'integer' && result.value === -1)) {
    scanner.fail(`a call that fails with ${errno} returns -1`);
  }
  scanner.take(NOTE);
  return { name, arguments: items, result, errno, end };
}

/** Expressions with commas up to `close`, which is taken. */
function list(scanner: Scanner, close: RegExp, depth: number): Expression[] {
  const items: Expression[] = [];
  if (scanner.take(close) !== null) return items;
  do items.push(expression(scanner, depth));
  while (scanner.take(COMMA) !== null);
  scanner.expect(close, '"," or the end of the list');
  return items;
}

/** `A | B | 3`: numbers only. */
function expression(scanner: Scanner, depth: number): Expression {
  const offset = scanner.offset;
  let value = term(scanner, depth);
  while (scanner.take(OR) !== null) {
    const other = term(scanner, depth);
    if (value.kind !== 'integer' || other.kind !== 'integer') {
      return scanner.fail('"|" stands between numbers and names that are known', offset);
    }
    value = { kind: 'integer', value: value.value | other.value };
  }
  return value;
}

function term(scanner: Scanner, depth: number): Expression {
  if (depth > MOST_DEPTH) scanner.fail('too many brackets inside of each other');
  if (scanner.take(ELLIPSIS) !== null) return ANY;
  const integer = scanner.take(INTEGER);
  if (integer !== null) return { kind: 'integer', value: toNumber(integer[0]) };
  const string = scanner.take(STRING);
  if (string !== null) return { kind: 'string', value: unescaped(string[1] as string) };
  if (scanner.take(ARRAY.open) !== null)
    return { kind: 'array', items: list(scanner, ARRAY.close, depth + 1) };
  if (scanner.take(STRUCT.open) !== null) return { kind: 'struct', fields: fields(scanner, depth + 1) };
  if (scanner.take(OPEN) !== null) {
    const inner = expression(scanner, depth + 1);
    scanner.expect(CLOSE, '")"');
    return inner;
  }
  return named(scanner, depth);
}

/** A constant, a word, or `htons(8080)`. */
function named(scanner: Scanner, depth: number): Expression {
  const name = scanner.expect(WORD, 'a value: a number, a name, "...", "text", [list] or {struct}')[0];
  if (scanner.takeHere(OPEN) !== null) return { kind: 'call', name, items: list(scanner, CLOSE, depth + 1) };
  const value = symbol(name);
  return value === undefined ? { kind: 'name', name } : { kind: 'integer', value };
}

function fields(scanner: Scanner, depth: number): Field[] {
  const found: Field[] = [];
  if (scanner.take(STRUCT.close) !== null) return found;
  do {
    const name = scanner.take(FIELD_NAME)?.[1] ?? null;
    found.push({ name, value: expression(scanner, depth) });
  } while (scanner.take(COMMA) !== null);
  scanner.expect(STRUCT.close, '"," or "}"');
  return found;
}

function toNumber(text: string): number {
  return text.startsWith('-') ? -Number(text.slice(1)) : Number(text);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' };

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
}
