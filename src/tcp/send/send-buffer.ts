/** The bytes from SND.UNA on: unacknowledged, then unsent. Also serves every retransmission. */

import { type BufferPool, SMALLEST_BLOCK } from '../../base/buffer-pool.ts';
import { type ByteRing, copyBytes, EMPTY_RING } from '../../base/byte-ring.ts';
import { SEQ_ZERO, type Seq, seqAdd, seqDiff } from '../../base/seq.ts';
import type { Frame } from '../../wire/frame.ts';
import type { Ledger } from '../compact/ledger.ts';
import { ONLY_COPIED, type Runs, type RunsPool } from './owned-bytes.ts';

/** What the send buffers of a stack share. */
export interface SendMemory {
  readonly pool: BufferPool;
  readonly runs: RunsPool;
}

export class SendBuffer {
  private readonly memory: SendMemory;
  /** The bytes that were copied. */
  private ring: ByteRing = EMPTY_RING;
  /** Which bytes were: all, but for a user who hands memory over. */
  private runs: Runs = ONLY_COPIED;
  /** Sequence number of the first byte held (point). */
  start: Seq = SEQ_ZERO;

  constructor(memory: SendMemory) {
    this.memory = memory;
  }

  /** No memory is held, and none of the user's. */
  get isEmpty(): boolean {
    return this.ring === EMPTY_RING && this.runs === ONLY_COPIED;
  }

  exchange(ledger: Ledger): void {
    this.start = ledger.seq(this.start);
  }

  /** Bytes held. */
  get length(): number {
    return this.ring.length + this.runs.owned;
  }

  /** One past the last byte held: where a FIN goes (point). */
  get end(): Seq {
    return seqAdd(this.start, this.length);
  }

  /** Memory held, bytes; what the user has handed over is not counted. */
  get capacity(): number {
    return this.ring.capacity;
  }

  /**
   * Copies `bytes[from … to)` to the end. Returns how many bytes were taken: when the memory budget is
   * used up, what fits into what is held already, or into a smallest block.
   */
  append(bytes: Uint8Array, from: number, to: number): number {
    const { pool } = this.memory;
    const { length } = this.ring;
    let end = to;
    let ring = pool.enlarge(this.ring, length + to - from);
    if (ring === null) {
      end = Math.min(to, from + Math.max(SMALLEST_BLOCK, this.ring.capacity) - length);
      ring = end === from ? null : pool.enlarge(this.ring, length + end - from);
      if (ring === null) return 0;
    }
    this.ring = ring;
    ring.writeAt(length, bytes, from, end);
    ring.length = length + end - from;
    if (this.runs !== ONLY_COPIED) this.runs.addCopied(end - from);
    return end - from;
  }

  /** Takes all of `bytes`, which must stay as they are until they are acknowledged. */
  appendOwned(bytes: Uint8Array): void {
    if (this.runs === ONLY_COPIED) {
      this.runs = this.memory.runs.take();
      this.runs.addCopied(this.ring.length);
    }
    this.runs.createPiece(bytes);
  }

  /** Forgets everything before `seq`; returns how many bytes that was. */
  releaseBefore(seq: Seq): number {
    const count = Math.min(seqDiff(seq, this.start), this.length);
    if (count <= 0) return 0;
    this.start = seqAdd(this.start, count);
    this.ring.drop(this.runs === ONLY_COPIED ? count : this.dropRuns(count));
    if (this.ring.length === 0) this.ring = this.memory.pool.give(this.ring);
    return count;
  }

  /** Returns how many of the `count` oldest bytes lie in the ring. */
  private dropRuns(count: number): number {
    const copied = this.runs.drop(count);
    if (this.runs.owned === 0) this.runs = this.memory.runs.give(this.runs);
    return copied;
  }

  /** Points the frame's payload at `length` bytes from `seq`. */
  lend(frame: Frame, seq: Seq, length: number): void {
    const offset = seqDiff(seq, this.start);
    if (this.runs === ONLY_COPIED) this.lendRing(frame, offset, length);
    else this.lendRuns(frame, offset, length);
  }

  private lendRing(frame: Frame, offset: number, length: number): void {
    const ring = this.ring;
    const place = ring.position(offset);
    frame.payload = ring.bytes;
    frame.payloadView = ring.view;
    frame.payloadStart = place;
    frame.payloadLength = Math.min(length, ring.capacity - place);
    frame.wrappedLength = length - frame.payloadLength;
  }

  private lendRuns(frame: Frame, offset: number, length: number): void {
    const { runs } = this;
    runs.locate(offset);
    if (runs.rest < length) {
      this.gather(frame, offset, length);
    } else if (runs.bytes === null) {
      this.lendRing(frame, runs.place, length);
    } else {
      frame.payload = runs.bytes;
      frame.payloadView = runs.view as DataView;
      frame.payloadStart = runs.place;
      frame.payloadLength = length;
      frame.wrappedLength = 0;
    }
  }

  /** A payload that lies in several runs is copied together. */
  private gather(frame: Frame, offset: number, length: number): void {
    const { runs } = this;
    const target = this.memory.runs.takeGather();
    for (let done = 0; done < length; ) {
      runs.locate(offset + done);
      const { bytes, place } = runs;
      const count = Math.min(runs.rest, length - done);
      if (bytes === null) this.ring.copyTo(place, count, target, done);
      else copyBytes(target, done, bytes, place, place + count);
      done += count;
    }
    frame.payload = target;
    frame.payloadView = this.memory.runs.takeGatherView();
    frame.payloadStart = 0;
    frame.payloadLength = length;
    frame.wrappedLength = 0;
  }

  /** Gives everything back. */
  clear(): void {
    this.runs = this.memory.runs.give(this.runs);
    this.ring = this.memory.pool.give(this.ring);
  }
}
