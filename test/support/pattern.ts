/** Bytes whose place in the stream can be told from their values. */

/** `length` bytes of an endless stream, from byte `start` on; the period is no power of two. */
export function pattern(start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = ((start + i) * 31 + Math.floor((start + i) / 251)) & 0xff;
  return bytes;
}
