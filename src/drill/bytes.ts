/**
 * Bytes of packets, on purpose without the codecs of `wire/`: a checker that used the code under test
 * would agree with its mistakes.
 */

export function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Unsigned. */
export function read32(bytes: Uint8Array, at: number): number {
  return ((read16(bytes, at) << 16) | read16(bytes, at + 2)) >>> 0;
}

export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >>> 8) & 0xff;
  bytes[at + 1] = value & 0xff;
}

export function write32(bytes: Uint8Array, at: number, value: number): void {
  write16(bytes, at, value >>> 16);
  write16(bytes, at + 2, value & 0xffff);
}

/** The ones' complement sum of `[start, end)`, folded to 16 bits; a missing last byte is 0. */
export function onesSum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let sum = initial;
  for (let at = start; at < end; at++) sum += (bytes[at] as number) << ((at - start) % 2 === 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/** The sum over the pseudo-header of the transport part from `start` on. */
export function pseudoSum(packet: Uint8Array, start: number): number {
  return onesSum(packet, 12, 20, (packet[9] as number) + packet.length - start);
}

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

export function fromHex(text: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 2) bytes.push(Number.parseInt(text.slice(at, at + 2), 16));
  return bytes;
}

const PATTERN_PRIME = 251;

/** The byte at `index` of every stream: a wrong place shows. */
export function patternByte(index: number): number {
  return (index + Math.floor(index / PATTERN_PRIME)) % 256;
}

/** Fills all of `bytes` with the stream's bytes from `index` on. */
export function fillPattern(bytes: Uint8Array, index: number): void {
  for (let at = 0; at < bytes.length; at++) bytes[at] = patternByte(index + at);
}

/** The first place where `bytes` are not the stream's from `index` on, or -1. */
export function patternDiffers(bytes: Uint8Array, index: number): number {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== patternByte(index + at)) return at;
  return -1;
}
