/** Identifications of datagrams that may be fragmented, RFC 6864 §4.3. */

import { type Clock, MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { SipHash } from '../base/siphash.ts';

/** Longest life of a datagram: no identification comes back earlier, RFC 6864 §4.3. */
const DATAGRAM_LIFETIME = 120 * MICROSECONDS_PER_SECOND;
const IDENTIFICATIONS = 0x1_0000;
/** Buckets of (source, destination, protocol); those that share one share its numbers. */
const BUCKETS = 1024;

/** One of several stacks that share addresses. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

const ALONE: Share = { index: 0, count: 1 };

/**
 * One counter per bucket of destinations. It starts at a keyed random point, so that nobody can
 * count our packets to others, and advances at most 65,536 times per datagram lifetime.
 */
export class Identification {
  private readonly clock: Clock;
  private readonly hash: SipHash;
  private readonly used = new Uint32Array(BUCKETS);
  private readonly periodStart = new Float64Array(BUCKETS);
  private readonly spent = new Uint32Array(BUCKETS);
  /** Our part of all identifications: siblings on the same addresses use the others. */
  private readonly part: number;
  private readonly first: number;
  /** The identification that {@link next} chose. */
  value = 0;

  /** `random`: the same bytes for all `share.count` siblings. */
  constructor(clock: Clock, random: Random, share: Share = ALONE) {
    this.clock = clock;
    this.part = Math.floor(IDENTIFICATIONS / share.count);
    this.first = this.part * share.index;
    this.hash = new SipHash(random);
    this.periodStart.fill(-Infinity);
  }

  /** Chooses {@link value} for one more datagram; false when all are used up for now. */
  next(source: number, destination: number, protocol: number): boolean {
    const start = this.hash.hash(source, destination, protocol, 0);
    const bucket = (start >>> 16) % BUCKETS;
    if (this.clock.now - (this.periodStart[bucket] as number) >= DATAGRAM_LIFETIME) {
      this.periodStart[bucket] = this.clock.now;
      this.spent[bucket] = 0;
    }
    const spent = this.spent[bucket] as number;
    // Half of the numbers in each period: the same one never twice within a lifetime, across its edge too.
    if (spent >= this.part / 2) return false;
    this.spent[bucket] = spent + 1;
    const count = this.used[bucket] as number;
    this.used[bucket] = count + 1;
    this.value = (start + this.first + (count % this.part)) & 0xffff;
    return true;
  }
}
