/** A ring of bytes whose memory comes from a pool and exists only while it holds something. */

import { Block, type BufferPool } from './buffer-pool.ts';

const NO_BLOCK = new Block(0);

export class ByteRing {
  private readonly pool: BufferPool;
  private block = NO_BLOCK;
  /** The memory; its length is a power of two, or 0. */
  bytes: Uint8Array = NO_BLOCK.bytes;
  /** Position of the first byte held. */
  private head = 0;
  /** Bytes held, from the front on. */
  length = 0;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** Over exactly `bytes`. */
  get view(): DataView {
    return this.block.view;
  }

  get capacity(): number {
    return this.bytes.length;
  }

  /** Makes room for `size` bytes in all; false when the pool's budget is used up. */
  reserve(size: number): boolean {
    if (size <= this.bytes.length) return true;
    const larger = this.pool.take(size);
    if (larger === null) return false;
    // The whole memory moves, not only `length`: bytes may have been written ahead of it.
    const old = this.bytes;
    if (old.length > 0) {
      larger.bytes.set(old.subarray(this.head));
      larger.bytes.set(old.subarray(0, this.head), old.length - this.head);
      this.pool.give(this.block);
    }
    this.block = larger;
    this.bytes = larger.bytes;
    this.head = 0;
    return true;
  }

  /**
   * Writes `source[start … end)` at `offset` bytes from the front, without changing `length`.
   * The caller has reserved the room.
   */
  writeAt(offset: number, source: Uint8Array, start: number, end: number): void {
    const mask = this.bytes.length - 1;
    const place = (this.head + offset) & mask;
    const first = Math.min(end - start, this.bytes.length - place);
    copyBytes(this.bytes, place, source, start, start + first);
    if (first < end - start) copyBytes(this.bytes, 0, source, start + first, end);
  }

  /** Copies `length` bytes from `offset` to `target[at …]`. */
  copyTo(offset: number, length: number, target: Uint8Array, at: number): void {
    const place = this.position(offset);
    const first = Math.min(length, this.bytes.length - place);
    copyBytes(target, at, this.bytes, place, place + first);
    if (first < length) copyBytes(target, at + first, this.bytes, 0, length - first);
  }

  /** Index into `bytes` of the byte `offset` from the front. */
  position(offset: number): number {
    return (this.head + offset) & (this.bytes.length - 1);
  }

  /** Forgets `count` bytes at the front. */
  drop(count: number): void {
    this.length -= count;
    this.head = (this.head + count) & (this.bytes.length - 1);
  }

  /** Gives the memory back to the pool. */
  release(): void {
    if (this.bytes.length > 0) this.pool.give(this.block);
    this.block = NO_BLOCK;
    this.bytes = NO_BLOCK.bytes;
    this.head = 0;
    this.length = 0;
  }
}

/** Below this a loop beats making a view for `set`. */
const SHORT_COPY = 24;

/** target[at …] = source[start … end). */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start <= SHORT_COPY) {
    for (let i = start, j = at; i < end; i++, j++) target[j] = source[i] as number;
  } else {
    target.set(source.subarray(start, end), at);
  }
}
