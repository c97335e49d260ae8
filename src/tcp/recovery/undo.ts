/**
 * A retransmission that was not needed: the reduction that came with it is taken back. Proofs are an
 * echo of a timestamp older than the retransmission (Eifel, RFC 3522), DSACKs for all that was sent
 * again, and after a time-out the arrival of something that was sent only before it (F-RTO, RFC 5682).
 */

import { seqGe, seqGt, seqLe, seqLt } from '../../base/seq.ts';
import type { Segment } from '../../wire/segment.ts';
import type { Tcb } from '../tcb.ts';
import { moveRecovery } from './recovery.ts';

/** Whether this ACK proves it. `repeated` bytes were reported as received twice. */
export function provenWrong(tcb: Tcb, seg: Segment, acked: number, repeated: number): boolean {
  const { recovery } = tcb;
  if (!recovery.undoable || !recovery.repeated) return false;
  return echoProves(tcb, seg, acked) || duplicatesProve(tcb, repeated) || originalProves(tcb);
}

function echoProves(tcb: Tcb, seg: Segment, acked: number): boolean {
  const { recovery } = tcb;
  if (acked <= 0 || !tcb.timestamps.agreed || !seg.hasTimestamps || seg.tsEcr === 0) return false;
  if (recovery.state !== 'recovery' && recovery.state !== 'loss') return false;
  if (((seg.tsEcr - recovery.repeatedAt) | 0) >= 0) return false;
  noteReordering(tcb);
  // Of one hole it is proven; the others may be losses while their repairs are still out.
  return recovery.state === 'loss' || tcb.inFlight.resent === 0 || seqGe(tcb.snd.una, recovery.recover);
}

function duplicatesProve(tcb: Tcb, repeated: number): boolean {
  const { recovery } = tcb;
  if (repeated === 0 || !seqGt(recovery.duplicateEnd, recovery.episodeUna)) return false;
  recovery.unanswered -= repeated;
  if (recovery.unanswered > 0) return false;
  noteReordering(tcb);
  return true;
}

/** What was repeated in vain had only been overtaken: RACK is to wait for such from now on. */
function noteReordering(tcb: Tcb): void {
  const { recovery } = tcb;
  if (recovery.rack !== null) recovery.rack.reorderingSeen = true;
}

/** What was never sent again has come through, and not as part of the whole window (RFC 5682 §2.1 step 2b). */
function originalProves(tcb: Tcb): boolean {
  const { recovery } = tcb;
  const { delivery } = tcb.context;
  if (!tcb.handshake.sackAgreed || !tcb.config.frto || recovery.state !== 'loss' || recovery.frto === 'off')
    return false;
  // New data that was sent to find out proves nothing by itself.
  const original = delivery.original && seqLe(delivery.originalEnd, recovery.recover);
  return original && seqLt(tcb.snd.una, recovery.recover);
}

/** Back to the windows of before; nothing is believed lost any more. */
export function undo(tcb: Tcb): void {
  const { recovery, inFlight } = tcb;
  recovery.undoable = false;
  recovery.hasPoint = false;
  recovery.frto = 'off';
  recovery.duplicateAcks = 0;
  tcb.congestion.undo();
  tcb.ecn.undo();
  inFlight.forgetLosses();
  moveRecovery(tcb, inFlight.sacked > 0 ? 'disorder' : 'open', 'undo');
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}
