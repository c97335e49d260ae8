/**
 * Keyed hashes: SipHash-2-4 where an outsider must not be able to compute the result (ISNs, cookies,
 * ports), HalfSipHash-1-3 where he must only not be able to crowd a table. Written on int32 halves:
 * no BigInt, no allocation.
 */

import type { Random } from './random.ts';

/** SipHash-2-4 of four 32-bit words under a 128-bit key. One instance per purpose: keys are not shared. */
export class SipHash {
  private readonly key = new Int32Array(4);
  private readonly v = new Int32Array(8);
  /** The result's halves after {@link hash}. */
  low = 0;
  high = 0;

  constructor(random: Random) {
    random.fill(new Uint8Array(this.key.buffer));
  }

  /** Hashes the words a, b, c, d; returns the low half (int32). */
  hash(a: number, b: number, c: number, d: number): number {
    const v = this.v;
    const key = this.key;
    v[0] = 0x70736575 ^ (key[0] as number);
    v[1] = 0x736f6d65 ^ (key[1] as number);
    v[2] = 0x6e646f6d ^ (key[2] as number);
    v[3] = 0x646f7261 ^ (key[3] as number);
    v[4] = 0x6e657261 ^ (key[0] as number);
    v[5] = 0x6c796765 ^ (key[1] as number);
    v[6] = 0x79746573 ^ (key[2] as number);
    v[7] = 0x74656462 ^ (key[3] as number);
    this.absorb(a, b);
    this.absorb(c, d);
    this.absorb(0, 16 << 24);
    v[4] = (v[4] as number) ^ 0xff;
    for (let round = 0; round < 4; round++) this.round();
    this.low = (v[0] as number) ^ (v[2] as number) ^ (v[4] as number) ^ (v[6] as number);
    this.high = (v[1] as number) ^ (v[3] as number) ^ (v[5] as number) ^ (v[7] as number);
    return this.low;
  }

  private absorb(low: number, high: number): void {
    const v = this.v;
    v[6] = (v[6] as number) ^ low;
    v[7] = (v[7] as number) ^ high;
    this.round();
    this.round();
    v[0] = (v[0] as number) ^ low;
    v[1] = (v[1] as number) ^ high;
  }

  /** SipRound on v0 … v3, each a (low, high) pair. */
  private round(): void {
    this.add(0, 2);
    this.rotate(2, 13);
    this.xor(2, 0);
    this.rotate(0, 32);
    this.add(4, 6);
    this.rotate(6, 16);
    this.xor(6, 4);
    this.add(0, 6);
    this.rotate(6, 21);
    this.xor(6, 0);
    this.add(4, 2);
    this.rotate(2, 17);
    this.xor(2, 4);
    this.rotate(4, 32);
  }

  private add(to: number, from: number): void {
    const v = this.v;
    const low = ((v[to] as number) >>> 0) + ((v[from] as number) >>> 0);
    v[to] = low | 0;
    v[to + 1] = ((v[to + 1] as number) + (v[from + 1] as number) + (low > 0xffffffff ? 1 : 0)) | 0;
  }

  private xor(to: number, from: number): void {
    const v = this.v;
    v[to] = (v[to] as number) ^ (v[from] as number);
    v[to + 1] = (v[to + 1] as number) ^ (v[from + 1] as number);
  }

  private rotate(at: number, bits: number): void {
    const v = this.v;
    const low = v[at] as number;
    const high = v[at + 1] as number;
    if (bits === 32) {
      v[at] = high;
      v[at + 1] = low;
    } else {
      v[at] = (low << bits) | (high >>> (32 - bits));
      v[at + 1] = (high << bits) | (low >>> (32 - bits));
    }
  }
}

/** HalfSipHash-1-3 of three words under a 64-bit key: the flow table's hash, on every packet. */
export class HalfSipHash {
  private readonly k0: number;
  private readonly k1: number;

  constructor(random: Random) {
    const key = new Int32Array(2);
    random.fill(new Uint8Array(key.buffer));
    this.k0 = key[0] as number;
    this.k1 = key[1] as number;
  }

  /** int32. */
  hash(a: number, b: number, c: number): number {
    let v0 = this.k0;
    let v1 = this.k1;
    let v2 = 0x6c796765 ^ this.k0;
    let v3 = 0x74656462 ^ this.k1;
    for (let step = 0; step < 7; step++) {
      const word = step === 0 ? a : step === 1 ? b : step === 2 ? c : step === 3 ? 12 << 24 : 0;
      if (step === 4) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}
