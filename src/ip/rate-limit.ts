/**
 * How many ICMP errors we send, RFC 1122 §3.2.2 and RFC 1812 §4.3.2.8: a limit for each destination
 * and one for all, whose size varies at random so that nobody can read from it what others were
 * told.
 */

import { type Clock, MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import { Noise } from '../base/noise.ts';
import type { Random } from '../base/random.ts';
import { HalfSipHash } from '../base/siphash.ts';

/** To one destination: this many at once, then one per interval. */
export const DESTINATION_BURST = 6;
const DESTINATION_INTERVAL = MICROSECONDS_PER_SECOND;
/** Destinations share buckets by keyed hash. */
const BUCKETS = 256;
/** The key is another after this long: nobody has the time to find out with whom he shares. */
const KEY_LIFE = 60 * MICROSECONDS_PER_SECOND;
/** To all together: this many at once, then 1,000 per second. */
export const GLOBAL_BURST = 50;
const GLOBAL_INTERVAL = MICROSECONDS_PER_SECOND / 1_000;
/** Each error costs one token and up to this many more. */
const RANDOM_COST = 3;

export class IcmpRateLimit {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly noise: Noise;
  private hash: HalfSipHash;
  private keyUntil = -Infinity;
  /** Per bucket: when it will be full again, absolute µs. Full buckets lie in the past. */
  private readonly fullAt = new Float64Array(BUCKETS + 1);

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
    this.noise = new Noise(random);
    this.hash = new HalfSipHash(random);
    this.fullAt.fill(-Infinity);
  }

  /** Whether an error may go to `destination` now; takes the tokens if so. */
  allows(destination: number): boolean {
    const now = this.clock.now;
    if (now >= this.keyUntil) this.renewKey();
    const bucket = (this.hash.hash(destination, 0, 0) >>> 0) % BUCKETS;
    const own = Math.max(this.fullAt[bucket] as number, now) + DESTINATION_INTERVAL;
    if (own - now > DESTINATION_BURST * DESTINATION_INTERVAL) return false;
    const cost = 1 + (this.noise.byte() % (RANDOM_COST + 1));
    const all = Math.max(this.fullAt[BUCKETS] as number, now) + cost * GLOBAL_INTERVAL;
    if (all - now > GLOBAL_BURST * GLOBAL_INTERVAL) return false;
    this.fullAt[bucket] = own;
    this.fullAt[BUCKETS] = all;
    return true;
  }

  /** The destinations' buckets begin full again; the common one goes on. */
  private renewKey(): void {
    this.keyUntil = this.clock.now + KEY_LIFE;
    this.hash = new HalfSipHash(this.random);
    this.fullAt.fill(-Infinity, 0, BUCKETS);
  }
}
