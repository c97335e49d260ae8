/** Recycled byte rings: powers of two, one budget for the whole stack. */

import type { Arena } from './arena.ts';
import { ByteRing, EMPTY_RING } from './byte-ring.ts';

/** Smallest and largest block, bytes. */
const SMALLEST_SHIFT = 12;
const LARGEST_SHIFT = 30;
export const SMALLEST_BLOCK = 1 << SMALLEST_SHIFT;
/** Free rings outside of the arena that are kept for reuse, bytes; more goes back to the garbage collector. */
const KEEP_FREE = 64 * 1024 * 1024;

export class BufferPool {
  private readonly free: ByteRing[][] = [];
  private readonly arena: Arena | null;
  private freeBytes = 0;
  /** Bytes handed out: capacity, not payload. */
  inUse = 0;
  /** `take` gives nothing beyond this many bytes in use. */
  budget: number;
  /**
   * Who may ask for a smallest block, twice (connections): the room for these is not given away in
   * larger ones, so that who holds much does not leave the others with nothing. At most half of the budget.
   */
  claims = 0;

  /** Rings lie in the arena while that has room. */
  constructor(budget: number, arena?: Arena) {
    this.budget = budget;
    this.arena = arena ?? null;
    for (let shift = SMALLEST_SHIFT; shift <= LARGEST_SHIFT; shift++) this.free.push([]);
  }

  /** An empty ring for at least `size` bytes, its memory a power of two, its content anything; null = over budget. */
  take(size: number): ByteRing | null {
    let shift = SMALLEST_SHIFT;
    while (1 << shift < size) shift++;
    if (shift > LARGEST_SHIFT) return null;
    const length = 1 << shift;
    if (this.inUse + length > this.budget - this.reserveAgainst(length)) return null;
    this.inUse += length;
    const recycled = (this.free[shift - SMALLEST_SHIFT] as ByteRing[]).pop();
    if (recycled === undefined) return this.createRing(length);
    if (!recycled.inArena) this.freeBytes -= length;
    return recycled;
  }

  private createRing(length: number): ByteRing {
    const base = this.arena === null ? -1 : this.arena.take(length);
    return base < 0 ? new ByteRing(length) : new ByteRing(length, this.arena, base);
  }

  private reserveAgainst(length: number): number {
    return length === SMALLEST_BLOCK ? 0 : Math.min(this.budget / 2, this.claims * 2 * SMALLEST_BLOCK);
  }

  /**
   * `ring`, or a larger one that has taken over its content, with room for `size` bytes in all; null = over
   * budget, and `ring` is as it was.
   */
  enlarge(ring: ByteRing, size: number): ByteRing | null {
    if (size <= ring.capacity) return ring;
    const larger = this.take(size);
    if (larger === null || ring.capacity === 0) return larger;
    larger.moveFrom(ring);
    this.give(ring);
    return larger;
  }

  /** Takes a ring back, and gives the empty one for it. The caller must not touch it again. */
  give(ring: ByteRing): ByteRing {
    if (ring === EMPTY_RING) return ring;
    ring.reset();
    const length = ring.capacity;
    this.inUse -= length;
    if (!ring.inArena) {
      if (this.freeBytes + length > KEEP_FREE) return EMPTY_RING;
      this.freeBytes += length;
    }
    const shift = 31 - Math.clz32(length);
    (this.free[shift - SMALLEST_SHIFT] as ByteRing[]).push(ring);
    return EMPTY_RING;
  }
}
