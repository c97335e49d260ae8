/** Tail loss probe: when the last segments of a burst are lost, one more makes the peer say so. RFC 8985 §7. */

import { REASON } from '../../base/reasons.ts';
import { seqGe, seqGt } from '../../base/seq.ts';
import type { Segment } from '../../wire/segment.ts';
import { windowReduced } from '../ecn.ts';
import { STATES } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { rackOf } from './rack.ts';

/** How long a peer may delay the ACK of a single segment, µs (TLP.max_ack_delay). */
const MAX_ACK_DELAY = 200_000;
/** No probe sooner than this, µs: schedulers are late by less. */
const MIN_PROBE_TIMEOUT = 10_000;

/** Whether the timer is to be the probe's, not the retransmission timer (§7.2). */
export function probeIsPossible(tcb: Tcb): boolean {
  const { recovery, inFlight, config } = tcb;
  if (!config.tlp || !tcb.handshake.sackAgreed || !STATES[tcb.state].synchronized) return false;
  if (recovery.state !== 'open' || inFlight.sacked > 0 || tcb.retry.retries > 0) return false;
  const { rack } = recovery;
  return (
    rack !== null &&
    inFlight.count > 0 &&
    !tcb.ecn.waiting &&
    !rack.probing &&
    rack.samplesAtProbe !== tcb.rtt.samples
  );
}

/** PTO, µs. */
export function probeTimeout(tcb: Tcb): number {
  const { srtt } = tcb.rtt;
  if (srtt === 0) return tcb.config.rtoInitial;
  const delay = tcb.unacked <= tcb.snd.mss ? MAX_ACK_DELAY : 0;
  return Math.max(MIN_PROBE_TIMEOUT, 2 * srtt + delay);
}

/** The probe's timer has expired: phase 4 sends one (§7.3). */
export function probeExpired(tcb: Tcb): void {
  const rack = rackOf(tcb);
  if (tcb.inFlight.count === 0) return;
  rack.probeOwed = true;
  tcb.context.markReady(tcb);
}

/** It was sent, and SND.NXT is what it is. */
export function probeSent(tcb: Tcb, isRepeat: boolean): void {
  const rack = rackOf(tcb);
  rack.probeOwed = false;
  rack.probing = true;
  rack.probeIsRepeat = isRepeat;
  rack.probeEnd = tcb.snd.nxt;
  rack.samplesAtProbe = tcb.rtt.samples;
  tcb.context.counters.count(REASON.TCP_LOSS_PROBE);
}

/** §7.4: an ACK that covers the probe says whether it repaired a loss, which congestion control must know of. */
export function probeAnswered(
  tcb: Tcb,
  seg: Segment,
  acked: number,
  repeated: boolean,
  delivered: number,
): void {
  const { rack } = tcb.recovery;
  if (rack === null || !rack.probing || !seqGe(seg.ack, rack.probeEnd)) return;
  if (rack.probeIsRepeat && !repeated) {
    const beyond = seqGt(seg.ack, rack.probeEnd);
    // Exactly to its end: a DSACK, or a duplicate ACK, may still say that the original had arrived.
    if (!beyond && (acked > 0 || delivered > 0)) return;
    if (beyond) repairedByProbe(tcb);
  }
  rack.probing = false;
}

/** A loss that nobody else noticed. */
function repairedByProbe(tcb: Tcb): void {
  const { congestion } = tcb;
  windowReduced(tcb);
  congestion.lossDetected(Math.min(Math.max(tcb.unacked, tcb.snd.mss), congestion.cwnd));
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}
