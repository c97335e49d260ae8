/**
 * Resets that segments of no connection may earn (C03): so many a second for each destination, and a
 * number for all that is drawn anew each second. A fixed one would let a stranger count what his
 * forged segments made us send to others (CVE-2016-5696 is that attack).
 */

import { type Clock, MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import { Noise } from '../base/noise.ts';
import type { Random } from '../base/random.ts';
import { HalfSipHash } from '../base/siphash.ts';

/** To one destination in a second. */
const DESTINATION_MOST = 250;
/** Destinations share counts, by a keyed hash. */
const DESTINATIONS = 256;
/** For all: at least this many, and less than this many more. */
const LEAST = 500;
const RANDOM_MORE = 1000;

export class ResetBudget {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly noise: Noise;
  /** A new one each second: nobody has the time to find out with whom he shares a count. */
  private hash: HalfSipHash;
  private readonly sent = new Uint8Array(DESTINATIONS);
  private left = 0;
  /** When the next budget is drawn, absolute µs. */
  private until = -Infinity;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
    this.noise = new Noise(random);
    this.hash = new HalfSipHash(random);
  }

  /** Takes one for `destination` (int32); false = used up. */
  take(destination: number): boolean {
    if (this.clock.now >= this.until) this.renew();
    const place = (this.hash.hash(destination, 0, 0) >>> 0) % DESTINATIONS;
    const sent = this.sent[place] as number;
    if (this.left === 0 || sent >= DESTINATION_MOST) return false;
    this.left--;
    this.sent[place] = sent + 1;
    return true;
  }

  private renew(): void {
    this.until = this.clock.now + MICROSECONDS_PER_SECOND;
    this.left = LEAST + (((this.noise.byte() << 8) | this.noise.byte()) % RANDOM_MORE);
    this.hash = new HalfSipHash(this.random);
    this.sent.fill(0);
  }
}
