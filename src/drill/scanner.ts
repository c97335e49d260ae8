/** Reading a script character by character, and saying where and why it cannot be read. */

/** A script that cannot be read: one sentence with the place. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  readonly file: string;
  readonly line: number;
  readonly column: number;

  constructor(place: Place, sentence: string) {
    super(`${place.file}:${place.line}:${place.column}: ${sentence}`);
    this.file = place.file;
    this.line = place.line;
    this.column = place.column;
  }
}

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** Between words: blanks and the three kinds of comments. */
const SPACE = /(?:\s+|\/\/[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const SHOWN = /\S{1,24}/y;

/** A cursor over the text. The patterns that it takes are sticky. */
export class Scanner {
  readonly file: string;
  readonly text: string;
  private at = 0;
  private readonly space: RegExp;

  constructor(file: string, text: string, space = SPACE) {
    this.file = file;
    this.text = text;
    this.space = space;
  }

  /** A scanner over a part of the text, whose places are those of the whole. */
  part(start: number, end: number, space: RegExp): Scanner {
    const part = new Scanner(this.file, this.text.slice(0, end), space);
    part.at = start;
    return part;
  }

  /** What was taken since `offset`, blanks folded. */
  textFrom(offset: number): string {
    return this.text.slice(offset, this.at).replace(/\s+/g, ' ').trim();
  }

  /** Offset of the next word. */
  get offset(): number {
    this.skipSpace();
    return this.at;
  }

  get atEnd(): boolean {
    this.skipSpace();
    return this.at >= this.text.length;
  }

  /** Takes what `pattern` matches after blanks and comments, or null and takes nothing. */
  take(pattern: RegExp): RegExpExecArray | null {
    this.skipSpace();
    return this.takeHere(pattern);
  }

  /** The same without skipping. */
  takeHere(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at += match[0].length;
    return match;
  }

  /** Whether `pattern` comes next. */
  sees(pattern: RegExp): boolean {
    this.skipSpace();
    pattern.lastIndex = this.at;
    return pattern.test(this.text);
  }

  /** Takes `pattern`, or fails: `what` says what was expected. */
  expect(pattern: RegExp, what: string): RegExpExecArray {
    return this.take(pattern) ?? this.fail(`expected ${what}, not ${this.shown()}`);
  }

  /** Goes on at `offset`. */
  jump(offset: number): void {
    this.at = offset;
  }

  /** What comes next, for a message. */
  shown(): string {
    this.skipSpace();
    SHOWN.lastIndex = this.at;
    const match = SHOWN.exec(this.text);
    return match === null ? 'the end of the script' : JSON.stringify(match[0]);
  }

  /** The place of `offset`, by default of the next word. */
  place(offset = this.offset): Place {
    const before = this.text.slice(0, offset);
    const lines = before.split('\n');
    return { file: this.file, line: lines.length, column: (lines.at(-1) as string).length + 1 };
  }

  fail(sentence: string, offset = this.offset): never {
    throw new ScriptError(this.place(offset), sentence);
  }

  private skipSpace(): void {
    this.space.lastIndex = this.at;
    const match = this.space.exec(this.text);
    if (match !== null) this.at += match[0].length;
  }
}
