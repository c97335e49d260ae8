/**
 * The flight recorder: the last events of a stack, so that who looks late still sees the past.
 * Writing an event allocates nothing; text and objects are made for readers only.
 *
 * Lifecycle, drops and timers that matter go to one ring. What a transfer produces in bulk goes to a
 * log per connection that keeps its first and its last events and counts those between, so that no
 * transfer erases a handshake.
 */

import type { Reason } from '../base/reasons.ts';
import type { IpTrace } from '../ip/trace.ts';
import type { CloseReason } from '../tcp/events.ts';
import type { QuotedError } from '../tcp/icmp-errors.ts';
import type { Listener } from '../tcp/listener.ts';
import { type State, stateCode } from '../tcp/state.ts';
import { KIND_SYN_RECEIVED, type Tcb } from '../tcp/tcb.ts';
import {
  TIMER_DELAYED_ACK,
  TIMER_KEEPALIVE,
  TIMER_PACING,
  TIMER_PERSIST,
  TIMER_RACK,
  TIMER_RTO,
  TIMER_SYN_ACK,
  TIMER_TIME_WAIT,
  TIMER_TLP,
} from '../tcp/timers/timer-table.ts';
import type { AppCall, TcpTrace } from '../tcp/trace.ts';
import type { Packet } from '../wire/packet.ts';
import { JudgeRecorder } from './judge-recorder.ts';
import { ACT } from './judged.ts';
import * as record from './record.ts';
import { resetReasonOfEnd } from './reset-reasons.ts';

export type { RecorderOptions } from './event-store.ts';

const { EVENT } = record;

export class TraceRecorder extends JudgeRecorder implements TcpTrace, IpTrace {
  /** Number of the last `app:close`; the ABORT that follows at once is for what was never read. */
  private lastClose = 0;
  private unread = false;

  listenerOpened(listener: Listener): void {
    this.listener(EVENT['listen:opened'], listener);
  }

  listenerClosed(listener: Listener): void {
    this.listener(EVENT['listen:closed'], listener);
  }

  listenerQueues(listener: Listener): void {
    this.listener(EVENT['listen:queue'], listener);
  }

  connectionOpened(tcb: Tcb): void {
    const log = this.find(tcb);
    log.localAddress = tcb.localAddress;
    log.localPort = tcb.localPort;
    log.peerAddress = tcb.peerAddress;
    log.peerPort = tcb.peerPort;
    // An application may open when it likes: what came last is no cause of that.
    if (tcb.passive) this.inherit(log);
    this.acts |= ACT.syn;
    this.begin(EVENT['conn:opened'], log, false);
    this.value(0, tcb.localAddress);
    this.value(1, tcb.localPort);
    this.value(2, tcb.peerAddress);
    this.value(3, tcb.peerPort);
    this.value(4, tcb.passive ? 1 : 0);
    this.value(5, tcb.snd.iss >>> 0);
    this.value(6, tcb.rcv.irs >>> 0);
    this.commit();
  }

  stateChanged(tcb: Tcb, from: State, on: string): void {
    this.begin(EVENT['conn:state'], this.find(tcb), false);
    this.value(0, stateCode(from));
    this.value(1, stateCode(tcb.state));
    this.value(2, this.words.code(on));
    this.value(3, tcb.handshake.peerMss);
    this.value(4, tcb.handshake.wscaleAgreed ? tcb.rcv.shift : -1);
    this.value(5, tcb.handshake.wscaleAgreed ? tcb.snd.shift : -1);
    this.value(6, agreedBits(tcb));
    this.commit();
    // A full device may keep the turn from settling what has just begun.
    if (tcb.state === 'SYN-SENT' || tcb.state === 'SYN-RECEIVED') this.changes(tcb, true);
  }

  connectionClosed(tcb: Tcb, reason: CloseReason): void {
    const log = this.find(tcb);
    this.resetEnds(tcb, resetReasonOfEnd(reason, this.synArrived, this.unread));
    this.begin(EVENT['conn:closed'], log, false);
    this.value(0, this.words.code(reason));
    this.value(1, tcb.tally.bytesSent);
    this.value(2, tcb.tally.bytesReceived);
    this.value(3, tcb.tally.segmentsSent);
    this.value(4, tcb.tally.segmentsReceived);
    this.value(5, tcb.tally.retransmissions);
    this.value(6, tcb.error === null ? 0 : this.words.code(tcb.error));
    this.commit();
    log.closed = true;
  }

  timerSet(tcb: Tcb, timer: number, restarted: boolean): void {
    const log = this.find(tcb);
    this.begin(EVENT['timer:set'], log, restarted || isBulkTimer(timer));
    this.value(0, timer);
    this.value(1, tcb.deadline(timer) - this.time);
    this.value(2, restarted ? 1 : 0);
    this.value(3, attempts(tcb, timer));
    this.value(4, log.causeCode);
    if (timer === TIMER_DELAYED_ACK) this.acts |= ACT['ack-delayed'];
    log.timerSetBy[timer] = this.commit();
    // The record that was just made keeps the window as its field had it.
    if (timer === TIMER_TIME_WAIT) this.changes(tcb, true);
  }

  timerCancelled(tcb: Tcb, timer: number): void {
    const log = this.find(tcb);
    this.begin(EVENT['timer:cancel'], log, isBulkTimer(timer));
    this.value(0, timer);
    this.value(1, log.causeCode);
    this.commit();
  }

  timerFired(tcb: Tcb, timer: number): void {
    const log = this.find(tcb);
    this.begin(EVENT['timer:fire'], log, timer === TIMER_DELAYED_ACK || timer === TIMER_PACING);
    this.put(record.AT_CAUSE, log.timerSetBy[timer] as number);
    this.value(0, timer);
    this.value(1, attempts(tcb, timer));
    this.caused(log, this.commit());
  }

  appCalled(tcb: Tcb, call: AppCall, bytes: number): void {
    const log = this.find(tcb);
    if (call === 'abort') this.unread = this.last === this.lastClose;
    this.begin(APP_CODES[call], log, call === 'read' || call === 'write');
    this.put(record.AT_CAUSE, 0);
    this.value(0, bytes);
    this.caused(log, this.commit());
    if (call === 'close') this.lastClose = this.last;
    if (call === 'read' || call === 'write') this.changes(tcb, false);
  }

  icmpArrived(tcb: Tcb | null, error: QuotedError, reason: Reason): void {
    const log = tcb === null ? null : this.find(tcb);
    this.begin(EVENT['ip:icmp'], log, log === null);
    this.put(record.AT_CAUSE, 0);
    this.value(0, reason);
    this.value(1, error.type);
    this.value(2, error.code);
    this.value(3, error.mtu);
    this.value(4, error.localAddress);
    this.value(5, error.localPort);
    this.value(6, error.peerAddress);
    this.value(7, error.peerPort);
    this.caused(log, this.commit());
  }

  packetDropped(packet: Packet, reason: Reason): void {
    this.begin(EVENT['ip:dropped'], null, true);
    this.put(record.AT_CAUSE, 0);
    this.value(0, reason);
    this.value(1, packet.end - packet.start);
    this.commit();
  }

  private listener(code: number, listener: Listener): void {
    this.begin(code, null, false);
    this.value(0, listener.id);
    this.value(1, listener.address);
    this.value(2, listener.port);
    this.value(3, listener.backlog);
    this.value(4, listener.synQueue);
    this.value(5, listener.acceptQueue.length);
    this.commit();
  }
}

const APP_CODES: Readonly<Record<AppCall, number>> = {
  open: EVENT['app:open'],
  accept: EVENT['app:accept'],
  read: EVENT['app:read'],
  write: EVENT['app:write'],
  shutdown: EVENT['app:shutdown'],
  close: EVENT['app:close'],
  abort: EVENT['app:abort'],
};

/** Back-offs, probes or retries in a row. */
function attempts(tcb: Tcb, timer: number): number {
  switch (timer) {
    case TIMER_PERSIST:
    case TIMER_KEEPALIVE:
      return tcb.retry.probes;
    case TIMER_SYN_ACK:
      return tcb.kind === KIND_SYN_RECEIVED ? tcb.retry.recordCount : 0;
    default:
      return tcb.retry.retries;
  }
}

/** Timers that every segment of a transfer moves. */
function isBulkTimer(timer: number): boolean {
  switch (timer) {
    case TIMER_RTO:
    case TIMER_TLP:
    case TIMER_RACK:
    case TIMER_DELAYED_ACK:
    case TIMER_PACING:
      return true;
    default:
      return false;
  }
}

function agreedBits(tcb: Tcb): number {
  return (tcb.handshake.sackAgreed ? 1 : 0) | (tcb.timestamps.agreed ? 2 : 0) | (tcb.ecn.agreed ? 4 : 0);
}
