/** Birth and death of connection blocks: the only place that puts them into the tables and takes them out. */

import { REASON } from '../base/reasons.ts';
import { seqAdd } from '../base/seq.ts';
import { ACK, RST } from '../wire/segment.ts';
import { initialWindow } from './congestion/congestion-control.ts';
import type { TcpContext } from './context.ts';
import { type CloseReason, type ErrorCode, EVENT_CLOSED, EVENT_FAILED } from './events.ts';
import { fastOpenEnded } from './fast-open.ts';
import { Rack } from './recovery/recovery.ts';
import { KIND_CONNECTION, KIND_TIME_WAIT, type Tcb } from './tcb.ts';
import { TIMER_FIN_WAIT_2, TIMER_SYN_ACK, TIMER_TIME_WAIT } from './timers/timer-table.ts';
import { armKeepAlive, armTimer, cancelAllTimers } from './timers/timers.ts';
import { transition, transitionFromAny } from './transitions.ts';

/** Gives a block its row in the tables. Its flow exists. */
export function enterTables(context: TcpContext, tcb: Tcb): void {
  tcb.kind = KIND_CONNECTION;
  context.addBlock(tcb);
  context.resting.enter(tcb);
  context.connections++;
  context.pool.claims = context.connections;
}

/** Takes over what the configuration says about a connection that begins. */
export function applyConfig(tcb: Tcb): void {
  const { user, limits, tally } = tcb;
  const config = tcb.config;
  tcb.context.resting.partsOf(tcb).use(config);
  tcb.rtt.reset(config);
  user.noDelay = !config.nagle;
  user.keepAlive = config.keepAlive;
  user.keepAliveIdle = config.keepAliveIdle;
  user.keepAliveInterval = config.keepAliveInterval;
  user.keepAliveCount = config.keepAliveCount;
  user.userTimeout = config.userTimeout;
  user.ttl = config.ttl;
  user.tos = config.tos;
  limits.receive = config.bufferReceiveStart;
  limits.send = config.bufferSendStart;
  tcb.acking.quickAcks = 0;
  tally.openedAt = tcb.clock.now;
  tally.lastReceivedAt = tcb.clock.now;
  tally.lastSentAt = tcb.clock.now;
  limits.tuningStartedAt = tcb.clock.now;
}

/** The connection has just become ESTABLISHED: what depends on both SYNs is settled. */
export function becameEstablished(tcb: Tcb): void {
  const { snd, handshake, rtt, retry, acking, rcv } = tcb;
  const config = tcb.config;
  snd.smallSentEnd = snd.una;
  snd.roundEnd = snd.una;
  snd.validatedAt = tcb.clock.now;
  tcb.context.counters.count(tcb.passive ? REASON.TCP_PASSIVE_OPEN : REASON.TCP_ACTIVE_OPEN);
  tcb.congestion.start(snd.mss, initialWindow(config, snd.mss, handshake.synRetransmitted));
  // RFC 6298 §5.7: a SYN that timed out says nothing good about the path.
  if (handshake.synRetransmitted > 0 && rtt.samples === 0) rtt.rto = Math.max(rtt.rto, 3_000_000);
  tcb.recovery.rack = handshake.sackAgreed ? new Rack() : null;
  retry.retries = 0;
  retry.backoff = 0;
  acking.quickAcks = Math.min(16, Math.max(2, Math.floor(tcb.limits.receive / (2 * rcv.mss))));
  acking.peerSegment = Math.min(rcv.mss, 536);
  if (tcb.user.keepAlive) armKeepAlive(tcb);
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}

/** An expanded SYN-RECEIVED record becomes a connection of its own; the context gets a new scratch block. */
export function promote(context: TcpContext, tcb: Tcb): void {
  const { tally, retry } = tcb;
  context.synReceived.remove(context.flows.indexOf(tcb.flow));
  if (tcb.listener !== null) tcb.listener.synQueue--;
  if (context.trace !== null) context.trace.timerCancelled(tcb, TIMER_SYN_ACK);
  context.scratch = context.newBlock();
  const openedAt = tally.openedAt;
  enterTables(context, tcb);
  applyConfig(tcb);
  tally.openedAt = openedAt;
  tcb.handshake.synRetransmitted = retry.recordCount;
  retry.recordCount = 0;
  retry.recordDeadline = Infinity;
  tcb.sendBuffer.start = seqAdd(tcb.snd.iss, 1);
}

/** Queues a reset that ends `tcb`: SEG.SEQ = SND.NXT, as RFC 9293 §3.10.5 wants it. */
export function queueReset(context: TcpContext, tcb: Tcb): void {
  const { timestamps } = tcb;
  const replies = context.replies;
  replies.begin();
  replies.localAddress = tcb.localAddress;
  replies.peerAddress = tcb.peerAddress;
  replies.localPort = tcb.localPort;
  replies.peerPort = tcb.peerPort;
  replies.seq = tcb.snd.nxt;
  replies.ack = tcb.rcv.nxt;
  replies.flags = RST | ACK;
  replies.tcb = tcb;
  if (timestamps.agreed) {
    replies.hasTimestamps = true;
    replies.tsVal = (context.secrets.milliseconds + timestamps.offset) | 0;
    replies.tsEcr = timestamps.recent;
  }
  if (context.trace !== null) context.trace.resetQueued(tcb, replies);
  replies.push();
}

/**
 * The connection is over and its state is CLOSED: everything is given back but bytes that the user
 * may still read.
 */
export function release(context: TcpContext, tcb: Tcb, reason: CloseReason): void {
  tcb.closeReason = reason;
  if (tcb.trace !== null) tcb.trace.connectionClosed(tcb, reason);
  if (tcb.kind !== KIND_CONNECTION) {
    traceRecordTimer(tcb, reason);
    context.removeRecord(tcb);
    return;
  }
  leaveTables(context, tcb);
  context.flows.remove(tcb.flow);
  tcb.flow = -1;
  context.queueEvent(tcb, EVENT_CLOSED);
}

/** A compact record's one timer ends with it, unless its expiry is what ends it. */
function traceRecordTimer(tcb: Tcb, reason: CloseReason): void {
  if (tcb.trace === null || reason === 'timewait-done' || reason === 'timeout-r2') return;
  tcb.trace.timerCancelled(tcb, tcb.kind === KIND_TIME_WAIT ? TIMER_TIME_WAIT : TIMER_SYN_ACK);
}

/** Frees the block's row and buffers; the flow stays. */
function leaveTables(context: TcpContext, tcb: Tcb): void {
  const { receiveBuffer } = tcb;
  context.resting.partsOf(tcb);
  if (tcb.trace !== null) cancelAllTimers(tcb);
  context.removeBlock(tcb);
  fastOpenEnded(tcb);
  tcb.ready = false;
  context.connections--;
  context.pool.claims = context.connections;
  setOrphan(context, tcb, false);
  tcb.sendBuffer.clear();
  tcb.inFlight.clear();
  receiveBuffer.dropOutOfOrder();
  if (tcb.readerGone || tcb.readable === 0) receiveBuffer.clear();
  context.resting.leave(tcb);
}

/** Ends a connection from any state: an error for the user, no more segments but the reset already queued. */
export function fail(
  context: TcpContext,
  tcb: Tcb,
  on: Parameters<typeof transitionFromAny>[1],
  reason: CloseReason,
  error: ErrorCode | null,
): void {
  transitionFromAny(tcb, on);
  if (error !== null) {
    tcb.error = error;
    if (tcb.kind === KIND_CONNECTION) context.queueEvent(tcb, EVENT_FAILED);
  }
  release(context, tcb, reason);
}

/** Drops a connection or record without a word to anyone: the stack goes. */
export function forget(context: TcpContext, tcb: Tcb): void {
  transitionFromAny(tcb, 'eviction');
  release(context, tcb, 'evicted');
}

/** Counts a connection among those without a user, or no more. */
export function setOrphan(context: TcpContext, tcb: Tcb, orphan: boolean): void {
  if (tcb.orphan === orphan) return;
  tcb.orphan = orphan;
  context.orphans += orphan ? 1 : -1;
}

/** Both directions are closed: 2 MSL to wait. The record is made once phase 4 has sent what is owed. */
export function enterTimeWait(context: TcpContext, tcb: Tcb): void {
  cancelAllTimers(tcb);
  context.markReady(tcb);
}

/** Turns a block in TIME-WAIT into a record; the block is left with the user for bytes he has not read. */
export function becomeTimeWaitRecord(context: TcpContext, tcb: Tcb): void {
  if (!tcb.config.timeWait) {
    transition(tcb, 'TIME-WAIT', 'Timeout=2MSL', 'CLOSED');
    release(context, tcb, 'timewait-done');
    return;
  }
  makeRoomInTimeWait(context, tcb.config.timeWaitMax);
  tcb.retry.recordDeadline = context.clock.now + 2 * tcb.config.msl;
  leaveTables(context, tcb);
  const index = context.timeWait.add(tcb);
  context.flows.setOwner(tcb.flow, KIND_TIME_WAIT, index);
  tcb.detached = true;
  context.queueEvent(tcb, EVENT_CLOSED);
  traceTimeWait(context, tcb);
  tcb.flow = -1;
}

/** Reports the timer on the block while it still stands for the record. */
function traceTimeWait(context: TcpContext, tcb: Tcb): void {
  if (context.trace === null) return;
  context.trace.timerSet(context.blockOf(tcb.flow), TIMER_TIME_WAIT, false);
}

function makeRoomInTimeWait(context: TcpContext, max: number): void {
  while (context.timeWait.count >= max && context.timeWait.count > 0) {
    const oldest = context.blockOf(context.timeWait.flowOf(context.timeWait.first()));
    context.counters.count(REASON.TIMEWAIT_EVICTED);
    transitionFromAny(oldest, 'eviction');
    release(context, oldest, 'evicted');
  }
}

/** FIN-WAIT-2 with nobody left to read does not wait for ever. */
export function armFinWait2(tcb: Tcb): void {
  if (tcb.config.finWait2 !== Infinity) armTimer(tcb, TIMER_FIN_WAIT_2, tcb.config.finWait2);
}
