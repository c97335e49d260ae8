/** Birth and death of connection blocks: the only place that puts them into the tables and takes them out. */

import { REASON } from '../base/reasons.ts';
import { seqAdd } from '../base/seq.ts';
import { ACK, RST } from '../wire/segment.ts';
import { initialWindow } from './congestion/congestion-control.ts';
import { createCongestionControl } from './congestion/create.ts';
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
  tcb.row = context.timers.allocateRow();
  context.blocks[tcb.row] = tcb;
  context.flows.setOwner(tcb.flow, KIND_CONNECTION, tcb.row);
  context.connections++;
  context.pool.claims = context.connections;
}

/** Takes over what the configuration says about a connection that begins. */
export function applyConfig(tcb: Tcb): void {
  const config = tcb.config;
  if (tcb.congestion.name !== config.congestion) tcb.congestion = createCongestionControl(config, tcb.clock);
  tcb.rtt.reset(config);
  tcb.noDelay = !config.nagle;
  tcb.keepAlive = config.keepAlive;
  tcb.keepAliveIdle = config.keepAliveIdle;
  tcb.keepAliveInterval = config.keepAliveInterval;
  tcb.keepAliveCount = config.keepAliveCount;
  tcb.userTimeout = config.userTimeout;
  tcb.ttl = config.ttl;
  tcb.tos = config.tos;
  tcb.receiveLimit = config.bufferReceiveStart;
  tcb.sendLimit = config.bufferSendStart;
  tcb.quickAcks = 0;
  tcb.openedAt = tcb.clock.now;
  tcb.lastReceivedAt = tcb.clock.now;
  tcb.lastSentAt = tcb.clock.now;
  tcb.tuningStartedAt = tcb.clock.now;
}

/** The connection has just become ESTABLISHED: what depends on both SYNs is settled. */
export function becameEstablished(tcb: Tcb): void {
  const config = tcb.config;
  tcb.smallSentEnd = tcb.snd.una;
  tcb.roundEnd = tcb.snd.una;
  tcb.validatedAt = tcb.clock.now;
  tcb.context.counters.count(tcb.passive ? REASON.TCP_PASSIVE_OPEN : REASON.TCP_ACTIVE_OPEN);
  tcb.congestion.start(tcb.snd.mss, initialWindow(config, tcb.snd.mss, tcb.synRetransmitted));
  // RFC 6298 §5.7: a SYN that timed out says nothing good about the path.
  if (tcb.synRetransmitted > 0 && tcb.rtt.samples === 0) tcb.rtt.rto = Math.max(tcb.rtt.rto, 3_000_000);
  tcb.recovery.rack = tcb.sackAgreed ? new Rack() : null;
  tcb.retries = 0;
  tcb.backoff = 0;
  tcb.quickAcks = Math.min(16, Math.max(2, Math.floor(tcb.receiveLimit / (2 * tcb.rcv.mss))));
  tcb.peerSegment = Math.min(tcb.rcv.mss, 536);
  if (tcb.keepAlive) armKeepAlive(tcb);
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}

/** An expanded SYN-RECEIVED record becomes a connection of its own; the context gets a new scratch block. */
export function promote(context: TcpContext, tcb: Tcb): void {
  context.synReceived.remove(context.flows.indexOf(tcb.flow));
  if (tcb.listener !== null) tcb.listener.synQueue--;
  if (context.trace !== null) context.trace.timerCancelled(tcb, TIMER_SYN_ACK);
  context.scratch = context.newBlock();
  const openedAt = tcb.openedAt;
  enterTables(context, tcb);
  applyConfig(tcb);
  tcb.openedAt = openedAt;
  tcb.synRetransmitted = tcb.compactCount;
  tcb.compactCount = 0;
  tcb.compactDeadline = Infinity;
  tcb.sendBuffer.start = seqAdd(tcb.snd.iss, 1);
}

/** Queues a reset that ends `tcb`: SEG.SEQ = SND.NXT, as RFC 9293 §3.10.5 wants it. */
export function queueReset(context: TcpContext, tcb: Tcb): void {
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
  if (tcb.timestampsAgreed) {
    replies.hasTimestamps = true;
    replies.tsVal = (context.secrets.milliseconds + tcb.tsOffset) | 0;
    replies.tsEcr = tcb.tsRecent;
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
  if (tcb.trace !== null) cancelAllTimers(tcb);
  context.timers.freeRow(tcb.row);
  context.blocks[tcb.row] = null;
  fastOpenEnded(tcb);
  tcb.row = -1;
  tcb.ready = false;
  context.connections--;
  context.pool.claims = context.connections;
  setOrphan(context, tcb, false);
  tcb.sendBuffer.clear();
  tcb.inFlight.clear();
  tcb.receiveBuffer.dropOutOfOrder();
  if (tcb.readerGone || tcb.readable === 0) tcb.receiveBuffer.clear();
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
  tcb.compactDeadline = context.clock.now + 2 * tcb.config.msl;
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
