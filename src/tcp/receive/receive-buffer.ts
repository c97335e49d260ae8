/**
 * What has been received: bytes in order that wait for RECEIVE, and behind RCV.NXT, in the same
 * ring at their own places, bytes that came out of order. RFC 9293 §3.10.7.4, seventh.
 *
 * A byte once stored is never overwritten: the first copy wins.
 *
 * Large pieces in order are only remembered, until the turn's end, where they lie in the device's
 * memory (see lent-bytes.ts): their places in the ring are kept for them.
 */

import type { BufferPool } from '../../base/buffer-pool.ts';
import { type ByteRing, copyBytes, EMPTY_RING } from '../../base/byte-ring.ts';
import type { RangeList } from '../../base/range-list.ts';
import { type Seq, seqDiff, seqGt, seqLt } from '../../base/seq.ts';
import { type Holes, type HolesPool, NO_HOLES } from './holes.ts';
import { LEAST_LENT, type Lender, type LentBytes, NOTHING_LENT } from './lent-bytes.ts';
import type { ReceivedPiece } from './received-piece.ts';
import type { RecentBlocks } from './recent-blocks.ts';

/** What the receive buffers of a stack share. */
export interface ReceiveMemory {
  readonly pool: BufferPool;
  readonly holes: HolesPool;
  readonly lender: Lender;
}

export class ReceiveBuffer {
  private readonly memory: ReceiveMemory;
  private ring: ByteRing = EMPTY_RING;
  private lent: LentBytes = NOTHING_LENT;
  private holes: Holes = NO_HOLES;

  constructor(memory: ReceiveMemory) {
    this.memory = memory;
  }

  /** Out-of-order bytes, as ranges of sequence space. */
  get outOfOrder(): RangeList {
    return this.holes.ranges;
  }

  /** In which order they came. */
  get recent(): RecentBlocks {
    return this.holes.recent;
  }

  /** No memory is held. */
  get isEmpty(): boolean {
    return this.ring === EMPTY_RING && this.lent === NOTHING_LENT && this.holes === NO_HOLES;
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
    const ranges = this.outOfOrder;
    const ring = this.roomFor(length + given);
    if (ring === null) return 0;
    this.ring = ring;
    if (ranges.count === 0) {
      if (given < LEAST_LENT || !this.borrow(length, bytes, from, to)) ring.writeAt(length, bytes, from, to);
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
    if (this.holes === NO_HOLES) this.holes = this.memory.holes.take();
    if (!this.outOfOrder.fits(seq, end)) return false;
    const ring = this.memory.pool.enlarge(this.ring, this.ring.length + seqDiff(end, nxt));
    if (ring === null) return false;
    this.ring = ring;
    this.writeGaps(nxt, seq, bytes, from, to);
    this.outOfOrder.insert(seq, end);
    return true;
  }

  /** Copies up to `target[at … end)` from `offset` bytes behind the front, without taking them. */
  peek(target: Uint8Array, at: number, end: number, offset: number): number {
    const count = Math.max(0, Math.min(end - at, this.ring.length - offset));
    if (this.lent !== NOTHING_LENT) this.copyWithLent(target, at, offset, count);
    else if (count > 0) this.ring.copyTo(offset, count, target, at);
    return count;
  }

  /** Points `piece` at the bytes in order from the front on, as many as lie together; false when there are none. */
  front(piece: ReceivedPiece): boolean {
    const { ring, lent } = this;
    if (ring.length === 0) return false;
    const before = lent.count > 0 ? lent.offsetOf(0) : ring.length;
    if (before === 0) {
      piece.bytes = this.memory.lender.memory as Uint8Array;
      piece.start = lent.startOf(0);
      piece.end = lent.endOf(0);
    } else {
      piece.bytes = ring.bytes;
      piece.start = ring.position(0);
      piece.end = Math.min(piece.start + before, ring.capacity);
    }
    return true;
  }

  /** Forgets `count` bytes at the front, which the user has taken. */
  consume(count: number): void {
    this.ring.drop(count);
    if (this.lent !== NOTHING_LENT) {
      this.lent.take(count);
      if (this.lent.count === 0) this.lent = this.memory.lender.give(this.lent);
    }
    if (this.ring.length === 0 && this.outOfOrder.count === 0) this.ring = this.memory.pool.give(this.ring);
  }

  /** Copies what is still lent to its place: the device is about to use its memory again. */
  settle(): void {
    const { lent } = this;
    const { lender } = this.memory;
    for (let i = 0; i < lent.count; i++)
      this.ring.writeAt(lent.offsetOf(i), lender.memory as Uint8Array, lent.startOf(i), lent.endOf(i));
    this.lent = lender.give(lent);
  }

  /** Gives everything back. */
  clear(): void {
    this.lent = this.memory.lender.give(this.lent);
    this.ring = this.memory.pool.give(this.ring);
    this.dropOutOfOrder();
  }

  /** Forgets what came out of order. */
  dropOutOfOrder(): void {
    this.holes = this.memory.holes.give(this.holes);
  }

  /** `seq`, of data that was kept or of a FIN ahead of a hole, is what has come last. */
  noteRecent(seq: Seq): void {
    if (this.holes === NO_HOLES) this.holes = this.memory.holes.take();
    this.recent.note(seq, this.outOfOrder);
  }

  /** A ring for `size` bytes in all, or null. Bytes that are all lent need not move to it. */
  private roomFor(size: number): ByteRing | null {
    const { ring, lent } = this;
    const { pool } = this.memory;
    if (size <= ring.capacity) return ring;
    if (lent === NOTHING_LENT || lent.length < ring.length || this.outOfOrder.count > 0)
      return pool.enlarge(ring, size);
    const larger = pool.take(size);
    if (larger === null) return null;
    larger.length = ring.length;
    pool.give(ring);
    return larger;
  }

  /** Remembers `bytes[from … to)`, which belong at `offset`, where they lie; false when they do not stay there. */
  private borrow(offset: number, bytes: Uint8Array, from: number, to: number): boolean {
    const { lender } = this.memory;
    if (bytes !== lender.memory) return false;
    if (this.lent === NOTHING_LENT) this.lent = lender.take(this);
    if (this.lent.full) return false;
    this.lent.add(offset, from, to);
    return true;
  }

  /** `count` bytes from `offset` on, some of them lent. */
  private copyWithLent(target: Uint8Array, at: number, offset: number, count: number): void {
    const { lent, ring } = this;
    const source = this.memory.lender.memory as Uint8Array;
    const end = offset + count;
    let position = offset;
    for (let i = 0; i < lent.count && position < end; i++) {
      const begin = lent.offsetOf(i);
      const start = lent.startOf(i);
      const behind = begin + lent.endOf(i) - start;
      if (behind <= position) continue;
      const own = Math.min(begin, end);
      if (position < own) ring.copyTo(position, own - position, target, at + position - offset);
      position = Math.max(position, own);
      const stop = Math.min(behind, end);
      if (position < stop)
        copyBytes(target, at + position - offset, source, start + position - begin, start + stop - begin);
      position = Math.max(position, stop);
    }
    if (position < end) ring.copyTo(position, end - position, target, at + position - offset);
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
