/**
 * What connections at rest consist of: the numbers of each in one record. A number that is the same for
 * all newborn connections takes one bit; the record is as long as the rest needs.
 *
 *     flags │ which integers, which fractions differ │ those integers │ those fractions
 */

import type { Ledger } from './ledger.ts';
import { RecordPages } from './record-pages.ts';

const BITS = 32;
/** Sizes of records are multiples of so many words of 32 bits. */
const STEP = 8;

const wordsFor = (bits: number): number => Math.ceil(bits / BITS);

export class RestTable {
  /** What is the same for all. */
  private readonly usual: Ledger;
  private readonly flagWords: number;
  private readonly integerBits: number;
  private readonly fractionBits: number;
  private readonly sizes: RecordPages[] = [];
  private readonly record: Int32Array;
  count = 0;
  /** Words of the records in use. */
  words = 0;

  /** `usual`: a ledger with as much in it as one can have. */
  constructor(usual: Ledger) {
    this.usual = usual;
    this.flagWords = usual.flags.length;
    this.integerBits = this.flagWords;
    this.fractionBits = this.integerBits + wordsFor(usual.integerCount);
    const header = this.fractionBits + wordsFor(usual.fractionCount);
    const longest = header + usual.integerCount + 2 * usual.fractionCount;
    for (let size = STEP; size < longest + STEP; size += STEP) this.sizes.push(new RecordPages(size));
    this.record = new Int32Array(this.sizes.length * STEP);
  }

  /** Writes down what is in `ledger`, and returns where. */
  add(ledger: Ledger): number {
    const size = Math.ceil(this.pack(ledger) / STEP) - 1;
    this.count++;
    this.words += (size + 1) * STEP;
    return (this.sizes[size] as RecordPages).add(this.record) * this.sizes.length + size;
  }

  /** Puts into `ledger` what was written at `slot`, which is free then. */
  take(slot: number, ledger: Ledger): void {
    const size = slot % this.sizes.length;
    (this.sizes[size] as RecordPages).take(Math.floor(slot / this.sizes.length), this.record);
    this.count--;
    this.words -= (size + 1) * STEP;
    this.unpack(ledger);
  }

  /** Returns how long the record is, words. */
  private pack(ledger: Ledger): number {
    const { record, usual } = this;
    record.set(ledger.flags);
    record.fill(0, this.flagWords, this.fractionBits + wordsFor(usual.fractionCount));
    let end = this.fractionBits + wordsFor(usual.fractionCount);
    for (let i = 0; i < ledger.integerCount; i++) {
      if (ledger.integers[i] === usual.integers[i]) continue;
      this.mark(this.integerBits, i);
      record[end++] = ledger.integers[i] as number;
    }
    for (let i = 0; i < ledger.fractionCount; i++) {
      if (ledger.fractions[i] === usual.fractions[i]) continue;
      this.mark(this.fractionBits, i);
      record[end++] = ledger.fractionWords[2 * i] as number;
      record[end++] = ledger.fractionWords[2 * i + 1] as number;
    }
    return end;
  }

  private unpack(ledger: Ledger): void {
    const { record, usual } = this;
    for (let i = 0; i < this.flagWords; i++) ledger.flags[i] = record[i] as number;
    let end = this.fractionBits + wordsFor(usual.fractionCount);
    for (let i = 0; i < usual.integerCount; i++)
      ledger.integers[i] = (this.isMarked(this.integerBits, i) ? record[end++] : usual.integers[i]) as number;
    for (let i = 0; i < usual.fractionCount; i++) {
      if (this.isMarked(this.fractionBits, i)) {
        ledger.fractionWords[2 * i] = record[end++] as number;
        ledger.fractionWords[2 * i + 1] = record[end++] as number;
      } else {
        ledger.fractions[i] = usual.fractions[i] as number;
      }
    }
  }

  private mark(bits: number, index: number): void {
    const word = bits + (index >>> 5);
    this.record[word] = (this.record[word] as number) | (1 << (index & 31));
  }

  private isMarked(bits: number, index: number): boolean {
    return ((this.record[bits + (index >>> 5)] as number) & (1 << (index & 31))) !== 0;
  }
}
