/**
 * What must not be guessed: initial sequence numbers, source ports, timestamps, cookies. A key for
 * each purpose, so that what one reveals says nothing about another.
 */

import { type Clock, MICROSECONDS_PER_MILLISECOND } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { type Seq, toSeq } from '../base/seq.ts';
import { SipHash } from '../base/siphash.ts';

/** The ISN clock ticks every 4 µs (RFC 9293 §3.4.1, MUST-8). */
const ISN_TICK = 4;

export class Secrets {
  private readonly clock: Clock;
  private readonly isnHash: SipHash;
  private readonly portHash: SipHash;
  private readonly timestampHash: SipHash;
  readonly cookieHash: SipHash;

  constructor(random: Random, clock: Clock) {
    this.clock = clock;
    this.isnHash = new SipHash(random);
    this.portHash = new SipHash(random);
    this.timestampHash = new SipHash(random);
    this.cookieHash = new SipHash(random);
  }

  /** ISN = M + F(local address and port, peer address and port, secret), RFC 6528 §3. `fixed`: lab only. */
  initialSequence(local: number, peer: number, localPort: number, peerPort: number, fixed: boolean): Seq {
    if (fixed) return toSeq(1_000_000);
    const f = this.isnHash.hash(local, peer, (localPort << 16) | peerPort, 0);
    return toSeq(f + Math.floor(this.clock.now / ISN_TICK));
  }

  /** Where the search for a source port toward a peer starts, RFC 6056 §3.3.3; unsigned. */
  portOffset(local: number, peer: number, peerPort: number): number {
    return this.portHash.hash(local, peer, peerPort, 0) >>> 0;
  }

  /** Added to the millisecond clock in TSval, per address pair (RFC 7323 §5.4, §7.1). */
  timestampOffset(local: number, peer: number): number {
    return this.timestampHash.hash(local, peer, 0, 0);
  }

  /** The millisecond clock behind timestamps, int32. */
  get milliseconds(): number {
    return Math.floor(this.clock.now / MICROSECONDS_PER_MILLISECOND) | 0;
  }
}
