/** How often something may go to one destination: a token bucket for each, found by keyed hash. */

import type { Clock } from './clock.ts';
import type { Random } from './random.ts';
import { HalfSipHash } from './siphash.ts';

/** Destinations share buckets; nobody without the key knows with whom. */
const BUCKETS = 256;

export class DestinationLimit {
  private readonly clock: Clock;
  private readonly hash: HalfSipHash;
  private readonly burst: number;
  private readonly interval: number;
  /** Per bucket: when it will be full again, absolute µs. Full buckets lie in the past. */
  private readonly fullAt = new Float64Array(BUCKETS);

  /** `burst` at once, then one per `interval` µs. */
  constructor(clock: Clock, random: Random, burst: number, interval: number) {
    this.clock = clock;
    this.hash = new HalfSipHash(random);
    this.burst = burst;
    this.interval = interval;
    this.fullAt.fill(-Infinity);
  }

  /** Whether one more may go to `destination` (int32) now; {@link take} takes it. */
  allows(destination: number): boolean {
    return this.next(this.bucketOf(destination)) - this.clock.now <= this.burst * this.interval;
  }

  take(destination: number): void {
    const bucket = this.bucketOf(destination);
    this.fullAt[bucket] = this.next(bucket);
  }

  private bucketOf(destination: number): number {
    return (this.hash.hash(destination, 0, 0) >>> 0) % BUCKETS;
  }

  private next(bucket: number): number {
    return Math.max(this.fullAt[bucket] as number, this.clock.now) + this.interval;
  }
}
