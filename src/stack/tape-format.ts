/**
 * How a recording is written down: a line that says what it is, then entries of a code, a length and a
 * body. The first entry is the header. docs/recordings.md has the table.
 */

/** The file's first line. A change that older programs cannot read gets another number. */
const FORMAT = 2;
const FIRST_LINE = `fourwave recording ${FORMAT}\n`;

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
/** A packet went out: its length, its digest and its headers. */
export const ENTRY_SENT = 11;
/** The event log has looked at the clock. */
export const ENTRY_LOG_CLOCK = 12;
/** Faults have told the event log of themselves. */
export const ENTRY_LOG_CALL = 13;
/** A packet came off the wire and met fault rules. */
export const ENTRY_WIRE = 14;
/** The next packet is not off the wire: rules have let it through, or made it. */
export const ENTRY_FROM_RULES = 15;
/** `send`, whose bytes are no text. */
export const ENTRY_SEND = 16;
export const ENTRY_TURN_OVER = 17;
/** The device takes, or does not take, packets: found out by looking. */
export const ENTRY_OPEN = 18;
export const ENTRY_SHUT = 19;
/** No more was kept: the cap. */
export const ENTRY_FULL = 20;
/** The stack was closed: nothing is missing. */
export const ENTRY_END = 21;

/** What messages call them. */
export const ENTRY_NAMES: Readonly<Record<number, string>> = {
  0: 'the end',
  [ENTRY_HEADER]: 'the header',
  [ENTRY_RANDOM]: 'random bytes',
  [ENTRY_CLOCK]: 'a look at the clock',
  [ENTRY_PACKET]: 'a packet that came',
  [ENTRY_BLOCKED]: 'a device that is full',
  [ENTRY_WRITABLE]: 'a device with room again',
  [ENTRY_TURN]: 'a turn',
  [ENTRY_NOTIFY]: 'the third phase of a turn',
  [ENTRY_NOTIFIED]: 'the end of the third phase',
  [ENTRY_CALL]: 'a call',
  [ENTRY_SENT]: 'a packet that went out',
  [ENTRY_LOG_CLOCK]: 'an event of the log',
  [ENTRY_LOG_CALL]: 'an event of a fault',
  [ENTRY_WIRE]: 'a packet off the wire',
  [ENTRY_FROM_RULES]: 'a packet from a rule',
  [ENTRY_SEND]: 'a call of send',
  [ENTRY_TURN_OVER]: 'the end of a turn',
  [ENTRY_OPEN]: 'a device that is open',
  [ENTRY_SHUT]: 'a device that is shut',
  [ENTRY_FULL]: 'the cap',
  [ENTRY_END]: 'the end',
};

/** Code (1 byte) and length of the body (4 bytes, big-endian) stand before each body. */
const PREFIX = 5;
const FIRST_SIZE = 64 * 1024;
/** What a sink gets at a time, more or less. */
const CHUNK = 256 * 1024;

/** Takes whole entries; the memory is its own. */
export type TapeSink = (bytes: Uint8Array) => void;

export class TapeWriter {
  /** Called once when the cap is reached. */
  onFull: (() => void) | null = null;
  /** The cap was reached: entries after it are missing. */
  full = false;

  private bytes = new Uint8Array(FIRST_SIZE);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  /** Bytes that the sink has had. */
  private sunk = 0;
  private readonly cap: number;
  private readonly sink: TapeSink | null;

  /** `cap`: bytes at most. Without a sink all is kept in memory. */
  constructor(cap: number, sink: TapeSink | null) {
    this.cap = cap;
    this.sink = sink;
    for (const char of FIRST_LINE) this.bytes[this.length++] = char.charCodeAt(0);
  }

  /** Everything written and not given to the sink, copied. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** Gives the sink what there is. */
  flush(): void {
    if (this.sink === null || this.length === 0) return;
    const bytes = this.finish();
    this.sunk += bytes.length;
    this.length = 0;
    this.sink(bytes);
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

  /** A number, and bytes behind it. */
  numbered(code: number, number: number, bytes: Uint8Array): void {
    const at = this.begin(code, 8 + bytes.length);
    if (at < 0) return;
    this.view.setFloat64(at, number);
    this.bytes.set(bytes, at + 8);
  }

  /** Length and digest (two int32) of a packet, and its headers. */
  sent(length: number, digest: Int32Array, headers: Uint8Array): void {
    const at = this.begin(ENTRY_SENT, 12 + headers.length);
    if (at < 0) return;
    this.view.setUint32(at, length);
    this.view.setInt32(at + 4, digest[0] as number);
    this.view.setInt32(at + 8, digest[1] as number);
    this.bytes.set(headers, at + 12);
  }

  text(code: number, value: unknown): void {
    this.entry(code, new TextEncoder().encode(JSON.stringify(value, encodeValue)));
  }

  private begin(code: number, size: number): number {
    if (this.full) return -1;
    // The mark that says so fits, too.
    if (this.sunk + this.length + PREFIX + size + PREFIX > this.cap) {
      this.full = true;
      this.append(ENTRY_FULL, 0);
      this.flush();
      this.onFull?.();
      return -1;
    }
    return this.append(code, size);
  }

  private append(code: number, size: number): number {
    if (this.sink !== null && this.length > CHUNK) this.flush();
    while (this.length + PREFIX + size > this.bytes.length) this.grow();
    this.bytes[this.length] = code;
    this.view.setUint32(this.length + 1, size);
    const at = this.length + PREFIX;
    this.length = at + size;
    return at;
  }

  private grow(): void {
    const larger = new Uint8Array(this.bytes.length * 2);
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** What is not a recording, or not one that this program can read. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
  /** It is a recording, of another format. */
  readonly otherVersion: boolean;

  constructor(message: string, otherVersion = false) {
    super(message);
    this.otherVersion = otherVersion;
  }
}

export class TapeReader {
  /** Bytes at the end that are no whole entry. */
  readonly torn: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly end: number;
  private at: number;

  /** @throws RecordingError */
  constructor(bytes: Uint8Array) {
    // A Buffer is one, but its slices share their memory.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = checkFirstLine(bytes);
    this.end = this.lastWhole();
    this.torn = bytes.length - this.end;
  }

  /** The code of the next entry, or 0 at the end. */
  get next(): number {
    return this.at < this.end ? (this.bytes[this.at] as number) : 0;
  }

  /** Byte offset of the next entry, for messages. */
  get offset(): number {
    return this.at;
  }

  /** The body of the next entry, whatever it is. Not at the end. */
  take(): Uint8Array {
    const start = this.at + PREFIX;
    this.at = start + this.view.getUint32(this.at + 1);
    return this.bytes.subarray(start, this.at);
  }

  /** The body of the next entry, which stays the next. */
  peek(): Uint8Array {
    const start = this.at + PREFIX;
    return this.bytes.subarray(start, start + this.view.getUint32(this.at + 1));
  }

  /** Where the last whole entry ends. */
  private lastWhole(): number {
    let at = this.at;
    for (;;) {
      if (at + PREFIX > this.bytes.length) return at;
      const next = at + PREFIX + this.view.getUint32(at + 1);
      if (next > this.bytes.length) return at;
      at = next;
    }
  }
}

function checkFirstLine(bytes: Uint8Array): number {
  const line = String.fromCharCode(...bytes.subarray(0, FIRST_LINE.length));
  if (line === FIRST_LINE) return FIRST_LINE.length;
  const other = /^fourwave recording (\d+)\n/.exec(line);
  if (other !== null) {
    throw new RecordingError(
      `is a recording of format ${other[1]}, and this program reads format ${FORMAT}`,
      true,
    );
  }
  // Format 1 began with its header at once.
  if (bytes[0] === ENTRY_HEADER && line.includes('{"fourwave":1'))
    throw new RecordingError(`is a recording of format 1, and this program reads format ${FORMAT}`, true);
  throw new RecordingError('is no recording');
}

/** The finite number in a body. NaN when there is none. */
export function numberIn(body: Uint8Array): number {
  if (body.length < 8) return Number.NaN;
  return new DataView(body.buffer, body.byteOffset).getFloat64(0);
}

/** The JSON in a body. @throws SyntaxError */
export function valueIn(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(body), decodeValue);
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
  const hex = String(value.$bytes);
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
