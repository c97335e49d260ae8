/**
 * The Internet checksum, RFC 1071 and RFC 1624.
 *
 * A *partial sum* is a number below 2^18 that stands for a ones' complement sum of big-endian 16-bit
 * words: pieces are added up in any order and {@link foldChecksum} ends it.
 */

/** Carries wrap around: any unsigned 32-bit value becomes one below 2^17 with the same meaning. */
function carry(sum: number): number {
  return (sum & 0xffff) + (sum >>> 16);
}

/**
 * Adds `bytes[start … end)` to a partial sum. The range starts at an even position of the message
 * (its offset in memory is free); an odd last byte is padded with zero, RFC 1071 §1.
 */
export function sumBytes(bytes: Uint8Array, start: number, end: number, sum: number): number {
  let high = 0;
  let low = 0;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    high +=
      (bytes[i] as number) + (bytes[i + 2] as number) + (bytes[i + 4] as number) + (bytes[i + 6] as number);
    low +=
      (bytes[i + 1] as number) +
      (bytes[i + 3] as number) +
      (bytes[i + 5] as number) +
      (bytes[i + 7] as number);
  }
  for (; i + 2 <= end; i += 2) {
    high += bytes[i] as number;
    low += bytes[i + 1] as number;
  }
  if (i < end) high += bytes[i] as number;
  return carry(sum + carry(low) + carry(high * 256));
}

/** The largest sum of 32-bit words that a double holds exactly is far above 65,535 bytes' worth. */
const TWO_TO_32 = 0x1_0000_0000;

/**
 * {@link sumBytes} over a view: four times as fast, because it reads 32 bits at once. Little-endian
 * words are summed and the result's bytes exchanged, RFC 1071 §2(B).
 */
export function sumView(view: DataView, start: number, end: number, sum: number): number {
  let total = 0;
  let i = start;
  for (; i + 16 <= end; i += 16) {
    total +=
      view.getUint32(i, true) +
      view.getUint32(i + 4, true) +
      view.getUint32(i + 8, true) +
      view.getUint32(i + 12, true);
  }
  const folded = carry(carry((total / TWO_TO_32) | 0) + carry(total >>> 0));
  let rest = sum + swapBytes(carry(folded));
  for (; i + 2 <= end; i += 2) rest += view.getUint16(i);
  if (i < end) rest += view.getUint8(i) << 8;
  return carry(rest);
}

/** Adds a piece that starts at an odd position of the message, RFC 1071 §2(B). */
export function sumBytesOdd(bytes: Uint8Array, start: number, end: number, sum: number): number {
  return carry(sum + swapBytes(carry(sumBytes(bytes, start, end, 0))));
}

/** The pseudo-header of RFC 9293 §3.1. Addresses are int32, `length` is header and payload in bytes. */
export function pseudoHeaderSum(
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return carry(carry(source) + carry(destination) + protocol + length);
}

/** The 16 bits that go into the checksum field: the complement of the sum. 0 for a correct message. */
export function foldChecksum(sum: number): number {
  return ~carry(carry(sum)) & 0xffff;
}

/** The sum itself in 16 bits, not complemented: what virtio wants in the field under NEEDS_CSUM. */
export function foldSum(sum: number): number {
  return carry(carry(sum)) & 0xffff;
}

/** The checksum after one 16-bit word of the message changed, RFC 1624 §3 (equation 3). */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return foldChecksum((~checksum & 0xffff) + (~oldWord & 0xffff) + newWord);
}

/** `word` is below 2^17: the carry goes with it. */
function swapBytes(word: number): number {
  const folded = carry(word);
  return ((folded & 0xff) << 8) | (folded >>> 8);
}
