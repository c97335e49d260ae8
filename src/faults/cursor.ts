/** Walks over the tokens of a line and knows how to complain. */

import { FaultSyntaxError, type Token, tokenize } from './lexer.ts';
import { countOf, durationOf } from './units.ts';

/** Parentheses and `!` inside each other: more is no rule of a person. */
const MAX_DEPTH = 40;

export class Cursor {
  private readonly line: string;
  private readonly tokens: readonly Token[];
  private place = 0;
  private depth = 0;

  /** @throws FaultSyntaxError */
  constructor(line: string) {
    this.line = line;
    this.tokens = tokenize(line);
  }

  get token(): Token {
    return this.tokens[this.place] as Token;
  }

  get following(): Token {
    return this.tokens[Math.min(this.place + 1, this.tokens.length - 1)] as Token;
  }

  get atEnd(): boolean {
    return this.token.kind === 'end';
  }

  next(): Token {
    const { token } = this;
    if (token.kind !== 'end') this.place++;
    return token;
  }

  /** Whether the present token is this word, whatever its case; it is taken then. */
  takeWord(word: string): boolean {
    if (this.token.kind !== 'word' || this.token.text.toLowerCase() !== word) return false;
    this.place++;
    return true;
  }

  takeOperator(...texts: readonly string[]): boolean {
    if (this.token.kind !== 'operator' || !texts.includes(this.token.text)) return false;
    this.place++;
    return true;
  }

  /** @throws FaultSyntaxError at the present token, or at `token` */
  fail(reason: string, token: Token = this.token): never {
    throw new FaultSyntaxError(this.line, token.at, reason);
  }

  /** @throws FaultSyntaxError that says what should stand here */
  expected(what: string): never {
    const found = this.atEnd ? 'the end' : JSON.stringify(this.token.text);
    this.fail(`${what} is expected here, not ${found}`);
  }

  /** One of `words`. */
  oneOf<const Word extends string>(words: readonly Word[], what: string): Word {
    const { token } = this;
    const found = token.kind === 'word' ? words.find((word) => word === token.text.toLowerCase()) : undefined;
    if (found === undefined) this.expected(`${what} (${listed(words)})`);
    this.place++;
    return found;
  }

  /** A name that the user gives. */
  name(): string {
    if (this.token.kind !== 'word') this.expected('a name');
    return this.next().text;
  }

  /** µs. */
  duration(): number {
    const { token } = this;
    const duration = token.kind === 'number' ? durationOf(token.value, token.unit) : null;
    if (duration === null) this.expected('a duration such as 300ms or 5s');
    this.place++;
    return duration;
  }

  /** A whole number, at least `least`. */
  count(least: number, what: string): number {
    const { token } = this;
    const count = token.kind === 'number' ? countOf(token.value, token.unit) : null;
    if (count === null || count < least) this.expected(`${what}, a whole number from ${least} on,`);
    this.place++;
    return count;
  }

  probability(): number {
    const { token } = this;
    const right = token.kind === 'number' && token.unit === '' && token.value >= 0 && token.value <= 1;
    if (!right) this.expected('a probability from 0 to 1');
    this.place++;
    return token.value;
  }

  /** Runs `parse` one level further in. */
  inside<Result>(parse: () => Result): Result {
    if (++this.depth > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} levels of parentheses`);
    const result = parse();
    this.depth--;
    return result;
  }
}

/** `in, out or both`. */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
