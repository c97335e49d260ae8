import { SEQ_ZERO, type Seq } from '../base/seq.ts';
import type { Ledger } from './compact/ledger.ts';

/**
 * Send Sequence Variables, RFC 9293 §3.3.1.
 *
 *        una            nxt                 una + wnd
 *   ──────┼──────────────┼───────────────────────┼──────▶ sequence space
 *   acked │  in flight   │ usable                │ not allowed
 *
 * INVARIANT una ≤ nxt
 */
export class Snd {
  /** SND.UNA: oldest unacknowledged sequence number (point). */
  una: Seq = SEQ_ZERO;
  /** SND.NXT: next sequence number to be sent (point). Never moves back. */
  nxt: Seq = SEQ_ZERO;
  /** SND.WND: send window, bytes, already scaled (RFC 7323 §2.3). */
  wnd = 0;
  /** SND.UP: one past the last urgent byte (point), meaningful while `urgent`. */
  up: Seq = SEQ_ZERO;
  urgent = false;
  /** SND.WL1: SEG.SEQ of the last window update (point). */
  wl1: Seq = SEQ_ZERO;
  /** SND.WL2: SEG.ACK of the last window update (point). */
  wl2: Seq = SEQ_ZERO;
  /** ISS (point). */
  iss: Seq = SEQ_ZERO;
  /** MAX.SND.WND, RFC 5961 §5.2: the largest scaled window the peer ever offered, bytes. */
  maxWnd = 0;
  /** Snd.Wind.Shift, RFC 7323 §2.2: how far the peer's windows are shifted. */
  shift = 0;
  /** Eff.snd.MSS without options: bytes of payload that the peer and the path take. RFC 9293 §3.7.1. */
  mss = 536;
  /** SND.NXT when the present round trip began (point): windowEnd of RFC 9406. */
  roundEnd: Seq = SEQ_ZERO;
  /** End of the last segment sent that was not full (point): Nagle's rule as Minshall amended it. */
  smallSentEnd: Seq = SEQ_ZERO;
  /** Paced: nothing leaves before this, µs. */
  paceAt = 0.5;
  /** When at least half of cwnd was last in use, µs. */
  validatedAt = 0.5;

  exchange(ledger: Ledger): void {
    this.una = ledger.seq(this.una);
    this.nxt = ledger.seq(this.nxt);
    this.wnd = ledger.integer(this.wnd);
    this.up = ledger.seq(this.up);
    this.urgent = ledger.flag(this.urgent);
    this.wl1 = ledger.seq(this.wl1);
    this.wl2 = ledger.seq(this.wl2);
    this.iss = ledger.seq(this.iss);
    this.maxWnd = ledger.integer(this.maxWnd);
    this.shift = ledger.integer(this.shift);
    this.mss = ledger.integer(this.mss);
    this.roundEnd = ledger.seq(this.roundEnd);
    this.smallSentEnd = ledger.seq(this.smallSentEnd);
    this.paceAt = ledger.number(this.paceAt);
    this.validatedAt = ledger.number(this.validatedAt);
  }
}
