/** The bytes from SND.UNA on: unacknowledged, then unsent. Also serves every retransmission. */

import { type BufferPool, SMALLEST_BLOCK } from '../../base/buffer-pool.ts';
import { type ByteRing, EMPTY_RING } from '../../base/byte-ring.ts';
import { SEQ_ZERO, type Seq, seqAdd, seqDiff } from '../../base/seq.ts';
import type { Frame } from '../../wire/frame.ts';

export class SendBuffer {
  private readonly pool: BufferPool;
  private ring: ByteRing = EMPTY_RING;
  /** Sequence number of the first byte held (point). */
  start: Seq = SEQ_ZERO;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** Bytes held. */
  get length(): number {
    return this.ring.length;
  }

  /** One past the last byte held: where a FIN goes (point). */
  get end(): Seq {
    return seqAdd(this.start, this.ring.length);
  }

  /** Memory held, bytes. */
  get capacity(): number {
    return this.ring.capacity;
  }

  /**
   * Copies `bytes[from … to)` to the end. Returns how many bytes were taken: when the memory budget is
   * used up, what fits into what is held already, or into a smallest block.
   */
  append(bytes: Uint8Array, from: number, to: number): number {
    const { length } = this.ring;
    let end = to;
    let ring = this.pool.enlarge(this.ring, length + to - from);
    if (ring === null) {
      end = Math.min(to, from + Math.max(SMALLEST_BLOCK, this.ring.capacity) - length);
      ring = end === from ? null : this.pool.enlarge(this.ring, length + end - from);
      if (ring === null) return 0;
    }
    this.ring = ring;
    ring.writeAt(length, bytes, from, end);
    ring.length = length + end - from;
    return end - from;
  }

  /** Forgets everything before `seq`; returns how many bytes that was. */
  releaseBefore(seq: Seq): number {
    const count = Math.min(seqDiff(seq, this.start), this.ring.length);
    if (count <= 0) return 0;
    this.start = seqAdd(this.start, count);
    this.ring.drop(count);
    if (this.ring.length === 0) this.ring = this.pool.give(this.ring);
    return count;
  }

  /** Points the frame's payload at `length` bytes from `seq`. */
  lend(frame: Frame, seq: Seq, length: number): void {
    const ring = this.ring;
    const place = ring.position(seqDiff(seq, this.start));
    frame.payload = ring.bytes;
    frame.payloadView = ring.view;
    frame.payloadStart = place;
    frame.payloadLength = Math.min(length, ring.capacity - place);
    frame.wrappedLength = length - frame.payloadLength;
  }

  /** Gives everything back. */
  clear(): void {
    this.ring = this.pool.give(this.ring);
  }
}
