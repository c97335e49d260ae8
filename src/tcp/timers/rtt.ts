/** Round-trip time and retransmission timeout, RFC 6298. All values µs. */

import type { Ledger } from '../compact/ledger.ts';
import type { TcpConfig } from '../tcp-config.ts';

/** Clock granularity G: the timestamp clock ticks once a millisecond. */
const GRANULARITY = 1_000;

export class Rtt {
  /** SRTT; 0 = no sample yet. */
  srtt = 0;
  rttvar = 0;
  /** RTO without back-off. */
  rto = 1_000_000;
  /** Smallest sample; 0 = none. */
  min = 0;
  /** Samples taken. */
  samples = 0;

  /** RFC 6298 §2.1. */
  reset(config: TcpConfig): void {
    this.srtt = 0;
    this.rttvar = 0;
    this.min = 0;
    this.samples = 0;
    this.rto = config.rtoInitial;
  }

  /**
   * One sample R, RFC 6298 §2.2, §2.3. `perRtt` is how many samples a round trip brings: with more
   * than one, each weighs less, so that the history is as long as with one (RFC 7323 App. G).
   */
  sample(sample: number, perRtt: number, config: TcpConfig): void {
    const r = Math.max(1, Math.round(sample));
    if (this.min === 0 || r < this.min) this.min = r;
    if (this.samples++ === 0) {
      this.srtt = r;
      this.rttvar = Math.round(r / 2);
    } else {
      const n = Math.max(1, perRtt);
      // RTTVAR <- (1 - beta) * RTTVAR + beta * |SRTT - R'|, before SRTT.
      this.rttvar = Math.round(this.rttvar + (Math.abs(this.srtt - r) - this.rttvar) / (4 * n));
      // SRTT <- (1 - alpha) * SRTT + alpha * R'.
      this.srtt = Math.round(this.srtt + (r - this.srtt) / (8 * n));
    }
    const variance = Math.max(GRANULARITY, 4 * this.rttvar);
    const rto =
      config.rtoFloor === 'variance'
        ? this.srtt + Math.max(config.rtoMin, variance)
        : Math.max(config.rtoMin, this.srtt + variance);
    this.rto = Math.min(config.rtoMax, rto);
  }

  /** RTO after `retries` back-offs, RFC 6298 §5.5. */
  backedOff(retries: number, config: TcpConfig): number {
    return Math.min(config.rtoMax, this.rto * 2 ** Math.min(retries, 30));
  }

  exchange(ledger: Ledger): void {
    this.srtt = ledger.integer(this.srtt);
    this.rttvar = ledger.integer(this.rttvar);
    this.rto = ledger.number(this.rto);
    this.min = ledger.integer(this.min);
    this.samples = ledger.integer(this.samples);
  }
}
