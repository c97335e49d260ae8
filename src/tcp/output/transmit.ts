/** Phase 4: what to send next, decided from the block alone. The only place that sends. */

import { REASON } from '../../base/reasons.ts';
import { type Seq, seqAdd, seqDiff } from '../../base/seq.ts';
import { ACK, FIN, PSH, SYN } from '../../wire/segment.ts';
import { initialWindow } from '../congestion/congestion-control.ts';
import type { TcpContext } from '../context.ts';
import { handshakeMarks } from '../ecn.ts';
import { textForSyn } from '../fast-open.ts';
import { becomeTimeWaitRecord } from '../lifecycle.ts';
import { probeText } from '../path-search.ts';
import { windowUpdateIsDue } from '../receive/window.ts';
import { noteRepeat, pipe } from '../recovery/recovery.ts';
import { nextBeyondLost } from '../recovery/sack-recovery.ts';
import { probeSent } from '../recovery/tail-loss-probe.ts';
import { HAS_FIN, HAS_SYN } from '../send/in-flight.ts';
import type { State } from '../state.ts';
import { KIND_CONNECTION, KIND_SYN_RECEIVED, type Tcb } from '../tcb.ts';
import { armPersist } from '../timers/persist.ts';
import { segmentSent, setLossTimer } from '../timers/retransmission.ts';
import { PROBE_KEEPALIVE, PROBE_NONE, PROBE_OVERRIDE, PROBE_PERSIST } from '../timers/retry.ts';
import { TIMER_SYN_ACK } from '../timers/timer-table.ts';
import { emit, payloadLimit, superPacketLimit } from './emit.ts';
import { paced, pacedLimit } from './pacing.ts';
import { emitReply } from './reply.ts';
import type { Trigger } from './sent-segment.ts';
import { bytesToSend, congestionRoom, windowRoom } from './usable-window.ts';

/** ACKs that one connection may owe in one turn; a peer that earns more learns as much from fewer. */
const MAX_ACKS_A_TURN = 256;

/** µs between the halves of a SYN,ACK that was split. */
const LAB_SPLIT = 200_000;

/** Sends what every ready connection has to send, as far as the device takes it. */
export function transmitAll(context: TcpContext): void {
  const network = context.network;
  while (network.writable && context.replies.take()) emitReply(context);
  let done = 0;
  for (; done < context.readyFlows && network.writable; done++) {
    const flow = context.readyFlow(done);
    if (!context.flows.isUsed(flow)) continue;
    const tcb = context.blockOf(flow);
    if (!tcb.ready) continue;
    tcb.ready = false;
    transmit(context, tcb);
    if (context.trace !== null) context.trace.settled(tcb);
    // Whatever the device did not take waits for it.
    if (!network.writable && tcb.flow >= 0) context.markReady(tcb);
    if (tcb.kind !== KIND_CONNECTION) context.packRecord(tcb);
  }
  context.dropReady(done);
}

function transmit(context: TcpContext, tcb: Tcb): void {
  const { snd, acking } = tcb;
  if (tcb.state === 'CLOSED') return;
  if (tcb.handshake.synOwed) sendSynAck(tcb);
  if (tcb.kind === KIND_CONNECTION) {
    if (tcb.state === 'SYN-SENT' && snd.nxt === snd.iss) sendSyn(tcb);
    if (acking.acksOwed > 0) sendAcksOwed(context, tcb);
    resendLost(tcb);
    sendNew(tcb);
    resendBeyondLost(tcb);
    sendTailProbe(tcb);
    if (tcb.retry.probe !== PROBE_NONE) sendProbe(tcb);
  }
  sendAcksOwed(context, tcb);
  if (tcb.state === 'TIME-WAIT' && tcb.kind === KIND_CONNECTION && !acking.ackNow && acking.acksOwed === 0) {
    becomeTimeWaitRecord(context, tcb);
  }
}

/** The SYN of an active open, first time. */
function sendSyn(tcb: Tcb): void {
  const { snd, tally, inFlight } = tcb;
  const iss = snd.iss;
  const text = tcb.handshake.fastOpenAsked ? textForSyn(tcb) : 0;
  snd.nxt = seqAdd(iss, 1 + text);
  tally.bytesSent += text;
  if (text > 0) tally.dataSegmentsSent++;
  emit(tcb, iss, text, SYN | handshakeMarks(tcb, false), 'syn');
  inFlight.push(iss, 1, HAS_SYN, 1);
  if (text > 0) inFlight.push(seqAdd(iss, 1), text, 0, text);
  segmentSent(tcb);
}

/** The SYN,ACK of a passive open's record, or of a simultaneous open. */
function sendSynAck(tcb: Tcb): void {
  const { snd, acking } = tcb;
  tcb.handshake.synOwed = false;
  if (tcb.config.labSplitSynAck && tcb.kind === KIND_SYN_RECEIVED) {
    sendSplit(tcb);
    return;
  }
  // The peer's SYN may have crossed ours before ours was even sent.
  const first = snd.nxt === snd.iss;
  if (first) snd.nxt = seqAdd(snd.iss, 1);
  emit(tcb, snd.iss, 0, SYN | ACK | handshakeMarks(tcb, true), 'syn-ack');
  if (first) {
    tcb.inFlight.push(snd.iss, 1, HAS_SYN, 1);
    segmentSent(tcb);
  }
  if (tcb.kind === KIND_SYN_RECEIVED) {
    acking.acksOwed = 0;
    acking.ackNow = false;
  }
}

/** Lab only: the ACK of the SYN at once, our own SYN a little later. */
function sendSplit(tcb: Tcb): void {
  const { retry, acking, snd } = tcb;
  const first = retry.recordCount === 0;
  acking.acksOwed = 0;
  acking.ackNow = false;
  if (!first) {
    emit(tcb, snd.iss, 0, SYN, 'syn');
    return;
  }
  emit(tcb, snd.iss, 0, ACK, 'ack-now');
  retry.recordDeadline = tcb.clock.now + LAB_SPLIT;
  if (tcb.trace !== null) tcb.trace.timerSet(tcb, TIMER_SYN_ACK, true);
}

/** What is believed lost, oldest first, as far as the pipe has room. */
function resendLost(tcb: Tcb): void {
  const { inFlight, recovery } = tcb;
  const network = tcb.context.network;
  while (network.writable) {
    const index = inFlight.nextToResend();
    if (index < 0) return;
    // A SYN goes again without its data (RFC 7413 §4.1.3.1).
    if (tcb.state === 'SYN-SENT' && (inFlight.flagsOf(index) & HAS_SYN) === 0) return;
    if (!recovery.forced && pipe(tcb) + tcb.snd.mss > tcb.congestion.cwnd) return;
    if (!recovery.forced && pacedLimit(tcb) === 0) return;
    if (!fitWindow(tcb, index)) return;
    resend(tcb, index, recovery.state === 'loss' ? 'rto' : 'fast-rtx');
  }
}

/**
 * Cuts record `index` to what may be sent again now: inside the peer's window, but for the one
 * retransmission that asks a shrunk window (SHLD-16, MAY-7, RFC 7323 §2.4).
 */
function fitWindow(tcb: Tcb, index: number): boolean {
  const { snd } = tcb;
  const inFlight = tcb.inFlight;
  const room = seqDiff(seqAdd(snd.una, snd.wnd), inFlight.seqOf(index));
  if (room <= 0 && !tcb.recovery.forced && (inFlight.flagsOf(index) & HAS_SYN) === 0) return false;
  const flags = inFlight.flagsOf(index);
  const text = inFlight.lengthOf(index) - ((flags & HAS_FIN) !== 0 ? 1 : 0);
  const mss = payloadLimit(tcb);
  const limit = Math.max(mss, Math.min(superPacketLimit(tcb, mss), tcb.congestion.cwnd - pipe(tcb)));
  const fits = room > 0 ? Math.min(limit, room) : mss;
  const whole = fits >= mss ? fits - (fits % mss) : fits;
  if ((flags & HAS_SYN) === 0 && text > whole) inFlight.split(index, whole);
  return true;
}

function resend(tcb: Tcb, index: number, trigger: Trigger): void {
  const { handshake, tally } = tcb;
  const inFlight = tcb.inFlight;
  const flags = inFlight.flagsOf(index);
  const seq = inFlight.seqOf(index);
  const syn = (flags & HAS_SYN) !== 0;
  const fin = (flags & HAS_FIN) !== 0;
  const length = inFlight.lengthOf(index) - (syn ? 1 : 0) - (fin ? 1 : 0);
  let bits = tcb.state === 'SYN-SENT' ? 0 : ACK;
  if (syn) {
    bits |= SYN;
    // Something on the way may not like its marks, RFC 3168 §6.1.1.1.
    tcb.ecn.mute = true;
    if (handshake.fastOpenAsked) tcb.context.fastOpen.refused(tcb.peerAddress);
  }
  if (fin) bits |= FIN;
  if (length > 0) bits |= pushOfOld(tcb, seqAdd(seq, length));
  tcb.recovery.forced = false;
  tally.lastSentAt = tcb.clock.now;
  tally.retransmissions++;
  tally.bytesRetransmitted += length;
  tcb.context.counters.count(REASON.TCP_RETRANSMIT);
  emit(tcb, seq, length, bits, trigger);
  inFlight.markResent(index, payloadLimit(tcb));
  noteRepeat(tcb, seq, length);
  paced(tcb, length);
  segmentSent(tcb);
  // The oldest is on its way again: its time begins anew (RFC 6675 §6).
  if (index === 0 && trigger === 'fast-rtx' && handshake.sackAgreed) setLossTimer(tcb, true);
}

/** Nothing is believed lost that was not sent again, and there is nothing new: RFC 6675 §4, NextSeg rules 3, 4. */
function resendBeyondLost(tcb: Tcb): void {
  const { recovery } = tcb;
  if (tcb.config.rack || recovery.state !== 'recovery') return;
  if (tcb.unsent > 0 && windowRoom(tcb) > 0) return;
  const network = tcb.context.network;
  let sent = 0;
  while (network.writable && pipe(tcb) + sent + tcb.snd.mss <= tcb.congestion.cwnd) {
    const found = nextBeyondLost(tcb);
    if (found < 0 || !fitWindow(tcb, found)) return;
    const index = recovery.rescued ? lastSegment(tcb, found, payloadLimit(tcb)) : found;
    sent += tcb.inFlight.lengthOf(index);
    resend(tcb, index, 'fast-rtx');
  }
}

/** Cuts record `index` so that its last segment is one of its own; returns that one's index. */
function lastSegment(tcb: Tcb, index: number, mss: number): number {
  const { inFlight } = tcb;
  const whole = inFlight.lengthOf(index);
  if (whole <= mss) return index;
  inFlight.split(index, whole - (whole % mss === 0 ? mss : whole % mss));
  return index + 1;
}

/** RFC 8985 §7.3: new data if the peer's window takes a segment, whatever cwnd says; else the newest again. */
function sendTailProbe(tcb: Tcb): void {
  const { inFlight } = tcb;
  const { rack } = tcb.recovery;
  if (rack === null || !rack.probeOwed) return;
  if (inFlight.count === 0 || !tcb.context.network.writable) {
    rack.probeOwed = inFlight.count > 0;
    return;
  }
  const mss = payloadLimit(tcb);
  const length = Math.min(tcb.unsent, mss, windowRoom(tcb));
  if (length > 0 && SENDING.has(tcb.state)) {
    sendSegment(tcb, length, finMayGo(tcb, length), mss);
    probeSent(tcb, false);
    return;
  }
  resend(tcb, lastSegment(tcb, inFlight.count - 1, mss), 'tlp');
  probeSent(tcb, true);
}

/** The states in which data or a FIN of ours may still wait to be sent. */
const SENDING: ReadonlySet<State> = new Set<State>([
  'ESTABLISHED',
  'CLOSE-WAIT',
  'FIN-WAIT-1',
  'CLOSING',
  'LAST-ACK',
]);

/** A fast open answers before its handshake is complete (RFC 7413 §4.2.2). */
function maySendNow(tcb: Tcb): boolean {
  return SENDING.has(tcb.state) || tcb.handshake.fastOpenListener !== null;
}

/** Neither data nor a FIN waits for its first sending. */
function nothingWaits(tcb: Tcb): boolean {
  return tcb.unsent === 0 && (!tcb.finQueued || tcb.finSent);
}

/** New data, and the FIN behind it. */
function sendNew(tcb: Tcb): void {
  if (nothingWaits(tcb) || !maySendNow(tcb)) return;
  restartAfterIdle(tcb);
  const network = tcb.context.network;
  while (network.writable) {
    const mss = payloadLimit(tcb);
    if (tcb.pathSearch !== null && mss === tcb.snd.mss) sendMtuProbe(tcb);
    const limit = Math.min(superPacketLimit(tcb, mss), pacedLimit(tcb));
    // Its timer is set.
    if (limit === 0) return;
    const length = bytesToSend(tcb, mss, limit);
    const finDue = finMayGo(tcb, length);
    if (length === 0 && !finDue) break;
    sendSegment(tcb, length, finDue, mss);
  }
  noteWindowLimit(tcb);
  if (network.writable) waitForWindow(tcb);
}

/** Something waits, and no ACK is to come that would let it go: only a probe finds out. */
function waitForWindow(tcb: Tcb): void {
  if (!nothingWaits(tcb) && tcb.inFlight.count === 0 && !tcb.ecn.waiting) armPersist(tcb);
}

/**
 * Whether the FIN goes with the next `length` bytes. It follows the last byte in a segment of its own,
 * so that what closes and what carries data are told apart; `lab.finWithData`, or a user who has corked,
 * puts it on that byte's.
 */
function finMayGo(tcb: Tcb, length: number): boolean {
  if (!tcb.finQueued || tcb.finSent || length !== tcb.unsent) return false;
  const joins = length === 0 || tcb.user.cork || tcb.config.labFinWithData;
  return joins && windowRoom(tcb) > length;
}

/** How long the peer's window, not ours, holds data back (`tcpi_rwnd_limited`). */
function noteWindowLimit(tcb: Tcb): void {
  const { tally } = tcb;
  const limited = tcb.unsent > 0 && windowRoom(tcb) < Math.min(tcb.unsent, tcb.snd.mss);
  if (limited === tally.windowLimitedSince > 0) return;
  if (!limited) tally.windowLimitedTime += tcb.clock.now - tally.windowLimitedSince;
  tally.windowLimitedSince = limited ? tcb.clock.now : 0;
}

/** One segment larger than the others, to find out whether the path takes it. */
function sendMtuProbe(tcb: Tcb): void {
  const text = probeText(tcb, Math.min(windowRoom(tcb), congestionRoom(tcb)));
  if (text > 0) sendSegment(tcb, text, false, text, 'mtu-probe');
}

function sendSegment(
  tcb: Tcb,
  length: number,
  fin: boolean,
  mss: number,
  trigger: Trigger = length > 0 ? 'data' : 'fin',
): void {
  const { snd, retry, tally, recovery } = tcb;
  const seq = snd.nxt;
  const occupied = length + (fin ? 1 : 0);
  const bits = flagsOfNew(tcb, length, fin, mss, trigger);
  snd.nxt = seqAdd(seq, occupied);
  if (fin) tcb.finSent = true;
  if (length % mss !== 0) snd.smallSentEnd = snd.nxt;
  if (retry.probe === PROBE_OVERRIDE) retry.probe = PROBE_NONE;
  tally.bytesSent += length;
  if (length > 0) tally.dataSegmentsSent += Math.ceil(length / mss);
  if (recovery.state === 'recovery') recovery.rate.out += occupied;
  tally.lastSentAt = tcb.clock.now;
  paced(tcb, length);
  emit(tcb, seq, length, bits, trigger);
  tcb.inFlight.push(seq, occupied, fin ? HAS_FIN : 0, mss);
  segmentSent(tcb);
}

/** As it would be on a new segment that ends there. */
function pushOfOld(tcb: Tcb, end: Seq): number {
  return end === tcb.sendBuffer.end || tcb.config.push === 'burst' ? PSH : 0;
}

/** PSH is on the last segment of what is queued (MUST-61), and where bursts are pushed on the last of each. */
function flagsOfNew(tcb: Tcb, length: number, fin: boolean, mss: number, trigger: Trigger): number {
  const { push } = tcb.config;
  const pushed = length === tcb.unsent || (push === 'burst' && endsBurst(tcb, length, mss, trigger));
  return ACK | (fin ? FIN : 0) | (length > 0 && pushed ? PSH : 0);
}

/** Whether these `length` bytes go alone, or no full segment can follow them now. */
function endsBurst(tcb: Tcb, length: number, mss: number, trigger: Trigger): boolean {
  if (trigger !== 'data' || tcb.config.pacing) return true;
  return Math.min(tcb.unsent, windowRoom(tcb), congestionRoom(tcb)) - length < mss;
}

/** RFC 5681 §4.1: after an idle RTO the old cwnd says nothing about the path; judged by the last send. */
function restartAfterIdle(tcb: Tcb): void {
  const { tally } = tcb;
  if (!tcb.config.slowStartAfterIdle || tcb.inFlight.count > 0 || tally.dataSegmentsSent === 0) return;
  if (tcb.clock.now - tally.lastSentAt <= tcb.rtt.rto) return;
  tcb.congestion.restart(initialWindow(tcb.config, tcb.snd.mss, 0));
}

/** A probe carries nothing and lies just left of what the peer expects: it must answer (SHLD-12). */
function sendProbe(tcb: Tcb): void {
  const { retry, snd } = tcb;
  const probe = retry.probe;
  retry.probe = PROBE_NONE;
  if (probe === PROBE_KEEPALIVE) {
    emit(tcb, seqAdd(snd.nxt, -1), 0, ACK, 'keepalive');
  } else if (probe === PROBE_PERSIST && snd.wnd === 0) {
    emit(tcb, seqAdd(snd.una, -1), 0, ACK, 'persist');
    armPersist(tcb);
  }
}

/** Pure ACKs: one for each segment that earned its own, and the one for the turn if no data carried it. */
function sendAcksOwed(context: TcpContext, tcb: Tcb): void {
  const { acking, snd } = tcb;
  const network = context.network;
  const trigger: Trigger = acking.challenge ? 'challenge-ack' : 'ack-now';
  let owed = Math.min(acking.acksOwed, MAX_ACKS_A_TURN);
  while (owed > 0 && network.writable) {
    emit(tcb, snd.nxt, 0, ACK, trigger);
    owed--;
  }
  acking.acksOwed = owed;
  acking.challenge = false;
  if (!network.writable) return;
  if (acking.ackNow) emit(tcb, snd.nxt, 0, ACK, acking.ackWasDelayed ? 'ack-delayed' : 'ack-now');
  else if (acking.windowUpdateOwed && windowUpdateIsDue(tcb)) emit(tcb, snd.nxt, 0, ACK, 'window-update');
  acking.windowUpdateOwed = false;
}
