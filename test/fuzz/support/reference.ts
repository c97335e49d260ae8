/**
 * The parsers of src/wire once more, in the plainest way: what they are compared with. They know
 * nothing of memory, reuse or speed.
 */

/** Sum of 16-bit words, RFC 1071 §1, folded. */
export function plainSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

export function pseudoHeader(source: number, destination: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, source);
  view.setInt32(4, destination);
  bytes[9] = 6;
  view.setUint16(10, length);
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export interface PlainOptions {
  mss: number;
  windowScale: number;
  sackPermitted: boolean;
  timestamps: [number, number] | null;
  sack: number[];
  bad: boolean;
}

const LEGAL: Record<number, readonly number[]> = { 2: [4], 3: [3], 4: [2], 5: [10, 18, 26, 34], 8: [10] };

/** RFC 9293 §3.2, as tcp-options.ts promises it. */
export function plainOptions(bytes: Uint8Array, isSyn: boolean): PlainOptions {
  const found: PlainOptions = {
    mss: -1,
    windowScale: -1,
    sackPermitted: false,
    timestamps: null,
    sack: [],
    bad: false,
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const kind = bytes[at] as number;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const legal = LEGAL[kind]?.includes(length) ?? true;
    if (length < 2 || at + length > bytes.length || !legal) {
      found.bad = true;
      break;
    }
    note(found, view.getUint8(at), new DataView(view.buffer, view.byteOffset + at, length), isSyn);
    at += length;
  }
  return found;
}

function note(found: PlainOptions, kind: number, option: DataView, isSyn: boolean): void {
  if (kind === 8) found.timestamps ??= [option.getInt32(2), option.getInt32(6)];
  if (kind === 5 && found.sack.length === 0) {
    for (let at = 2; at < option.byteLength; at += 4) found.sack.push(option.getInt32(at));
  }
  if (!isSyn) return;
  if (kind === 2 && found.mss < 0) found.mss = option.getUint16(2);
  if (kind === 3 && found.windowScale < 0) found.windowScale = option.getUint8(2);
  if (kind === 4) found.sackPermitted = true;
}

/** What RFC 791 and RFC 1122 §3.2.1 say about a header: the reason to drop it, or null. */
export function plainIpv4(bytes: Uint8Array): string | null {
  if (bytes.length < 20) return 'PKT_TOO_SMALL';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) >> 4 !== 4) return 'IP_VERSION';
  const headerLength = (view.getUint8(0) & 15) * 4;
  const total = view.getUint16(2);
  if (headerLength < 20 || headerLength > total || total > bytes.length) return 'IP_INHDR';
  if (plainSum(bytes.subarray(0, headerLength)) !== 0xffff) return 'IP_CSUM';
  return plainIpOptions(bytes.subarray(20, headerLength));
}

function plainIpOptions(bytes: Uint8Array): string | null {
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const type = bytes[at] as number;
    if (type === 1) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) return 'IP_OPTIONS';
    if (type === 131 || type === 137) return 'IP_SOURCE_ROUTE';
    const least = { 7: 4, 68: 5 }[type];
    if (least !== undefined) {
      const pointer = length < least - 1 ? -1 : (bytes[at + 2] as number);
      if (pointer < least || pointer > length + 1) return 'IP_OPTIONS';
    }
    at += length;
  }
  return null;
}
