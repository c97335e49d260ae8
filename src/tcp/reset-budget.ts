/**
 * Resets that segments of no connection may earn (C03): so many a second for each destination, and a
 * number for all that is drawn anew each second. A fixed one would let a stranger count what his
 * forged segments made us send to others (CVE-2016-5696 is that attack).
 */

import { type Clock, MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import { DestinationLimit } from '../base/destination-limit.ts';
import { Noise } from '../base/noise.ts';
import type { Random } from '../base/random.ts';

const DESTINATION_BURST = 250;
const DESTINATION_INTERVAL = MICROSECONDS_PER_SECOND / DESTINATION_BURST;
/** For all: at least this many, and less than this many more. */
const LEAST = 500;
const RANDOM_MORE = 1000;

export class ResetBudget {
  private readonly clock: Clock;
  private readonly noise: Noise;
  private readonly destinations: DestinationLimit;
  private left = 0;
  /** When the next budget is drawn, absolute µs. */
  private until = -Infinity;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.noise = new Noise(random);
    this.destinations = new DestinationLimit(clock, random, DESTINATION_BURST, DESTINATION_INTERVAL);
  }

  /** Takes one for `destination` (int32); false = used up. */
  take(destination: number): boolean {
    const { now } = this.clock;
    if (now >= this.until) {
      this.until = now + MICROSECONDS_PER_SECOND;
      this.left = LEAST + (((this.noise.byte() << 8) | this.noise.byte()) % RANDOM_MORE);
    }
    if (this.left === 0 || !this.destinations.allows(destination)) return false;
    this.left--;
    this.destinations.take(destination);
    return true;
  }
}
