/** The words of one line, with their columns. */

import { ExpectSyntaxError } from './ast.ts';

export interface Word {
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

/** Reads words one after the other. */
export class Words {
  private readonly words: readonly Word[];
  private readonly line: number;
  private readonly length: number;
  private place = 0;

  constructor(text: string, line: number, column = 1) {
    this.line = line;
    this.length = column + text.trimEnd().length;
    this.words = [...text.matchAll(/;|[^\s;]+/g)].map((match) => ({
      text: match[0],
      column: column + match.index,
    }));
  }

  get next(): string | null {
    return this.words[this.place]?.text ?? null;
  }

  get over(): boolean {
    return this.place >= this.words.length;
  }

  take(what: string): Word {
    const word = this.words[this.place];
    if (word === undefined) throw this.wrong(`${what} is expected here, but the line ends`);
    this.place++;
    return word;
  }

  /** Takes the next word if it is this one. */
  takeIf(text: string): boolean {
    if (this.next !== text) return false;
    this.place++;
    return true;
  }

  /** The mistake is at the word before (`back` 1) or at the next one. */
  wrong(what: string, back = 0): ExpectSyntaxError {
    const column = this.words[this.place - back]?.column ?? this.length;
    return new ExpectSyntaxError(this.line, column, what);
  }
}

/** The nearest of `words` to what was written, for a hint; null when none is near. */
export function nearest(written: string, words: readonly string[]): string | null {
  const lower = written.toLowerCase();
  const [best] = words
    .map((word) => ({ word, away: distance(lower, word.toLowerCase()) }))
    .sort((a, b) => a.away - b.away);
  return best !== undefined && best.away <= 2 ? best.word : null;
}

function distance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      row.push(
        Math.min((row[j - 1] as number) + 1, (before[j] as number) + 1, (before[j - 1] as number) + change),
      );
    }
    before = row;
  }
  return before[b.length] as number;
}
