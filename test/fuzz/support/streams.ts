/**
 * What the bytes of both directions are: a function of their place. So overlapping, repeated and
 * reordered segments of one peer never contradict each other, and every byte that is delivered or sent
 * can be checked.
 */

/** The peer's byte with the sequence number `seq`. */
export function peerByte(seq: number): number {
  const mixed = Math.imul(seq ^ (seq >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 12)) & 0xff;
}

/** The application's byte at `offset` of its stream. */
export function applicationByte(offset: number): number {
  const mixed = Math.imul(offset + 77, 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) & 0xff;
}

/** `length` bytes of the peer from `seq` on. */
export function peerBytes(seq: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = peerByte((seq + i) | 0);
  return bytes;
}

export function applicationBytes(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = applicationByte(offset + i);
  return bytes;
}
