/**
 * How many ICMP errors we send, RFC 1122 §3.2.2 and RFC 1812 §4.3.2.8: a limit for each destination
 * and one for all, whose size varies at random so that nobody can read from it what others were
 * told.
 */

import { type Clock, MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import { DestinationLimit } from '../base/destination-limit.ts';
import { Noise } from '../base/noise.ts';
import type { Random } from '../base/random.ts';

/** To one destination: this many at once, then one a second. */
export const DESTINATION_BURST = 6;
/** To all together: this many at once, then 1,000 per second. */
export const GLOBAL_BURST = 50;
const GLOBAL_INTERVAL = MICROSECONDS_PER_SECOND / 1_000;
/** Each error costs one token and up to this many more. */
const RANDOM_COST = 3;

export class IcmpRateLimit {
  private readonly clock: Clock;
  private readonly noise: Noise;
  private readonly destinations: DestinationLimit;
  /** When the common bucket will be full again, absolute µs. */
  private fullAt = -Infinity;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.noise = new Noise(random);
    this.destinations = new DestinationLimit(clock, random, DESTINATION_BURST, MICROSECONDS_PER_SECOND);
  }

  /** Whether an error may go to `destination` now; takes the tokens if so. */
  allows(destination: number): boolean {
    if (!this.destinations.allows(destination)) return false;
    const cost = 1 + (this.noise.byte() % (RANDOM_COST + 1));
    const { now } = this.clock;
    const all = Math.max(this.fullAt, now) + cost * GLOBAL_INTERVAL;
    if (all - now > GLOBAL_BURST * GLOBAL_INTERVAL) return false;
    this.destinations.take(destination);
    this.fullAt = all;
    return true;
  }
}
