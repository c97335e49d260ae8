/**
 * What has been received: bytes in order that wait for RECEIVE, and behind RCV.NXT, in the same
 * ring at their own places, bytes that came out of order. RFC 9293 §3.10.7.4, seventh.
 *
 * A byte once stored is never overwritten: the first copy wins.
 */

import type { BufferPool } from '../../base/buffer-pool.ts';
import { ByteRing } from '../../base/byte-ring.ts';
import { RangeList } from '../../base/range-list.ts';
import { type Seq, seqDiff, seqGt, seqLt } from '../../base/seq.ts';
import { RecentBlocks } from './recent-blocks.ts';

/** Holes behind RCV.NXT that one connection may have: every second segment of a large window. 8 bytes each. */
const MAX_RANGES = 1024;

export class ReceiveBuffer {
  private readonly ring: ByteRing;
  /** Out-of-order bytes, as ranges of sequence space. */
  readonly outOfOrder = new RangeList(MAX_RANGES);
  readonly recent = new RecentBlocks();

  constructor(pool: BufferPool) {
    this.ring = new ByteRing(pool);
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
    const ring = this.ring;
    const given = to - from;
    const length = ring.length;
    if (!ring.reserve(length + given)) return 0;
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
    if (ranges.count === 0) this.recent.clear();
    ring.length = length + advance;
    return advance;
  }

  /**
   * Keeps `bytes[from … to)`, whose first byte `seq` lies behind RCV.NXT `nxt`. False when nothing
   * was kept: too many holes, or no memory.
   */
  keep(nxt: Seq, seq: Seq, bytes: Uint8Array, from: number, to: number): boolean {
    const ring = this.ring;
    const end = ((seq + to - from) | 0) as Seq;
    if (!this.outOfOrder.fits(seq, end)) return false;
    if (!ring.reserve(ring.length + seqDiff(end, nxt))) return false;
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
    if (this.ring.length === 0 && this.outOfOrder.count === 0) this.ring.release();
  }

  /** Gives everything back. */
  clear(): void {
    this.ring.release();
    this.dropOutOfOrder();
  }

  /** Forgets what came out of order. */
  dropOutOfOrder(): void {
    this.outOfOrder.clear();
    this.recent.clear();
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
