/**
 * Numbers of a connection, written down in order and read back in the same order: each part of a control
 * block says once, in its `exchange`, what it consists of, and that serves both directions.
 */

import type { Seq } from '../../base/seq.ts';

const FLAGS_PER_WORD = 31;
const INTEGERS = 128;
const FRACTIONS = 64;
const FLAG_WORDS = 2;

export class Ledger {
  readonly integers = new Int32Array(INTEGERS);
  readonly fractions = new Float64Array(FRACTIONS);
  /** The same memory as `fractions`. */
  readonly fractionWords = new Int32Array(this.fractions.buffer);
  readonly flags = new Int32Array(FLAG_WORDS);
  /** How many of each were written, or read. */
  integerCount = 0;
  fractionCount = 0;
  flagCount = 0;
  /** All that was written can be read back as it was. */
  exact = true;
  private writing = false;

  beginWriting(): void {
    this.begin(true);
    this.flags.fill(0);
  }

  beginReading(): void {
    this.begin(false);
  }

  private begin(writing: boolean): void {
    this.writing = writing;
    this.exact = true;
    this.integerCount = 0;
    this.fractionCount = 0;
    this.flagCount = 0;
  }

  /** An int32; writes `value` and returns it, or returns what was written. */
  integer(value: number): number {
    const at = this.integerCount++;
    if (!this.writing) return this.integers[at] as number;
    this.integers[at] = value;
    if (this.integers[at] !== value) this.exact = false;
    return value;
  }

  seq(value: Seq): Seq {
    return this.integer(value) as Seq;
  }

  /** Any number. */
  number(value: number): number {
    const at = this.fractionCount++;
    if (!this.writing) {
      const written = this.fractions[at] as number;
      // A whole number comes back as one: a field that holds small integers goes on doing so.
      return (written | 0) === written ? written | 0 : written;
    }
    this.fractions[at] = value;
    return value;
  }

  flag(value: boolean): boolean {
    const word = Math.floor(this.flagCount / FLAGS_PER_WORD);
    const bit = 1 << (this.flagCount++ % FLAGS_PER_WORD);
    if (!this.writing) return ((this.flags[word] as number) & bit) !== 0;
    if (value) this.flags[word] = (this.flags[word] as number) | bit;
    return value;
  }
}
