/**
 * Recovery where the peer sends SACK: what is lost is found by RACK (RFC 8985), or by counting where
 * that is off (RFC 6675); how fast to repair is proportional rate reduction (RFC 9937).
 */

import { REASON } from '../../base/reasons.ts';
import { type Seq, seqDiff, seqGe, seqGt, seqLe, seqLt, toSeq } from '../../base/seq.ts';
import type { Segment } from '../../wire/segment.ts';
import { isLossAnswered } from '../ecn.ts';
import { probeAloneIsLost } from '../path-search.ts';
import { EVER_RESENT, LOST, RESENT, SACKED } from '../send/in-flight.ts';
import type { Tcb } from '../tcb.ts';
import { goOnDoubting } from './f-rto.ts';
import { detectByDupThresh, detectLosses, noteDelivery, recoveryEnded, widenWindow } from './rack.ts';
import { beginEpisode, moveRecovery } from './recovery.ts';
import { probeAnswered } from './tail-loss-probe.ts';
import { provenWrong, undo } from './undo.ts';

/** Segments that may leave together when a recovery ends. */
const MAX_BURST = 10;

/**
 * An ACK that is not older than SND.UNA; `acked` bytes of it are new, `sackedBefore` bytes were SACKed
 * before it. Returns the bytes of which it is news that they have arrived.
 */
export function sackAckArrived(tcb: Tcb, seg: Segment, acked: number, sackedBefore: number): number {
  const { recovery, inFlight, config } = tcb;
  const repeated = takeBlocks(tcb, seg);
  if (repeated > 0 && config.rack) widenWindow(tcb);
  const delivered = acked + inFlight.sacked - sackedBefore;
  probeAnswered(tcb, seg, acked, repeated > 0, delivered);
  const wrong = provenWrong(tcb, seg, acked, repeated);
  if (wrong) undo(tcb);
  else if (recovery.state === 'loss' && recovery.frto !== 'off') goOnDoubting(tcb, acked > 0);
  // It was the first sending that arrived, then: nothing is known of the second.
  if (!wrong || !tcb.context.delivery.resent) noteDelivery(tcb, seg.hasTimestamps, seg.tsEcr);
  if (acked > 0 && seqGe(tcb.snd.una, recovery.recover)) reachedPoint(tcb, delivered);
  if (delivered > 0) repairAfter(tcb, acked, delivered);
  return delivered;
}

/** Something has arrived, and only that tells of what did not; the reordering timer sees to the rest. */
function repairAfter(tcb: Tcb, acked: number, delivered: number): void {
  // While it is open whether the time-out was right, nothing more is sent again (RFC 5682 §3.1).
  const { recovery } = tcb;
  if (recovery.state === 'loss' && recovery.frto !== 'off') {
    tcb.context.markReady(tcb);
    return;
  }
  const lost = tcb.config.rack ? detectLosses(tcb) : detectByDupThresh(tcb);
  switch (recovery.state) {
    case 'recovery':
      paceRepair(tcb, delivered, acked > 0 && !lost);
      break;
    case 'loss':
      break;
    default:
      if (lost && !repairProbe(tcb)) enterRecovery(tcb, acked, delivered);
      else noteDisorder(tcb);
  }
  tcb.context.markReady(tcb);
}

/** Marks what the blocks say; returns the bytes of a DSACK, or 0. Blocks that cannot be true are ignored (SK-07). */
function takeBlocks(tcb: Tcb, seg: Segment): number {
  const { inFlight, snd } = tcb;
  let repeated = 0;
  for (let i = 0; i < seg.sackCount; i++) {
    const left = toSeq(seg.sackEdges[2 * i] as number);
    const right = toSeq(seg.sackEdges[2 * i + 1] as number);
    if (!seqGt(right, left) || seqGt(right, snd.nxt)) continue;
    if (i === 0 && isDuplicateBlock(seg, left, right)) {
      repeated = seqDiff(right, left);
      tcb.recovery.duplicateEnd = right;
    } else if (seqGe(left, snd.una) && inFlight.count > 0) inFlight.sack(left, right);
  }
  return repeated;
}

/** RFC 2883 §4: the first block lies below the ACK, or within the second. */
function isDuplicateBlock(seg: Segment, left: Seq, right: Seq): boolean {
  if (seqLe(right, seg.ack)) return true;
  if (seg.sackCount < 2) return false;
  const outerLeft = toSeq(seg.sackEdges[2] as number);
  const outerRight = toSeq(seg.sackEdges[3] as number);
  return seqLe(outerLeft, left) && seqLe(right, outerRight);
}

/** The reordering timer has expired (RFC 8985 §6.2 step 5). */
export function reorderingExpired(tcb: Tcb): void {
  const { recovery } = tcb;
  const doubting = recovery.state === 'loss' && recovery.frto !== 'off';
  if (doubting || !detectLosses(tcb)) return;
  const { state } = recovery;
  if ((state === 'open' || state === 'disorder') && !repairProbe(tcb)) enterRecovery(tcb, 0, 0);
  tcb.context.markReady(tcb);
}

/** Only a probe of the path's size is lost: its text goes again, in pieces, and nothing gets slower. */
function repairProbe(tcb: Tcb): boolean {
  if (!probeAloneIsLost(tcb)) return false;
  tcb.recovery.forced = true;
  noteDisorder(tcb);
  return true;
}

/** Something is missing behind what has arrived, or nothing is. */
function noteDisorder(tcb: Tcb): void {
  const { recovery, inFlight } = tcb;
  if (inFlight.sacked === 0) {
    moveRecovery(tcb, 'open', 'new-ack');
  } else if (recovery.state === 'open') {
    moveRecovery(tcb, 'disorder', 'sack');
  }
}

/** RFC 6675 §5 (4), RFC 9937 §6.1. The ACK that showed the loss acknowledged and delivered so many bytes. */
function enterRecovery(tcb: Tcb, acked: number, delivered: number): void {
  const { recovery, inFlight, congestion, snd } = tcb;
  const { rate } = recovery;
  // What limited transmit has sent since the first sign is not FlightSize (RFC 5681 §3.2), nor is what was SACKed.
  const flight = Math.min(tcb.unacked + acked, Math.max(congestion.cwnd, snd.mss));
  const answered = isLossAnswered(tcb);
  beginEpisode(tcb);
  if (!answered) congestion.lossDetected(flight);
  rate.delivered = 0;
  rate.out = 0;
  rate.recoverFlight = Math.max(snd.mss, tcb.unacked - inFlight.sacked + delivered);
  recovery.recover = snd.nxt;
  recovery.hasPoint = true;
  recovery.forced = true;
  recovery.rescued = false;
  moveRecovery(tcb, 'recovery', tcb.config.rack ? 'rack' : 'sack');
  tcb.context.counters.count(REASON.TCP_FAST_RETRANSMIT);
  paceRepair(tcb, delivered, false);
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}

/** RFC 9937 §6.2. `safe`: the ACK moved SND.UNA and showed no further loss. */
function paceRepair(tcb: Tcb, delivered: number, safe: boolean): void {
  const { recovery, congestion, inFlight, snd } = tcb;
  if (!tcb.config.prr || delivered <= 0) return;
  const { rate } = recovery;
  const { pipe } = inFlight;
  const { ssthresh } = congestion;
  rate.delivered += delivered;
  let room: number;
  if (pipe > ssthresh) {
    room = Math.ceil((rate.delivered * ssthresh) / rate.recoverFlight) - rate.out;
  } else {
    room = Math.max(rate.delivered - rate.out, delivered);
    if (safe) room += snd.mss;
    room = Math.min(ssthresh - pipe, room);
  }
  if (rate.out === 0 && room <= 0) room = snd.mss;
  congestion.setWindow(pipe + Math.max(0, room));
}

/**
 * RFC 6675 §4, NextSeg, rules 3 and 4, where RACK is off and there is no new data to send: what is not
 * believed lost yet, below something that was SACKed; and once, after the first retransmission has
 * arrived, the newest of all, so that the ACKs do not stop. Index of the record, or -1.
 */
export function nextBeyondLost(tcb: Tcb): number {
  const { recovery, inFlight } = tcb;
  if (recovery.state !== 'recovery' || tcb.config.rack || !tcb.handshake.sackAgreed) return -1;
  const { islands } = inFlight;
  if (islands.count > 0) {
    const highest = islands.startOf(islands.count - 1);
    for (let i = 0; i < inFlight.count && seqLt(inFlight.seqOf(i), highest); i++) {
      if ((inFlight.flagsOf(i) & SACKED) !== 0) i = inFlight.behindIsland(i) - 1;
      else if ((inFlight.flagsOf(i) & (LOST | EVER_RESENT)) === 0) return i;
    }
  }
  return lastResort(tcb);
}

/** Rule 4: not before the first retransmission has arrived, and not what has arrived or is on its way again. */
function lastResort(tcb: Tcb): number {
  const { recovery, inFlight, snd } = tcb;
  const last = inFlight.count - 1;
  if (recovery.rescued || last < 0 || !seqGt(snd.una, recovery.episodeUna)) return -1;
  if ((inFlight.flagsOf(last) & (SACKED | RESENT)) !== 0) return -1;
  recovery.rescued = true;
  return last;
}

/** SND.UNA has reached the recovery point: RFC 6675 §5 (A), RFC 9937 §6.4. */
function reachedPoint(tcb: Tcb, delivered: number): void {
  const { recovery, congestion } = tcb;
  if (recovery.state !== 'recovery' && recovery.state !== 'loss') return;
  if (recovery.state === 'recovery') {
    // Not all at once, where the peer's window had held everything up (RFC 9937 §6.4, RFC 6582 §3.2 step 3).
    const burst = tcb.inFlight.pipe + Math.max(delivered, MAX_BURST * tcb.snd.mss);
    congestion.setWindow(tcb.unsent > burst ? Math.min(congestion.ssthresh, burst) : congestion.ssthresh);
    recoveryEnded(tcb);
  }
  recovery.hasPoint = false;
  recovery.frto = 'off';
  moveRecovery(tcb, 'open', 'recovery-point');
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}
