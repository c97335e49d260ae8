/** RFC 9293 §3.10.7.4, fifth: check the ACK field. The only place where recovery, RTT and congestion control meet. */

import { REASON, type Reason } from '../../base/reasons.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../base/seq.ts';
import { ECE, type Segment } from '../../wire/segment.ts';
import { closeWhenEstablished } from '../calls/close.ts';
import { initialWindow } from '../congestion/congestion-control.ts';
import { echoArrived } from '../ecn.ts';
import { EVENT_DRAINED, EVENT_OPENED, EVENT_WRITABLE } from '../events.ts';
import { fastOpenEnded } from '../fast-open.ts';
import { armFinWait2, becameEstablished, enterTimeWait, promote, release } from '../lifecycle.ts';
import type { Listener } from '../listener.ts';
import { settleMss } from '../negotiate.ts';
import { searchAnswered } from '../path-search.ts';
import { duplicateAckArrived, newAckArrived } from '../recovery/newreno.ts';
import type { RecoveryState } from '../recovery/recovery.ts';
import { sackAckArrived } from '../recovery/sack-recovery.ts';
import { HAS_SYN } from '../send/in-flight.ts';
import { KIND_SYN_RECEIVED, type Tcb } from '../tcb.ts';
import { progressMade, setLossTimer } from '../timers/retransmission.ts';
import { PROBE_NONE } from '../timers/retry.ts';
import { transition } from '../transitions.ts';
import { TS_RECENT_LIFE } from './1-sequence.ts';
import { replyWithReset } from './closed.ts';
import { type Check, challenge, discard } from './verdict.ts';

/** How long a window stays that is not used, RFC 7661 §4.2, µs. */
const NON_VALIDATED_PERIOD = 300_000_000;

export function checkAck(tcb: Tcb, seg: Segment): Check {
  const { snd, inFlight } = tcb;
  if (!seg.isAck) return discard(tcb, REASON.TCP_NO_ACK);
  const check = tcb.state === 'SYN-RECEIVED' ? synAcknowledged(tcb, seg) : credible(tcb, seg);
  if (check === 'discard') return check;
  updateTimestamp(tcb, seg);
  if (tcb.state === 'TIME-WAIT') return 'continue';

  tcb.tally.lastAckReceivedAt = tcb.clock.now;
  const acked = seqDiff(seg.ack, snd.una);
  const sackedBefore = inFlight.sacked;
  inFlight.beginAck();
  if (acked > 0) acknowledge(tcb, seg, acked, sackedBefore);
  else if (acked === 0) nothingNew(tcb, seg, sackedBefore);
  if (acked >= 0 && echoArrived(tcb, seg, acked)) setLossTimer(tcb, true);
  updateSendWindow(tcb, seg, acked);
  tcb.context.markReady(tcb);

  const ourFinIsAcknowledged = tcb.finSent && snd.una === snd.nxt;
  return ourFinIsAcknowledged ? finAcknowledged(tcb) : 'continue';
}

/** RFC 5961 §5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. */
function credible(tcb: Tcb, seg: Segment): Check {
  const { snd } = tcb;
  if (seqGt(seg.ack, snd.nxt)) return challenge(tcb, REASON.TCP_ACK_UNSENT_DATA);
  const oldest = seqAdd(snd.una, -snd.maxWnd);
  const tooOld = tcb.config.rfc5961 && tcb.state !== 'TIME-WAIT' && seqLt(seg.ack, oldest);
  return tooOld ? challenge(tcb, REASON.TCP_TOO_OLD_ACK) : 'continue';
}

/** SYN-RECEIVED: SND.UNA < SEG.ACK =< SND.NXT, or a reset goes back. */
function synAcknowledged(tcb: Tcb, seg: Segment): Check {
  const { snd } = tcb;
  const context = tcb.context;
  if (seqLe(seg.ack, snd.una) || seqGt(seg.ack, snd.nxt) || synIsUnsent(tcb)) {
    replyWithReset(context, seg);
    if (context.reason === REASON.TCP_RST_LIMIT) return 'discard';
    return discard(tcb, REASON.TCP_INVALID_ACK_SEQUENCE);
  }
  if (tcb.kind === KIND_SYN_RECEIVED) {
    const obstacle = obstacleToPromotion(tcb, seg);
    if (obstacle !== REASON.ACCEPTED) return discard(tcb, obstacle);
    promote(context, tcb);
  }
  transition(tcb, 'SYN-RECEIVED', 'rcv ACK of SYN', 'ESTABLISHED');
  if (tcb.handshake.fastOpenListener !== null) {
    fastOpened(tcb, seg);
    return 'continue';
  }
  if (tcb.passive) snd.una = seqAdd(snd.iss, 1);
  settleMss(tcb);
  snd.wl1 = seqAdd(seg.seq, -1);
  snd.wl2 = seg.ack;
  sampleHandshake(tcb, seg);
  becameEstablished(tcb);
  if (tcb.passive) joinAcceptQueue(tcb);
  else openedActively(tcb);
  return 'continue';
}

/** Lab only: the ACK of the peer's SYN has gone alone, our own SYN not yet. */
function synIsUnsent(tcb: Tcb): boolean {
  return tcb.config.labSplitSynAck && tcb.kind === KIND_SYN_RECEIVED && tcb.retry.recordCount === 0;
}

/** Why the record cannot become a connection now; ACCEPTED when it can. */
function obstacleToPromotion(tcb: Tcb, seg: Segment): Reason {
  const { listener, context } = tcb;
  if (listener !== null && listener.full) {
    // The peer's retransmission, or that of our SYN,ACK, brings it back when there is room.
    listener.overflows++;
    return REASON.TCP_LISTEN_OVERFLOW;
  }
  if (listener !== null && isDeferred(tcb, listener, seg)) return REASON.TCP_DEFER_ACCEPT;
  return context.connections >= tcb.config.connectionsMax ? REASON.TCP_CONNECTION_LIMIT : REASON.ACCEPTED;
}

/** TCP_DEFER_ACCEPT: the ACK alone opens nothing; the record waits for data, and in the end for nothing more. */
function isDeferred(tcb: Tcb, listener: Listener, seg: Segment): boolean {
  return seg.len === 0 && tcb.clock.now - tcb.tally.openedAt < listener.deferAccept;
}

/** A simultaneous open is complete; the user may have closed while it was under way. */
function openedActively(tcb: Tcb): void {
  tcb.context.queueEvent(tcb, EVENT_OPENED);
  closeWhenEstablished(tcb);
}

/** RFC 7413 §4.2.2: user, buffers and congestion control have been at work since the SYN; only the proof came now. */
function fastOpened(tcb: Tcb, seg: Segment): void {
  const { snd } = tcb;
  fastOpenEnded(tcb);
  snd.wl1 = seqAdd(seg.seq, -1);
  snd.wl2 = seg.ack;
  closeWhenEstablished(tcb);
}

export function joinAcceptQueue(tcb: Tcb): void {
  const listener = tcb.listener;
  if (listener === null) return;
  listener.acceptQueue.push(tcb);
  tcb.context.queueListener(listener);
  if (tcb.trace !== null) tcb.trace.listenerQueues(listener);
}

/** The time from our SYN,ACK to its ACK is the first RTT sample, unless it was sent twice (Karn). */
function sampleHandshake(tcb: Tcb, seg: Segment): void {
  const { handshake } = tcb;
  if (!tcb.passive) return;
  if (handshake.synRetransmitted === 0 && !handshake.synRepeated) {
    const sample = tcb.clock.now - tcb.tally.openedAt;
    tcb.rtt.sample(sample, 1, tcb.config);
    if (tcb.trace !== null) tcb.trace.rttSampled(tcb, sample, true, false);
  } else if (seg.hasTimestamps && tcb.timestamps.agreed) {
    sampleTimestamp(tcb, seg.tsEcr);
  }
}

/** RFC 7323 §4.3: TS.Recent moves with segments at the left edge of the window only. */
function updateTimestamp(tcb: Tcb, seg: Segment): void {
  const { timestamps } = tcb;
  if (!timestamps.agreed || !seg.hasTimestamps) return;
  if (((seg.tsVal - timestamps.recent) | 0) < 0 && tcb.clock.now - timestamps.recentAt <= TS_RECENT_LIFE)
    return;
  if (seqGt(seg.seq, tcb.rcv.lastAckSent)) return;
  timestamps.recent = seg.tsVal;
  timestamps.recentAt = tcb.clock.now;
}

/** New data of ours is acknowledged: `acked` bytes of sequence space. */
function acknowledge(tcb: Tcb, seg: Segment, acked: number, sackedBefore: number): void {
  const { snd, limits } = tcb;
  const context = tcb.context;
  const flight = tcb.unacked;
  const before = tcb.recovery.state;
  const full = windowIsFull(tcb);
  validateWindow(tcb, flight);
  tcb.inFlight.acknowledge(seg.ack);
  snd.una = seg.ack;
  tcb.tally.bytesAcked += tcb.sendBuffer.releaseBefore(seg.ack);
  if (snd.urgent && seqGe(seg.ack, snd.up)) snd.urgent = false;
  sampleRtt(tcb, seg, flight);
  noteRound(tcb);
  let restart = true;
  let delivered = acked;
  if (tcb.handshake.sackAgreed) delivered = sackAckArrived(tcb, seg, acked, sackedBefore);
  else restart = newAckArrived(tcb, seg, acked);
  const handshakeOnly = (tcb.context.delivery.ackedFlags & HAS_SYN) !== 0 && acked === 1;
  if (!handshakeOnly) grow(tcb, seg, delivered, full, before);
  searchAnswered(tcb);
  progressMade(tcb, restart);
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
  noteSent(tcb);
  if (limits.writeBlocked && tcb.writable >= limits.send / 3) {
    limits.writeBlocked = false;
    context.queueEvent(tcb, EVENT_WRITABLE);
  }
}

/** RFC 7661 §4.4.3: a window that has not been used for long says nothing about the path any more. */
function validateWindow(tcb: Tcb, flight: number): void {
  const { congestion, snd } = tcb;
  const { now } = tcb.clock;
  const used = 2 * flight >= congestion.cwnd;
  if (!used && now - snd.validatedAt < NON_VALIDATED_PERIOD) return;
  if (!used) congestion.unvalidated(initialWindow(tcb.config, snd.mss, 0));
  snd.validatedAt = now;
}

/** Whether cwnd is what limits, and not the application or the peer. */
function windowIsFull(tcb: Tcb): boolean {
  const { state } = tcb.recovery;
  if (state === 'loss' || state === 'recovery') return true;
  const flight = tcb.handshake.sackAgreed ? tcb.inFlight.pipe : tcb.unacked;
  return flight + 2 * tcb.snd.mss > tcb.congestion.cwnd;
}

/**
 * Lets cwnd grow for `delivered` bytes of which this ACK was the first to tell. Not during fast recovery,
 * not for an echoed mark, and not where cwnd was not what limited (RFC 9293 §3.8.2, RFC 5681 §3.1).
 */
function grow(tcb: Tcb, seg: Segment, delivered: number, full: boolean, before: RecoveryState): void {
  const { congestion, handshake } = tcb;
  if (!full) {
    congestion.applicationLimited();
    return;
  }
  if (tcb.recovery.state === 'recovery' || (before === 'recovery' && !handshake.sackAgreed)) return;
  if (tcb.ecn.agreed && (seg.flags & ECE) !== 0) return;
  // After a time-out an ACK may cover much that had come long before: one segment counts (RFC 3465 §2.3).
  const counted = before === 'loss' && !handshake.sackAgreed ? Math.min(delivered, tcb.snd.mss) : delivered;
  congestion.acked(counted, tcb.rtt.srtt);
}

/** A round trip ends when what was in flight at its beginning is acknowledged (RFC 9406 §4.2). */
function noteRound(tcb: Tcb): void {
  const { snd } = tcb;
  if (!seqGt(snd.una, snd.roundEnd)) return;
  snd.roundEnd = snd.nxt;
  tcb.congestion.roundBegins();
}

/** Marks that follow SND.UNA. */
function noteSent(tcb: Tcb): void {
  const { snd, tally } = tcb;
  if (seqGt(snd.una, snd.smallSentEnd)) snd.smallSentEnd = snd.una;
  if (tcb.sendBuffer.length > 0 || tally.busySince === 0) return;
  tally.busyTime += tcb.clock.now - tally.busySince;
  tally.busySince = 0;
}

/** RFC 6298 §3, RFC 7323 §4: a sample from what was sent once, else from an echoed timestamp. */
function sampleRtt(tcb: Tcb, seg: Segment, flight: number): void {
  const { delivery } = tcb.context;
  // Only a part of one segment was acknowledged.
  if (delivery.ackedSentAt < 0) return;
  const sample = tcb.clock.now - delivery.ackedSentAt;
  const accepted = delivery.ackedOnce || (seg.hasTimestamps && echoesLastSending(tcb, seg.tsEcr, sample));
  if (accepted) {
    tcb.rtt.sample(sample, flight / (2 * tcb.snd.mss), tcb.config);
    tcb.congestion.rttSampled(sample);
    tcb.retry.backoff = 0;
  }
  if (tcb.trace !== null) tcb.trace.rttSampled(tcb, sample, accepted, !delivery.ackedOnce);
}

/**
 * After a retransmission: whether the echo is of the last sending, `age` µs ago. An older one, when
 * an ACK was lost and the peer answers a duplicate, would make the time-out itself the sample.
 */
function echoesLastSending(tcb: Tcb, tsEcr: number, age: number): boolean {
  const { timestamps } = tcb;
  if (!timestamps.agreed || tsEcr === 0) return false;
  const elapsed = (tcb.context.secrets.milliseconds + timestamps.offset - tsEcr) | 0;
  return elapsed >= 0 && elapsed * 1000 <= age + 1000;
}

/** An echoed TSval of ours; one from the future, or absurdly old, is not ours (D11). */
function sampleTimestamp(tcb: Tcb, tsEcr: number): void {
  const elapsed = (tcb.context.secrets.milliseconds + tcb.timestamps.offset - tsEcr) | 0;
  if (elapsed < 0 || elapsed > 600_000) return;
  tcb.rtt.sample(Math.max(1, elapsed) * 1000, 1, tcb.config);
  if (tcb.trace !== null) tcb.trace.rttSampled(tcb, elapsed * 1000, true, true);
}

/** SND.UNA stays. With SACK only the blocks tell something; without, the duplicate itself does. */
function nothingNew(tcb: Tcb, seg: Segment, sackedBefore: number): void {
  const { recovery } = tcb;
  if (!tcb.handshake.sackAgreed) {
    if (isDuplicateAck(tcb, seg)) duplicateAckArrived(tcb);
    return;
  }
  if (tcb.inFlight.count === 0 && seg.sackCount === 0) return;
  const before = recovery.state;
  const full = windowIsFull(tcb);
  const delivered = sackAckArrived(tcb, seg, 0, sackedBefore);
  // Duplicate ACKs open nothing (RFC 3042), but on a path that reorders they are the way that news come.
  if (delivered > 0 && recovery.rack?.reorderingSeen === true) grow(tcb, seg, delivered, full, before);
  setLossTimer(tcb, false);
}

/** RFC 5681 §2: outstanding data, no text, no FIN, the same ACK, the same window. */
function isDuplicateAck(tcb: Tcb, seg: Segment): boolean {
  const { snd } = tcb;
  return tcb.inFlight.count > 0 && seg.len === 0 && seg.wnd << snd.shift === snd.wnd;
}

/**
 * SND.WND, SND.WL1, SND.WL2: an older segment must not undo a newer window (EV-15). An ACK that moves
 * SND.UNA is newer whatever its SEG.SEQ: a retransmission of old data bears it, and to keep the
 * window of before, measured from the new SND.UNA, would overrun the peer's.
 */
function updateSendWindow(tcb: Tcb, seg: Segment, acked: number): void {
  const { retry } = tcb;
  const snd = tcb.snd;
  if (acked < 0) return;
  const newer = seqLt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && seqLe(snd.wl2, seg.ack));
  if (acked === 0 && !newer) return;
  const wasShut = snd.wnd === 0;
  snd.wnd = seg.wnd << snd.shift;
  snd.wl1 = seg.seq;
  snd.wl2 = seg.ack;
  if (snd.wnd > snd.maxWnd) snd.maxWnd = snd.wnd;
  // An answer to a probe: the peer is alive, whatever its window (MUST-37).
  retry.probes = 0;
  if (snd.wnd === 0) {
    // The peer holds the window shut and says so: no silence to count (SHLD-17).
    if (!tcb.orphan) retry.retries = 0;
    return;
  }
  retry.probe = PROBE_NONE;
  retry.persistBackoff = 0;
  // What was sent again into the closed window was thrown away there.
  if (wasShut && tcb.recovery.state === 'loss') tcb.inFlight.markAllLost();
}

/** Our FIN is acknowledged: the arrows of Figure 5 that bear "rcv ACK of FIN". */
function finAcknowledged(tcb: Tcb): Check {
  const context = tcb.context;
  switch (tcb.state) {
    case 'FIN-WAIT-1':
      context.queueEvent(tcb, EVENT_DRAINED);
      transition(tcb, 'FIN-WAIT-1', 'rcv ACK of FIN', 'FIN-WAIT-2');
      if (tcb.readerGone) armFinWait2(tcb);
      return 'continue';
    case 'CLOSING':
      context.queueEvent(tcb, EVENT_DRAINED);
      transition(tcb, 'CLOSING', 'rcv ACK of FIN', 'TIME-WAIT');
      enterTimeWait(context, tcb);
      return 'continue';
    case 'LAST-ACK':
      context.queueEvent(tcb, EVENT_DRAINED);
      transition(tcb, 'LAST-ACK', 'rcv ACK of FIN', 'CLOSED');
      release(context, tcb, 'normal');
      return 'discard';
    default:
      return 'continue';
  }
}
