import { SEQ_ZERO, type Seq } from '../base/seq.ts';

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
}
