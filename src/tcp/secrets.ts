/**
 * What must not be guessed: initial sequence numbers, source ports, timestamps, cookies. A key for
 * each purpose, so that what one reveals says nothing about another.
 */

import { type Clock, MICROSECONDS_PER_MILLISECOND } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { type Seq, toSeq } from '../base/seq.ts';
import { SipHash } from '../base/siphash.ts';

/** Counters of source ports, RFC 6056 §3.3.4 (TABLE_LENGTH); a power of two. */
const PORT_COUNTERS = 1024;
/** The last word of what is hashed, so that the two functions of RFC 6056 §3.3.4 are two. */
const OFFSET = 0;
const COUNTER = 1;

/** The ISN clock ticks every 4 µs (RFC 9293 §3.4.1, MUST-8). */
const ISN_TICK = 4;

export class Secrets {
  private readonly clock: Clock;
  private readonly isnHash: SipHash;
  private readonly portHash: SipHash;
  private readonly timestampHash: SipHash;
  readonly cookieHash: SipHash;
  /** Where each counter stands; they start anywhere. */
  private readonly portCounters = new Uint32Array(PORT_COUNTERS);

  constructor(random: Random, clock: Clock) {
    this.clock = clock;
    this.isnHash = new SipHash(random);
    this.portHash = new SipHash(random);
    this.timestampHash = new SipHash(random);
    this.cookieHash = new SipHash(random);
    random.fill(new Uint8Array(this.portCounters.buffer));
  }

  /** ISN = M + F(local address and port, peer address and port, secret), RFC 9293 §3.4.1. `fixed`: lab only. */
  initialSequence(local: number, peer: number, localPort: number, peerPort: number, fixed: boolean): Seq {
    if (fixed) return toSeq(1_000_000);
    const f = this.isnHash.hash(local, peer, (localPort << 16) | peerPort, 0);
    return toSeq(f + Math.floor(this.clock.now / ISN_TICK));
  }

  /**
   * The next candidate for a source port toward a peer, unsigned and to be taken modulo the range: a
   * keyed offset plus a counter that few other destinations share, so that nobody can count what we
   * open to others (RFC 6056 §3.3.4).
   */
  nextSourcePort(local: number, peer: number, peerPort: number): number {
    const counter = this.portHash.hash(local, peer, peerPort, COUNTER) & (PORT_COUNTERS - 1);
    const count = this.portCounters[counter] as number;
    this.portCounters[counter] = count + 1;
    return (this.portHash.hash(local, peer, peerPort, OFFSET) + count) >>> 0;
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
