/** How a recording is written down: entries of a code and a length, appended to one growing buffer. */

export const ENTRY_HEADER = 1;
export const ENTRY_RANDOM = 2;
export const ENTRY_CLOCK = 3;
export const ENTRY_PACKET = 4;
export const ENTRY_BLOCKED = 5;
export const ENTRY_WRITABLE = 6;
export const ENTRY_TURN = 7;
export const ENTRY_NOTIFY = 8;
export const ENTRY_NOTIFIED = 9;
export const ENTRY_CALL = 10;

/** Code (1 byte) and length of the body (4 bytes, big-endian) stand before each body. */
const PREFIX = 5;
const FIRST_SIZE = 64 * 1024;

export class TapeWriter {
  private bytes = new Uint8Array(FIRST_SIZE);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  private readonly cap: number;
  /** The cap was reached: entries after it are missing, and the recording cannot be replayed to its end. */
  full = false;

  /** `cap`: bytes at most. */
  constructor(cap: number) {
    this.cap = cap;
  }

  /** Everything written so far, copied. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  entry(code: number, body: Uint8Array): void {
    const at = this.begin(code, body.length);
    if (at >= 0) this.bytes.set(body, at);
  }

  number(code: number, value: number): void {
    const at = this.begin(code, 8);
    if (at >= 0) this.view.setFloat64(at, value);
  }

  mark(code: number): void {
    this.begin(code, 0);
  }

  /** A packet with what its virtio header said. */
  packet(bytes: Uint8Array, gsoSize: number, checksum: number): void {
    const at = this.begin(ENTRY_PACKET, bytes.length + 3);
    if (at < 0) return;
    this.view.setUint16(at, gsoSize);
    this.bytes[at + 2] = checksum;
    this.bytes.set(bytes, at + 3);
  }

  text(code: number, value: unknown): void {
    this.entry(code, new TextEncoder().encode(JSON.stringify(value, encodeValue)));
  }

  private begin(code: number, size: number): number {
    if (this.full || this.length + PREFIX + size > this.cap) {
      this.full = true;
      return -1;
    }
    while (this.length + PREFIX + size > this.bytes.length) this.grow();
    this.bytes[this.length] = code;
    this.view.setUint32(this.length + 1, size);
    const at = this.length + PREFIX;
    this.length = at + size;
    return at;
  }

  private grow(): void {
    const larger = new Uint8Array(this.bytes.length * 2);
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

export class TapeReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The code of the next entry, or 0 at the end. */
  get next(): number {
    return this.at + PREFIX <= this.bytes.length ? (this.bytes[this.at] as number) : 0;
  }

  /** Byte offset of the next entry, for messages. */
  get offset(): number {
    return this.at;
  }

  /** The next entry's body, which must have this code. @throws Error when the run has diverged from the recording */
  take(code: number): Uint8Array {
    if (this.next !== code) {
      throw new Error(`the replay wants entry ${code} and the recording has ${this.next} at byte ${this.at}`);
    }
    const size = this.view.getUint32(this.at + 1);
    const start = this.at + PREFIX;
    this.at = start + size;
    return this.bytes.subarray(start, start + size);
  }

  /** The next entry's number, which stays the next. */
  peekNumber(): number {
    return this.view.getFloat64(this.at + PREFIX);
  }

  number(code: number): number {
    const body = this.take(code);
    return new DataView(body.buffer, body.byteOffset).getFloat64(0);
  }

  text(code: number): unknown {
    return JSON.parse(new TextDecoder().decode(this.take(code)), decodeValue);
  }
}

/** JSON has no bytes and no infinity; both occur in calls. */
function encodeValue(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) {
    let hex = '';
    for (const byte of value) hex += byte.toString(16).padStart(2, '0');
    return { $bytes: hex };
  }
  return value === Infinity ? { $number: 'Infinity' } : value;
}

function decodeValue(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$number' in value) return Infinity;
  if (!('$bytes' in value)) return value;
  const hex = value.$bytes as string;
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
