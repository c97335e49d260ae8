/** Recycled memory for byte rings: powers of two, one budget for the whole stack. */

/** Smallest and largest block, bytes. */
const SMALLEST_SHIFT = 12;
const LARGEST_SHIFT = 30;
export const SMALLEST_BLOCK = 1 << SMALLEST_SHIFT;
/** Free blocks kept for reuse, bytes; more goes back to the garbage collector. */
const KEEP_FREE = 64 * 1024 * 1024;

/** A block of memory with its one long-lived view. */
export class Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(length: number) {
    const memory = new ArrayBuffer(length);
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
  }
}

export class BufferPool {
  private readonly free: Block[][] = [];
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

  constructor(budget: number) {
    this.budget = budget;
    for (let shift = SMALLEST_SHIFT; shift <= LARGEST_SHIFT; shift++) this.free.push([]);
  }

  /** A block of at least `size` bytes, its length a power of two, its content anything; null = over budget. */
  take(size: number): Block | null {
    let shift = SMALLEST_SHIFT;
    while (1 << shift < size) shift++;
    if (shift > LARGEST_SHIFT) return null;
    const length = 1 << shift;
    if (this.inUse + length > this.budget - this.reserveAgainst(length)) return null;
    this.inUse += length;
    const recycled = (this.free[shift - SMALLEST_SHIFT] as Block[]).pop();
    if (recycled === undefined) return new Block(length);
    this.freeBytes -= length;
    return recycled;
  }

  private reserveAgainst(length: number): number {
    return length === SMALLEST_BLOCK ? 0 : Math.min(this.budget / 2, this.claims * 2 * SMALLEST_BLOCK);
  }

  /** Takes a block back. The caller must not touch it again. */
  give(block: Block): void {
    const length = block.bytes.length;
    this.inUse -= length;
    if (this.freeBytes + length > KEEP_FREE) return;
    const shift = 31 - Math.clz32(length);
    (this.free[shift - SMALLEST_SHIFT] as Block[]).push(block);
    this.freeBytes += length;
  }
}
