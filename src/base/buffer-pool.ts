/** Recycled memory for byte rings: powers of two, one budget for the whole stack. */

/** Smallest and largest block, bytes. */
const SMALLEST_SHIFT = 12;
const LARGEST_SHIFT = 24;
/** Free blocks kept for reuse, bytes; more goes back to the garbage collector. */
const KEEP_FREE = 64 * 1024 * 1024;

export class BufferPool {
  private readonly free: Uint8Array[][] = [];
  private freeBytes = 0;
  /** Bytes handed out: capacity, not payload. */
  inUse = 0;
  /** `take` gives nothing beyond this many bytes in use. */
  budget: number;

  constructor(budget: number) {
    this.budget = budget;
    for (let shift = SMALLEST_SHIFT; shift <= LARGEST_SHIFT; shift++) this.free.push([]);
  }

  /** A block of at least `size` bytes, its length a power of two, its content anything; null = over budget. */
  take(size: number): Uint8Array | null {
    let shift = SMALLEST_SHIFT;
    while (1 << shift < size) shift++;
    if (shift > LARGEST_SHIFT) return null;
    const length = 1 << shift;
    if (this.inUse + length > this.budget) return null;
    this.inUse += length;
    const recycled = (this.free[shift - SMALLEST_SHIFT] as Uint8Array[]).pop();
    if (recycled === undefined) return new Uint8Array(length);
    this.freeBytes -= length;
    return recycled;
  }

  /** Takes a block back. The caller must not touch it again. */
  give(block: Uint8Array): void {
    this.inUse -= block.length;
    if (this.freeBytes + block.length > KEEP_FREE) return;
    const shift = 31 - Math.clz32(block.length);
    (this.free[shift - SMALLEST_SHIFT] as Uint8Array[]).push(block);
    this.freeBytes += block.length;
  }
}
