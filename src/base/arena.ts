/**
 * One stretch of memory for packets that come in and for the rings that keep their bytes: within one
 * buffer bytes move without the view that a copy between two buffers makes, which is garbage.
 */

export class Arena {
  /** All of it. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private next: number;

  /** The first `reserved` of `length` bytes are its maker's. Memory that nobody uses costs addresses only. */
  constructor(length: number, reserved: number) {
    const memory = new ArrayBuffer(length);
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.next = reserved;
  }

  /** Offset of `size` bytes that are the caller's for good, or -1: there are no more. */
  take(size: number): number {
    const at = this.next;
    if (at + size > this.bytes.length) return -1;
    this.next += size;
    return at;
  }
}
