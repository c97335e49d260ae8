import { SEQ_ZERO, type Seq } from '../base/seq.ts';
import type { Ledger } from './compact/ledger.ts';

/**
 * Receive Sequence Variables, RFC 9293 §3.3.1.
 *
 *        nxt                     nxt + wnd
 *   ──────┼──────────────────────────┼──────▶ sequence space
 *    old  │ acceptable               │ not yet allowed
 *
 * INVARIANT the right edge, nxt + wnd, never moves left (SHLD-14).
 */
export class Rcv {
  /** RCV.NXT: next sequence number expected (point). */
  nxt: Seq = SEQ_ZERO;
  /** RCV.WND: the window last advertised, measured from `nxt` now, bytes. */
  wnd = 0;
  /** RCV.UP: one past the last urgent byte (point), meaningful while `urgent`. */
  up: Seq = SEQ_ZERO;
  urgent = false;
  /** IRS (point). */
  irs: Seq = SEQ_ZERO;
  /** Rcv.Wind.Shift, RFC 7323 §2.2: how far our windows are shifted. */
  shift = 0;
  /** Last.ACK.sent, RFC 7323 §4.3 (point). */
  lastAckSent: Seq = SEQ_ZERO;
  /** The peer's FIN: its sequence number (point), meaningful while `finSeen`. */
  fin: Seq = SEQ_ZERO;
  /** A FIN has arrived, perhaps ahead of its data. */
  finSeen = false;
  /** MSS that we advertised: what the peer's full segments carry, bytes. */
  mss = 536;

  exchange(ledger: Ledger): void {
    this.nxt = ledger.seq(this.nxt);
    this.wnd = ledger.integer(this.wnd);
    this.up = ledger.seq(this.up);
    this.urgent = ledger.flag(this.urgent);
    this.irs = ledger.seq(this.irs);
    this.shift = ledger.integer(this.shift);
    this.lastAckSent = ledger.seq(this.lastAckSent);
    this.fin = ledger.seq(this.fin);
    this.finSeen = ledger.flag(this.finSeen);
    this.mss = ledger.integer(this.mss);
  }
}
