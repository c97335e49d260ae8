/**
 * Explicit congestion notification, RFC 3168 §6.1: routers mark packets instead of losing them. The
 * receiver echoes a mark (ECE) in every ACK until the sender says that it has slowed down (CWR).
 */

import { REASON } from '../base/reasons.ts';
import { SEQ_ZERO, type Seq, seqDiff, seqLe } from '../base/seq.ts';
import { ACK, CWR, ECE, RST, type Segment, SYN } from '../wire/segment.ts';
import type { Ledger } from './compact/ledger.ts';
import type { SentSegment } from './output/sent-segment.ts';
import type { Tcb } from './tcb.ts';

/** ECT(0) in the ECN field of the IP header, and the field. */
const ECT_0 = 0x2;
export const ECN_FIELD = 0x3;
const BOTH = ECE | CWR;

export class Ecn {
  /** Both ends have asked for it in their SYNs; before that, ours will. */
  agreed = false;
  /** A SYN without its marks was sent or has come, too: our data is not ECN-capable (§6.1.1). */
  mute = false;
  /** As a receiver: a mark has come, and its CWR has not. */
  echoing = false;
  /** As a sender: the next new data carries CWR. */
  cwrOwed = false;
  /** SND.NXT when an echo or a loss last made us slower (point), while `reduced`: once a window. */
  reducedAt: Seq = SEQ_ZERO;
  reduced = false;
  /** Echoed at a window of one segment: nothing new before the retransmission timer (§6.1.2). */
  waiting = false;
  // What the present episode of recovery has changed.
  private cwrOwedBefore = false;
  private reducedAtBefore: Seq = SEQ_ZERO;
  private reducedBefore = false;

  reset(): void {
    this.agreed = false;
    this.mute = false;
    this.echoing = false;
    this.cwrOwed = false;
    this.reduced = false;
    this.waiting = false;
  }

  save(): void {
    this.cwrOwedBefore = this.cwrOwed;
    this.reducedAtBefore = this.reducedAt;
    this.reducedBefore = this.reduced;
  }

  exchange(ledger: Ledger): void {
    this.agreed = ledger.flag(this.agreed);
    this.mute = ledger.flag(this.mute);
    this.echoing = ledger.flag(this.echoing);
    this.cwrOwed = ledger.flag(this.cwrOwed);
    this.reducedAt = ledger.seq(this.reducedAt);
    this.reduced = ledger.flag(this.reduced);
    this.waiting = ledger.flag(this.waiting);
    this.cwrOwedBefore = ledger.flag(this.cwrOwedBefore);
    this.reducedAtBefore = ledger.seq(this.reducedAtBefore);
    this.reducedBefore = ledger.flag(this.reducedBefore);
  }

  undo(): void {
    this.cwrOwed = this.cwrOwedBefore;
    this.reducedAt = this.reducedAtBefore;
    this.reduced = this.reducedBefore;
  }
}

/** Whether the peer's SYN (ECE and CWR) or SYN,ACK (ECE alone) wants it: §6.1.1; any other pattern does not. */
export function peerWantsEcn(seg: Segment): boolean {
  const marks = seg.flags & BOTH;
  return seg.isAck ? marks === ECE : marks === BOTH;
}

/** Control bits that our SYN bears, or our SYN,ACK. */
export function handshakeMarks(tcb: Tcb, isAck: boolean): number {
  if (!tcb.ecn.agreed) return 0;
  return isAck ? ECE : BOTH;
}

/** As a receiver, of acceptable text: §6.1.3. A segment may end one mark's echo and bring the next mark. */
export function marksArrived(tcb: Tcb, seg: Segment): void {
  const { ecn } = tcb;
  if (!ecn.agreed) return;
  if ((seg.flags & CWR) !== 0) ecn.echoing = false;
  if (!seg.congestionExperienced || ecn.echoing) return;
  ecn.echoing = true;
  // The sender is to know within this round trip.
  tcb.acking.ackNow = true;
}

/**
 * As a sender: an ACK that is not too old, and acknowledged `acked` bytes. §6.1.2. Returns whether the
 * retransmission timer is to begin anew.
 */
export function echoArrived(tcb: Tcb, seg: Segment, acked: number): boolean {
  const { ecn, snd, recovery, congestion } = tcb;
  if (!ecn.agreed || (seg.flags & ECE) === 0) return false;
  const repairing = recovery.state === 'recovery' || recovery.state === 'loss';
  // With a mark beside it, the reduction for the loss was no mistake.
  if (repairing) recovery.undoable = false;
  if (repairing || isAnswered(tcb)) return false;
  ecn.reduced = true;
  ecn.reducedAt = snd.nxt;
  ecn.cwrOwed = true;
  tcb.context.counters.count(REASON.TCP_ECN_REDUCTION);
  if (congestion.cwnd <= snd.mss) ecn.waiting = true;
  else congestion.congestionEchoed(seqDiff(snd.nxt, snd.una) + acked);
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
  return ecn.waiting;
}

/** Whether this window's congestion has been answered: marks and losses of one window count once. */
function isAnswered(tcb: Tcb): boolean {
  const { ecn, snd } = tcb;
  if (ecn.reduced && !seqLe(snd.una, ecn.reducedAt)) ecn.reduced = false;
  return ecn.reduced;
}

/** The same for the loss of what begins at SND.UNA: what was sent after the answer is of another window. */
export function isLossAnswered(tcb: Tcb): boolean {
  return isAnswered(tcb) && tcb.snd.una !== tcb.ecn.reducedAt;
}

/** A window is reduced for another reason than an echo: the peer is told all the same (EC-07). */
export function windowReduced(tcb: Tcb): void {
  const { ecn } = tcb;
  if (!ecn.agreed) return;
  ecn.cwrOwed = true;
  ecn.reduced = true;
  ecn.reducedAt = tcb.snd.nxt;
}

/**
 * Puts ECE and CWR on a segment with `length` bytes of text, and returns its ECN field: only new data is
 * ECN-capable, not ACKs, probes and retransmissions (§6.1.4 to §6.1.6).
 */
export function markSegment(tcb: Tcb, sent: SentSegment, length: number): number {
  const { ecn } = tcb;
  if (!ecn.agreed || (sent.flags & (SYN | RST)) !== 0) return 0;
  if (ecn.echoing && (sent.flags & ACK) !== 0) sent.flags |= ECE;
  if (length === 0 || sent.retransmission || ecn.mute) return 0;
  if (ecn.cwrOwed) sent.flags |= CWR;
  ecn.cwrOwed = false;
  return ECT_0;
}
