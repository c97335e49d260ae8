/**
 * What has been received: bytes in order that wait for RECEIVE, and behind RCV.NXT, in the same
 * ring at their own places, bytes that came out of order. RFC 9293 §3.10.7.4, seventh.
 *
 * A byte once stored is never overwritten: the first copy wins.
 */

import type { BufferPool } from '../../base/buffer-pool.ts';
import { type ByteRing, EMPTY_RING } from '../../base/byte-ring.ts';
import type { RangeList } from '../../base/range-list.ts';
import { type Seq, seqDiff, seqGt, seqLt } from '../../base/seq.ts';
import { type Holes, type HolesPool, NO_HOLES } from './holes.ts';
import type { RecentBlocks } from './recent-blocks.ts';

export class ReceiveBuffer {
  private readonly pool: BufferPool;
  private ring: ByteRing = EMPTY_RING;
  private readonly holesPool: HolesPool;
  private holes: Holes = NO_HOLES;

  constructor(pool: BufferPool, holesPool: HolesPool) {
    this.pool = pool;
    this.holesPool = holesPool;
  }

  /** Out-of-order bytes, as ranges of sequence space. */
  get outOfOrder(): RangeList {
    return this.holes.ranges;
  }

  /** In which order they came. */
  get recent(): RecentBlocks {
    return this.holes.recent;
  }

  /** Bytes in order, unread. */
  get length(): number {
    return this.ring.length;
  }

  /** Memory held, bytes. */
  get capacity(): number {
    return this.ring.capacity;
  }

  /** Bytes out of order. */
  get outOfOrderLength(): number {
    let sum = 0;
    const ranges = this.outOfOrder;
    for (let i = 0; i < ranges.count; i++) sum += seqDiff(ranges.endOf(i), ranges.startOf(i));
    return sum;
  }

  /**
   * Takes `bytes[from … to)`, whose first byte is RCV.NXT. Returns by how far RCV.NXT moves: more
   * than was given when a gap was closed; 0 when the memory budget is used up.
   */
  append(nxt: Seq, bytes: Uint8Array, from: number, to: number): number {
    const given = to - from;
    const { length } = this.ring;
    const ring = this.pool.enlarge(this.ring, length + given);
    if (ring === null) return 0;
    this.ring = ring;
    const ranges = this.outOfOrder;
    if (ranges.count === 0) {
      ring.writeAt(length, bytes, from, to);
      ring.length = length + given;
      return given;
    }
    this.writeGaps(nxt, nxt, bytes, from, to);
    let advance = given;
    const end = (nxt + given) | 0;
    const touched = ranges.find(nxt);
    for (let i = touched; i < ranges.count && seqDiff(ranges.startOf(i), end as Seq) <= 0; i++) {
      advance = Math.max(advance, seqDiff(ranges.endOf(i), nxt));
    }
    const newNxt = ((nxt + advance) | 0) as Seq;
    ranges.dropBefore(newNxt);
    if (ranges.count === 0) this.dropOutOfOrder();
    ring.length = length + advance;
    return advance;
  }

  /**
   * Keeps `bytes[from … to)`, whose first byte `seq` lies behind RCV.NXT `nxt`. False when nothing
   * was kept: too many holes, or no memory.
   */
  keep(nxt: Seq, seq: Seq, bytes: Uint8Array, from: number, to: number): boolean {
    const end = ((seq + to - from) | 0) as Seq;
    if (this.holes === NO_HOLES) this.holes = this.holesPool.take();
    if (!this.outOfOrder.fits(seq, end)) return false;
    const ring = this.pool.enlarge(this.ring, this.ring.length + seqDiff(end, nxt));
    if (ring === null) return false;
    this.ring = ring;
    this.writeGaps(nxt, seq, bytes, from, to);
    this.outOfOrder.insert(seq, end);
    return true;
  }

  /** Copies up to `target[at … end)` from `offset` bytes behind the front, without taking them. */
  peek(target: Uint8Array, at: number, end: number, offset: number): number {
    const count = Math.max(0, Math.min(end - at, this.ring.length - offset));
    if (count > 0) this.ring.copyTo(offset, count, target, at);
    return count;
  }

  /** Forgets `count` bytes at the front, which the user has taken. */
  consume(count: number): void {
    this.ring.drop(count);
    if (this.ring.length === 0 && this.outOfOrder.count === 0) this.ring = this.pool.give(this.ring);
  }

  /** Gives everything back. */
  clear(): void {
    this.ring = this.pool.give(this.ring);
    this.dropOutOfOrder();
  }

  /** Forgets what came out of order. */
  dropOutOfOrder(): void {
    this.holes = this.holesPool.give(this.holes);
  }

  /** `seq`, of data that was kept or of a FIN ahead of a hole, is what has come last. */
  noteRecent(seq: Seq): void {
    if (this.holes === NO_HOLES) this.holes = this.holesPool.take();
    this.recent.note(seq, this.outOfOrder);
  }

  /** Writes the parts of [seq, seq + to - from) that are not held yet. */
  private writeGaps(nxt: Seq, seq: Seq, bytes: Uint8Array, from: number, to: number): void {
    const ranges = this.outOfOrder;
    const base = this.ring.length - (nxt | 0);
    let at = seq;
    let read = from;
    for (let i = ranges.find(seq); i < ranges.count && read < to; i++) {
      const start = ranges.startOf(i);
      if (seqGt(start, at)) {
        const gap = Math.min(seqDiff(start, at), to - read);
        this.ring.writeAt((base + at) | 0, bytes, read, read + gap);
        read += gap;
        at = start;
      }
      if (seqLt(at, ranges.endOf(i))) {
        read += seqDiff(ranges.endOf(i), at);
        at = ranges.endOf(i);
      }
    }
    if (read < to) this.ring.writeAt((base + at) | 0, bytes, read, to);
  }
}
