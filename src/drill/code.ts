/**
 * The code of `%{ }%`: what scripts commonly write of Python, over TCP_INFO. Statements are `assert`,
 * assignments, `print` and `pass`; expressions have Python's operators in Python's order.
 */

import {
  type Binary,
  COMPARISON,
  COMPARISONS,
  CodeError,
  LEVELS,
  number,
  truth,
  type Value,
  valueText,
} from './python.ts';
import type { Scanner } from './scanner.ts';
import { symbol } from './symbols.ts';

export type Environment = Map<string, Value>;
type Evaluate = (environment: Environment) => Value;

export interface Statement {
  readonly text: string;
  run(environment: Environment): void;
}

export interface Program {
  readonly statements: readonly Statement[];
}

const NAME = /[A-Za-z_]\w*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+|\d+/y;
const STRING = /"((?:\\.|[^"\\\n])*)"|'((?:\\.|[^'\\\n])*)'/y;
const KEYWORD = { assert: /assert\b/y, print: /print\b/y, pass: /pass\b/y, not: /not\b/y };
const ASSIGNED = /([A-Za-z_]\w*)\s*=(?!=)/y;
const SIGN = /[-+~]/y;
const POWER = /\*\*/y;
const OR = /or\b/y;
const AND = /and\b/y;
const OPEN = /\(/y;
const CLOSE = /\)/y;
const COMMA = /,/y;
const LIST = { open: /\[/y, close: /\]/y };
const IF = /if\b/y;
const ELSE = /else\b/y;
const MOST_DEPTH = 32;

/** What the kernel's field is called; some scripts leave `snd_` out. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['tcpi_cwnd', 'tcpi_snd_cwnd'],
  ['tcpi_ssthresh', 'tcpi_snd_ssthresh'],
]);
const WORDS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['True', true],
  ['False', false],
  ['None', null],
]);
const FUNCTIONS: ReadonlyMap<string, (...values: number[]) => number> = new Map([
  ['abs', Math.abs],
  ['min', Math.min],
  ['max', Math.max],
  ['int', Math.trunc],
  ['float', Number],
  ['round', (value: number) => Math.round(value)],
]);

/** Python's blanks; brackets and a backslash join lines. */
const SPACE = /(?:\s+|#[^\n]*|\\\n)*/y;

/**
 * Compiles `[start, end)` of the source, the text between `%{` and `}%`.
 *
 * @param known - whether a name is a field of TCP_INFO.
 * @throws ScriptError
 */
export function parseCode(
  source: Scanner,
  start: number,
  end: number,
  known: (name: string) => boolean,
): Program {
  const variables = new Set<string>();
  const statements: Statement[] = [];
  for (const [from, to] of statementsBetween(source.text, start, end)) {
    const scanner = source.part(from, to, SPACE);
    if (scanner.atEnd) continue;
    statements.push(new StatementParser(scanner, known, variables).parse());
  }
  return { statements };
}

const QUOTED_OR_COMMENT = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*|\\\n/y;

/** Where statements begin and end: at `;` and at ends of lines outside of brackets. */
function statementsBetween(text: string, start: number, end: number): [number, number][] {
  const found: [number, number][] = [];
  let from = start;
  let open = 0;
  for (let at = start; at < end; ) {
    QUOTED_OR_COMMENT.lastIndex = at;
    const skipped = QUOTED_OR_COMMENT.exec(text);
    if (skipped !== null) {
      at += skipped[0].length;
      continue;
    }
    const letter = text[at] as string;
    if ('([{'.includes(letter)) open++;
    else if (')]}'.includes(letter)) open--;
    else if (letter === ';' || (letter === '\n' && open <= 0)) {
      found.push([from, at]);
      from = at + 1;
    }
    at++;
  }
  found.push([from, end]);
  return found;
}

class StatementParser {
  private readonly scanner: Scanner;
  private readonly known: (name: string) => boolean;
  private readonly variables: Set<string>;
  private depth = 0;

  constructor(scanner: Scanner, known: (name: string) => boolean, variables: Set<string>) {
    this.scanner = scanner;
    this.known = known;
    this.variables = variables;
  }

  parse(): Statement {
    const start = this.scanner.offset;
    const run = this.statement();
    if (!this.scanner.atEnd) {
      this.scanner.fail(`expected the end of the statement, not ${this.scanner.shown()}`);
    }
    return { text: this.scanner.textFrom(start), run };
  }

  private statement(): (environment: Environment) => void {
    const { scanner } = this;
    if (scanner.take(KEYWORD.pass) !== null) return () => {};
    if (scanner.take(KEYWORD.print) !== null) {
      this.tuple();
      return () => {};
    }
    if (scanner.take(KEYWORD.assert) !== null) return this.assertion();
    const name = scanner.take(ASSIGNED)?.[1];
    if (name !== undefined) {
      const value = this.tuple();
      this.variables.add(name);
      return (environment) => environment.set(name, value(environment));
    }
    return scanner.fail(
      `expected assert, print or NAME = VALUE, not ${scanner.shown()}: only these are understood`,
    );
  }

  private assertion(): (environment: Environment) => void {
    const start = this.scanner.offset;
    const condition = this.expression();
    const text = this.scanner.textFrom(start);
    const message = this.scanner.take(COMMA) === null ? null : this.tuple();
    return (environment) => {
      if (truth(condition(environment))) return;
      const said = message === null ? '' : `: ${valueText(message(environment))}`;
      throw new CodeError(`assert ${text}${said}${namesIn(text, environment)}`);
    };
  }

  /** One expression, or several with commas. */
  private tuple(): Evaluate {
    const items = [this.expression()];
    while (this.scanner.take(COMMA) !== null) items.push(this.expression());
    const [first] = items as [Evaluate];
    return items.length === 1 ? first : (environment) => items.map((item) => item(environment));
  }

  private expression(): Evaluate {
    if (++this.depth > MOST_DEPTH) this.scanner.fail('too many brackets inside of each other');
    const value = this.either();
    let result = value;
    if (this.scanner.take(IF) !== null) {
      const condition = this.either();
      this.scanner.expect(ELSE, '"else"');
      const otherwise = this.expression();
      result = (environment) => (truth(condition(environment)) ? value(environment) : otherwise(environment));
    }
    this.depth--;
    return result;
  }

  private either(): Evaluate {
    let value = this.both();
    while (this.scanner.take(OR) !== null) {
      const [one, other] = [value, this.both()];
      value = (environment) => {
        const first = one(environment);
        return truth(first) ? first : other(environment);
      };
    }
    return value;
  }

  private both(): Evaluate {
    let value = this.negation();
    while (this.scanner.take(AND) !== null) {
      const [one, other] = [value, this.negation()];
      value = (environment) => {
        const first = one(environment);
        return truth(first) ? other(environment) : first;
      };
    }
    return value;
  }

  private negation(): Evaluate {
    let count = 0;
    while (this.scanner.take(KEYWORD.not) !== null) count++;
    const value = this.comparison();
    if (count === 0) return value;
    return (environment) => truth(value(environment)) === (count % 2 === 0);
  }

  /** `1 < x <= 3` is both. */
  private comparison(): Evaluate {
    const operands = [this.level(0)];
    const compares: ((one: Value, other: Value) => boolean)[] = [];
    for (let match = this.comparator(); match !== null; match = this.comparator()) {
      compares.push(COMPARISONS[match[0].replace(/\s+/, ' ')] as (one: Value, other: Value) => boolean);
      operands.push(this.level(0));
    }
    if (compares.length === 0) return operands[0] as Evaluate;
    return (environment) => {
      const values = operands.map((operand) => operand(environment));
      return compares.every((compare, index) => compare(values[index] as Value, values[index + 1] as Value));
    };
  }

  private comparator(): RegExpExecArray | null {
    return this.scanner.take(COMPARISON);
  }

  private level(index: number): Evaluate {
    const level = LEVELS[index];
    if (level === undefined) return this.unary();
    let value = this.level(index + 1);
    for (
      let match = this.scanner.take(level.pattern);
      match !== null;
      match = this.scanner.take(level.pattern)
    ) {
      const operator = level.operators[match[0]] as Binary;
      const [one, other] = [value, this.level(index + 1)];
      value = (environment) => operator(one(environment), other(environment));
    }
    return value;
  }

  private unary(): Evaluate {
    const signs: string[] = [];
    for (let sign = this.scanner.take(SIGN); sign !== null; sign = this.scanner.take(SIGN))
      signs.unshift(sign[0]);
    const value = this.power();
    if (signs.length === 0) return value;
    return (environment) => signs.reduce(signed, number(value(environment)));
  }

  private power(): Evaluate {
    const base = this.atom();
    if (this.scanner.take(POWER) === null) return base;
    if (++this.depth > MOST_DEPTH) this.scanner.fail('too many brackets inside of each other');
    const exponent = this.unary();
    this.depth--;
    return (environment) => number(base(environment)) ** number(exponent(environment));
  }

  private atom(): Evaluate {
    const { scanner } = this;
    const digits = scanner.take(NUMBER)?.[0];
    if (digits !== undefined) return constant(Number(digits));
    const string = scanner.take(STRING);
    if (string !== null) return constant(string[1] ?? string[2] ?? '');
    if (scanner.take(OPEN) !== null) return this.bracketed(CLOSE, '")"');
    if (scanner.take(LIST.open) !== null) {
      const items = this.items(LIST.close, '"]"');
      return (environment) => items.map((item) => item(environment));
    }
    const offset = scanner.offset;
    const name = scanner.expect(NAME, 'a value')[0];
    return scanner.take(OPEN) === null ? this.named(name, offset) : this.called(name, offset);
  }

  /** `(a)` or `(a, b)`. */
  private bracketed(close: RegExp, what: string): Evaluate {
    const items = this.items(close, what);
    const [first] = items;
    return items.length === 1 && first !== undefined
      ? first
      : (environment) => items.map((item) => item(environment));
  }

  private items(close: RegExp, what: string): Evaluate[] {
    const items: Evaluate[] = [];
    while (this.scanner.take(close) === null) {
      items.push(this.expression());
      if (this.scanner.take(COMMA) === null) {
        this.scanner.expect(close, `"," or ${what}`);
        break;
      }
    }
    return items;
  }

  private named(written: string, offset: number): Evaluate {
    const name = ALIASES.get(written) ?? written;
    if (WORDS.has(name)) return constant(WORDS.get(name) as Value);
    if (this.variables.has(name) || this.known(name)) {
      return (environment) => environment.get(name) as Value;
    }
    const value = symbol(name);
    if (value !== undefined) return constant(value);
    return this.scanner.fail(`${written} is no field of TCP_INFO and no constant`, offset);
  }

  private called(name: string, offset: number): Evaluate {
    const call = FUNCTIONS.get(name);
    if (call === undefined) {
      return this.scanner.fail(
        `${name}() is not understood: only ${[...FUNCTIONS.keys()].join(', ')} are`,
        offset,
      );
    }
    const items = this.items(CLOSE, '")"');
    return (environment) => call(...items.map((item) => number(item(environment))));
  }
}

function signed(value: number, sign: string): number {
  if (sign === '+') return value;
  return sign === '-' ? -value : -value - 1;
}

function constant(value: Value): Evaluate {
  return () => value;
}

/** ` (tcpi_unacked = 3)`: the values of the fields that an assertion speaks of. */
function namesIn(text: string, environment: Environment): string {
  const names = [...new Set(text.match(/\b[a-z]\w*\b/g) ?? [])].map((name) => ALIASES.get(name) ?? name);
  const known = names.filter((name) => environment.has(name));
  if (known.length === 0) return '';
  return ` (${known.map((name) => `${name} = ${valueText(environment.get(name) as Value)}`).join(', ')})`;
}
