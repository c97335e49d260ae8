/**
 * Sequence numbers and their modular arithmetic, RFC 9293 §3.4.
 *
 * A `Seq` is a point on the circle of 2^32 numbers, held as a signed 32-bit integer so that V8
 * keeps it in a register and never boxes it. Lengths (bytes) are plain numbers. Compare points only
 * with the functions below: `<` on a `Seq` is wrong half of the time, and a lint rule forbids it.
 */

declare const seqBrand: unique symbol;

/** A point in sequence space, as int32. Show it to people through {@link seqToUint}. */
export type Seq = number & { readonly [seqBrand]: true };

/** Any 32-bit value, signed or unsigned, as a point. */
export function toSeq(value: number): Seq {
  return (value | 0) as Seq;
}

/** The point `bytes` after `seq` (before it when negative). */
export function seqAdd(seq: Seq, bytes: number): Seq {
  return ((seq + bytes) | 0) as Seq;
}

/** Distance in bytes from `b` to `a`: positive when `a` is after `b`, within ±2^31. */
export function seqDiff(a: Seq, b: Seq): number {
  return (a - b) | 0;
}

/** a < b. Points exactly 2^31 apart are before each other both ways; callers treat both as outside. */
export function seqLt(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) < 0;
}

/** a ≤ b. */
export function seqLe(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) <= 0;
}

/** a > b. */
export function seqGt(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) > 0;
}

/** a ≥ b. */
export function seqGe(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) >= 0;
}

/** The later of two points. */
export function seqMax(a: Seq, b: Seq): Seq {
  return ((a - b) | 0) >= 0 ? a : b;
}

/** start ≤ seq < start + length, for 0 ≤ length < 2^31. */
export function seqInWindow(seq: Seq, start: Seq, length: number): boolean {
  return (seq - start) >>> 0 < length;
}

/** The number as printed: 0 … 2^32-1. */
export function seqToUint(seq: Seq): number {
  return seq >>> 0;
}

export const SEQ_ZERO: Seq = toSeq(0);
