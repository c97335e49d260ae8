/**
 * Received bytes that still lie where the device put them. Whoever reads within the turn copies them
 * from there; what is left at its end is copied into the ring, where their room is kept.
 */

import { WaitingList } from '../../base/waiting-list.ts';

/** Shorter pieces are copied at once: that costs less than to remember them. */
export const LEAST_LENT = 1024;
/** Twice a batch of the largest packets; of a batch of small ones the rest is copied. */
const MOST_PIECES = 32;
const MOST_FREE = 64;

export class LentBytes {
  /** Of each piece: its first byte, counted from the front of the buffer when the first piece was lent. */
  private readonly offsets = new Int32Array(MOST_PIECES);
  /** Of each piece: where it lies in the device's memory. */
  private readonly starts = new Int32Array(MOST_PIECES);
  private readonly ends = new Int32Array(MOST_PIECES);
  private first = 0;
  private next = 0;
  /** Bytes taken from the front since the first piece was lent. */
  private taken = 0;
  /** Bytes in all pieces. */
  length = 0;

  get full(): boolean {
    return this.next === MOST_PIECES;
  }

  /** Pieces that hold bytes. */
  get count(): number {
    return this.next - this.first;
  }

  /** Of the `index`th piece: the offset of its first byte from the front of the buffer. */
  offsetOf(index: number): number {
    return (this.offsets[this.first + index] as number) - this.taken;
  }

  startOf(index: number): number {
    return this.starts[this.first + index] as number;
  }

  endOf(index: number): number {
    return this.ends[this.first + index] as number;
  }

  /** Remembers `[start, end)` of the device's memory, whose first byte is `offset` bytes from the front. */
  add(offset: number, start: number, end: number): void {
    this.offsets[this.next] = offset + this.taken;
    this.starts[this.next] = start;
    this.ends[this.next] = end;
    this.next++;
    this.length += end - start;
  }

  /** `count` bytes were taken from the front of the buffer. */
  take(count: number): void {
    this.taken += count;
    while (this.first < this.next) {
      const gone = -this.offsetOf(0);
      if (gone <= 0) return;
      const length = this.endOf(0) - this.startOf(0);
      this.length -= Math.min(gone, length);
      if (gone < length) {
        this.offsets[this.first] = this.taken;
        this.starts[this.first] = this.startOf(0) + gone;
        return;
      }
      this.first++;
    }
  }

  clear(): void {
    this.first = 0;
    this.next = 0;
    this.taken = 0;
    this.length = 0;
  }
}

/** Of who has borrowed nothing. */
export const NOTHING_LENT: LentBytes = new LentBytes();

/** Who has borrowed. */
interface Borrower {
  settle(): void;
}

/** The memory that bytes are lent from, and who has some. */
export class Lender {
  /** What the device's `receive` points into, and what stays until its `poll`; null = nothing is lent. */
  readonly memory: Uint8Array | null;
  private readonly free: LentBytes[] = [];
  /** Those who have borrowed in this turn; some have given everything back. */
  private readonly borrowers = new WaitingList<Borrower>();

  constructor(memory: Uint8Array | null) {
    this.memory = memory;
  }

  take(borrower: Borrower): LentBytes {
    this.borrowers.push(borrower);
    return this.free.pop() ?? new LentBytes();
  }

  /** Returns what the connection has from now on. */
  give(lent: LentBytes): LentBytes {
    if (lent === NOTHING_LENT) return lent;
    lent.clear();
    if (this.free.length < MOST_FREE) this.free.push(lent);
    return NOTHING_LENT;
  }

  /** The device is about to use its memory again. */
  settle(): void {
    const { borrowers } = this;
    for (let one = borrowers.shift(); one !== null; one = borrowers.shift()) one.settle();
  }
}
