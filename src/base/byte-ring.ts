/** A ring of bytes in recycled memory: what a connection holds for its user, or for the peer. */

import type { Arena } from './arena.ts';

/** Its memory, a power of two, is the pool's (see buffer-pool.ts), and has one long-lived view. */
export class ByteRing {
  readonly bytes: Uint8Array;
  /** Over exactly `bytes`. */
  readonly view: DataView;
  /** The arena that `bytes` lies in, from `base` on; `bytes` itself when in none. */
  private readonly whole: Uint8Array;
  private readonly base: number;
  /** Position of the first byte held. */
  private head = 0;
  /** Bytes held, from the front on. */
  length = 0;

  /** In an arena, from `base` on; or in memory of its own. */
  constructor(capacity: number, arena: Arena | null = null, base = 0) {
    const memory = arena === null ? new ArrayBuffer(capacity) : arena.bytes.buffer;
    this.bytes = new Uint8Array(memory, base, capacity);
    this.view = new DataView(memory, base, capacity);
    this.whole = arena === null ? this.bytes : arena.bytes;
    this.base = base;
  }

  get inArena(): boolean {
    return this.whole !== this.bytes;
  }

  get capacity(): number {
    return this.bytes.length;
  }

  /** Takes over all that `old`, which is smaller, has: what was written ahead of its length, too. */
  moveFrom(old: ByteRing): void {
    const { whole, base, capacity, head } = old;
    this.put(0, whole, base + head, base + capacity);
    this.put(capacity - head, whole, base, base + head);
    this.head = 0;
    this.length = old.length;
  }

  /**
   * Writes `source[start … end)` at `offset` bytes from the front, without changing `length`.
   * The caller has seen to the room.
   */
  writeAt(offset: number, source: Uint8Array, start: number, end: number): void {
    const mask = this.bytes.length - 1;
    const place = (this.head + offset) & mask;
    const first = Math.min(end - start, this.bytes.length - place);
    this.put(place, source, start, start + first);
    if (first < end - start) this.put(0, source, start + first, end);
  }

  private put(place: number, source: Uint8Array, start: number, end: number): void {
    if (source === this.whole) source.copyWithin(this.base + place, start, end);
    else copyBytes(this.bytes, place, source, start, end);
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

  /** Forgets everything. */
  reset(): void {
    this.head = 0;
    this.length = 0;
  }
}

/** The ring of who holds nothing. It has no room: nobody writes to it. */
export const EMPTY_RING: ByteRing = new ByteRing(0);

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
    target.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
  }
}
