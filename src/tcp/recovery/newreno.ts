/** NewReno: fast retransmit and fast recovery by counting duplicate ACKs. RFC 5681 §3.2, RFC 6582, RFC 3042. */

import { REASON } from '../../base/reasons.ts';
import { seqDiff, seqGe, seqGt } from '../../base/seq.ts';
import type { Segment } from '../../wire/segment.ts';
import { isLossAnswered } from '../ecn.ts';
import { LOST, RESENT } from '../send/in-flight.ts';
import type { Tcb } from '../tcb.ts';
import { doubtsAnswered, giveUpDoubts } from './f-rto.ts';
import { beginEpisode, moveRecovery } from './recovery.ts';
import { provenWrong, undo } from './undo.ts';

/** A duplicate ACK in the sense of RFC 5681 §2 has arrived. */
export function duplicateAckArrived(tcb: Tcb): void {
  const { snd } = tcb;
  const recovery = tcb.recovery;
  // After a time-out everything is believed lost already: nothing more can have left the network.
  if (recovery.state === 'loss') {
    giveUpDoubts(tcb);
    return;
  }
  if (recovery.state === 'open') {
    recovery.disorderNxt = snd.nxt;
    moveRecovery(tcb, 'disorder', 'duplicate-ack');
  }
  recovery.duplicateAcks++;
  // No more can have left than was in flight when it began: invented ones release nothing (E03).
  const before = seqGt(recovery.disorderNxt, snd.una) ? seqDiff(recovery.disorderNxt, snd.una) : 0;
  const segments = Math.ceil(before / snd.mss);
  if (recovery.duplicateAcks > segments) recovery.duplicateAcks = segments;
  if (recovery.state === 'disorder' && recovery.duplicateAcks >= tcb.config.reordering) enterRecovery(tcb);
}

/** RFC 6582 §3.2 step 2. */
function enterRecovery(tcb: Tcb): void {
  const { snd, congestion } = tcb;
  const recovery = tcb.recovery;
  // Not again for a window that has already been repaired: the ACK must cover more than `recover`.
  if (recovery.hasPoint && !seqGt(snd.una, recovery.recover)) return;
  const answered = isLossAnswered(tcb);
  beginEpisode(tcb);
  const flight = Math.min(seqDiff(recovery.disorderNxt, snd.una), congestion.cwnd);
  if (!answered) congestion.lossDetected(flight);
  recovery.recover = snd.nxt;
  recovery.hasPoint = true;
  recovery.partialSeen = false;
  moveRecovery(tcb, 'recovery', 'duplicate-acks');
  tcb.context.counters.count(REASON.TCP_FAST_RETRANSMIT);
  resendFirst(tcb);
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}

/**
 * `acked` bytes of sequence space were newly acknowledged (SND.UNA has moved). Returns whether the
 * retransmission timer is to be restarted.
 */
export function newAckArrived(tcb: Tcb, seg: Segment, acked: number): boolean {
  const { snd } = tcb;
  const recovery = tcb.recovery;
  if (provenWrong(tcb, seg, acked, 0)) undo(tcb);
  // Passed for good: 2^31 bytes later `recover` would seem to lie ahead again (NR-05).
  if (recovery.hasPoint && seqGt(snd.una, recovery.recover)) recovery.hasPoint = false;
  switch (recovery.state) {
    case 'open':
      return true;
    case 'disorder':
      recovery.duplicateAcks = 0;
      moveRecovery(tcb, 'open', 'new-ack');
      return true;
    case 'recovery':
      if (seqGe(snd.una, recovery.recover)) {
        leaveRecovery(tcb);
        return true;
      }
      return partialAck(tcb, acked);
    case 'loss':
      if (doubtsAnswered(tcb)) return true;
      if (seqGe(snd.una, recovery.recover)) moveRecovery(tcb, 'open', 'recovery-point');
      return true;
  }
}

function leaveRecovery(tcb: Tcb): void {
  tcb.recovery.duplicateAcks = 0;
  tcb.congestion.recovered(tcb.unacked);
  moveRecovery(tcb, 'open', 'recovery-point');
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}

/** RFC 6582 §3.2 step 3, "Partial acknowledgments": the next hole is sent at once. */
function partialAck(tcb: Tcb, acked: number): boolean {
  const recovery = tcb.recovery;
  const segments = Math.ceil(acked / tcb.snd.mss);
  recovery.duplicateAcks = Math.max(0, recovery.duplicateAcks - segments + 1);
  resendFirst(tcb);
  const restart = !recovery.partialSeen;
  recovery.partialSeen = true;
  return restart;
}

/** Marks the oldest segment lost, one MSS of it when it was part of a super-packet. */
function resendFirst(tcb: Tcb): void {
  const { snd } = tcb;
  const inFlight = tcb.inFlight;
  if (inFlight.count === 0) return;
  if (inFlight.lengthOf(0) > snd.mss) inFlight.split(0, snd.mss);
  inFlight.setFlags(0, (inFlight.flagsOf(0) & ~RESENT) | LOST);
  tcb.recovery.forced = true;
}
