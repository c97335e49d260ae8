/**
 * How many ICMP errors we send, RFC 1122 §3.2.2 and RFC 1812 §4.3.2.8: a limit for each destination
 * and one for all, whose size varies at random so that nobody can read from it what others were
 * told.
 */

import { type Clock, MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { HalfSipHash } from '../base/siphash.ts';

/** To one destination: this many at once, then one per interval. */
export const DESTINATION_BURST = 6;
const DESTINATION_INTERVAL = MICROSECONDS_PER_SECOND;
/** Destinations share buckets by keyed hash. */
const BUCKETS = 256;
/** To all together: this many at once, then 1,000 per second. */
export const GLOBAL_BURST = 50;
const GLOBAL_INTERVAL = MICROSECONDS_PER_SECOND / 1_000;
/** Each error costs one token and up to this many more. */
const RANDOM_COST = 3;
const RANDOM_BYTES = 64;

export class IcmpRateLimit {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly hash: HalfSipHash;
  /** Per bucket: when it will be full again, absolute µs. Full buckets lie in the past. */
  private readonly fullAt = new Float64Array(BUCKETS + 1);
  private readonly noise = new Uint8Array(RANDOM_BYTES);
  private noiseUsed = RANDOM_BYTES;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
    this.hash = new HalfSipHash(random);
    this.fullAt.fill(-Infinity);
  }

  /** Whether an error may go to `destination` now; takes the tokens if so. */
  allows(destination: number): boolean {
    const bucket = (this.hash.hash(destination, 0, 0) >>> 0) % BUCKETS;
    const now = this.clock.now;
    const own = Math.max(this.fullAt[bucket] as number, now) + DESTINATION_INTERVAL;
    if (own - now > DESTINATION_BURST * DESTINATION_INTERVAL) return false;
    const cost = 1 + (this.randomByte() % (RANDOM_COST + 1));
    const all = Math.max(this.fullAt[BUCKETS] as number, now) + cost * GLOBAL_INTERVAL;
    if (all - now > GLOBAL_BURST * GLOBAL_INTERVAL) return false;
    this.fullAt[bucket] = own;
    this.fullAt[BUCKETS] = all;
    return true;
  }

  private randomByte(): number {
    if (this.noiseUsed === RANDOM_BYTES) {
      this.random.fill(this.noise);
      this.noiseUsed = 0;
    }
    return this.noise[this.noiseUsed++] as number;
  }
}
