/** Reads a fuzzer's input as operands. Behind its end everything is zero, so that every input is a program. */
export class ByteReader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  u8(): number {
    return this.bytes[this.at++] ?? 0;
  }

  /** The next byte, not yet taken. */
  peek(): number {
    return this.bytes[this.at] ?? 0;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  i16(): number {
    return (this.u16() << 16) >> 16;
  }

  /** Signed. */
  i32(): number {
    return (this.u16() << 16) | this.u16();
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  /** One of a table. */
  of<T>(table: readonly T[]): T {
    return table[this.u8() % table.length] as T;
  }

  /** At most `most` bytes: as many as the next byte says and there are. A copy of its own memory. */
  block(most: number): Uint8Array<ArrayBuffer> {
    const length = Math.min(this.u8() % (most + 1), Math.max(0, this.bytes.length - this.at));
    return this.take(length);
  }

  rest(): Uint8Array<ArrayBuffer> {
    return this.take(Math.max(0, this.bytes.length - this.at));
  }

  private take(length: number): Uint8Array<ArrayBuffer> {
    // `new Uint8Array`: its memory ends where the bytes end, and whoever reads behind them is noticed.
    const copy = new Uint8Array(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return copy;
  }
}
