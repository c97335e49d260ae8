/** How a check ends, and the answers that several checks give. */

import { MICROSECONDS_PER_SECOND } from '../../base/clock.ts';
import { REASON, type Reason } from '../../base/reasons.ts';
import type { Segment } from '../../wire/segment.ts';
import { peerWantsEcn } from '../ecn.ts';
import type { Tcb } from '../tcb.ts';
import { KIND_SYN_RECEIVED } from '../tcb.ts';

/** Go on to the next check, or stop: the segment has been dealt with. */
export type Check = 'continue' | 'discard';

/** Drops the segment for `reason` without an answer. */
export function discard(tcb: Tcb, reason: Reason): Check {
  tcb.context.judge('dropped', reason);
  return 'discard';
}

/** Drops the segment and owes the peer an ACK: what it carried tells us that the peer is behind. */
export function discardWithAck(tcb: Tcb, reason: Reason): Check {
  tcb.acking.acksOwed++;
  tcb.context.markReady(tcb);
  return discard(tcb, reason);
}

/**
 * Drops the segment and owes a challenge ACK, RFC 5961 §3.2, §4.2, §5.2. The limit is each
 * connection's own: a common one would let strangers count each other's (CVE-2016-5696).
 */
export function challenge(tcb: Tcb, reason: Reason): Check {
  // Modulo 256, which is what a compact record keeps.
  const { acking } = tcb;
  const second = Math.floor(tcb.clock.now / MICROSECONDS_PER_SECOND) & 0xff;
  if (acking.challengeSecond !== second) {
    acking.challengeSecond = second;
    acking.challengeCount = 0;
  }
  if (acking.challengeCount >= tcb.config.challengeAckLimit) {
    tcb.context.counters.count(REASON.TCP_CHALLENGE_LIMIT);
    return discard(tcb, reason);
  }
  acking.challengeCount++;
  acking.challenge = true;
  return discardWithAck(tcb, reason);
}

/** The segment asks for a SYN,ACK that we have sent before: it is the peer's SYN once more. */
export function repeatSynAck(tcb: Tcb, seg: Segment): Check {
  const { handshake, timestamps } = tcb;
  if (tcb.kind === KIND_SYN_RECEIVED || handshake.fastOpenListener !== null) {
    handshake.synOwed = true;
    // Sent more than once: its ACK is no RTT sample (Karn's rule).
    handshake.synRepeated = true;
    if (seg.hasTimestamps && timestamps.agreed) timestamps.recent = seg.tsVal;
    if (!peerWantsEcn(seg)) tcb.ecn.mute = true;
    tcb.context.markReady(tcb);
    return discard(tcb, REASON.TCP_OLD_SEQUENCE);
  }
  return discardWithAck(tcb, REASON.TCP_OLD_SEQUENCE);
}
