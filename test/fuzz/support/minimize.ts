/** A smaller input that fails in the same way. */

import type { Fuzz } from './targets.ts';

/** What makes two failures the same: the message without its numbers. */
export function failureOf(bytes: Uint8Array, fuzz: Fuzz): string | null {
  try {
    fuzz(bytes);
    return null;
  } catch (error) {
    return String((error as Error).message)
      .split('\n', 1)[0]
      ?.replace(/-?\d+/g, '#') as string;
  }
}

/** Leaves out pieces and zeroes bytes for as long as the failure stays. @throws RangeError when there is none */
export function minimize(input: Uint8Array, fuzz: Fuzz): Uint8Array {
  const failure = failureOf(input, fuzz);
  if (failure === null) throw new RangeError('nothing fails');
  let best = input;
  const keep = (candidate: Uint8Array): boolean => {
    if (failureOf(candidate, fuzz) !== failure) return false;
    best = candidate;
    return true;
  };
  for (let before = Infinity; best.length < before; ) {
    before = best.length;
    for (let size = best.length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at + size <= best.length; ) if (!keep(without(best, at, size))) at += size;
    }
  }
  for (let at = 0; at < best.length; at++) {
    if (best[at] === 0) continue;
    const zeroed = best.slice();
    zeroed[at] = 0;
    keep(zeroed);
  }
  return best;
}

function without(bytes: Uint8Array, at: number, size: number): Uint8Array {
  const rest = new Uint8Array(bytes.length - size);
  rest.set(bytes.subarray(0, at));
  rest.set(bytes.subarray(at + size), at);
  return rest;
}
