/**
 * The flight recorder: the last events of a stack, so that who looks late still sees the past.
 * Writing an event allocates nothing; text and objects are made for readers only.
 *
 * Lifecycle, drops and timers that matter go to one ring. What a transfer produces in bulk goes to a
 * log per connection that keeps its first and its last events and counts those between, so that no
 * transfer erases a handshake.
 */

import { REASON, type Reason } from '../base/reasons.ts';
import type { IpTrace } from '../ip/trace.ts';
import type { CloseReason } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import { type SentSegment, TRIGGERS } from '../tcp/output/sent-segment.ts';
import type { RecoveryState } from '../tcp/recovery/recovery.ts';
import { type State, stateCode } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { TIMER_DELAYED_ACK, TIMER_RACK, TIMER_RTO, TIMER_TLP } from '../tcp/timers/timer-table.ts';
import type { AppCall, TcpTrace, Verdict } from '../tcp/trace.ts';
import type { Packet } from '../wire/packet.ts';
import { type Segment, SYN } from '../wire/segment.ts';
import { FaultRecorder } from './fault-recorder.ts';
import * as record from './record.ts';

export type { RecorderOptions } from './event-store.ts';

const { EVENT } = record;

/** One cc:metrics per connection in this time, µs. */
const METRICS_INTERVAL = 10_000;

export class TraceRecorder extends FaultRecorder implements TcpTrace, IpTrace {
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
    // What came before the block, a SYN, is its cause.
    if (log.cause === 0) log.cause = this.strayCause;
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
    this.value(3, tcb.peerMss);
    this.value(4, tcb.wscaleAgreed ? tcb.rcv.shift : -1);
    this.value(5, tcb.wscaleAgreed ? tcb.snd.shift : -1);
    this.value(6, agreedBits(tcb));
    this.commit();
  }

  connectionClosed(tcb: Tcb, reason: CloseReason): void {
    const log = this.find(tcb);
    this.begin(EVENT['conn:closed'], log, false);
    this.value(0, this.words.code(reason));
    this.value(1, tcb.bytesSent);
    this.value(2, tcb.bytesReceived);
    this.value(3, tcb.segmentsSent);
    this.value(4, tcb.segmentsReceived);
    this.value(5, tcb.retransmissions);
    this.value(6, tcb.error === null ? 0 : this.words.code(tcb.error));
    this.commit();
    log.closed = true;
  }

  segmentReceived(tcb: Tcb | null, seg: Segment): void {
    const log = tcb === null ? null : this.find(tcb);
    this.begin(EVENT['seg:received'], log, true);
    this.put(record.AT_SEGMENT, this.numberReceived());
    this.put(record.AT_CAUSE, 0);
    this.put(record.SEG_FLAGS, seg.flags);
    this.put(record.SEG_SEQ, seg.seq >>> 0);
    this.put(record.SEG_ACK, seg.ack >>> 0);
    this.put(record.SEG_WND, seg.wnd);
    this.put(record.SEG_UP, seg.up);
    this.put(record.SEG_LENGTH, seg.dataLength);
    this.put(record.SEG_SEGMENTS, seg.segments);
    this.put(record.SEG_SHIFT, tcb === null || (seg.flags & SYN) !== 0 ? 0 : tcb.snd.shift);
    const { mss, windowScale, sackCount, sackPermitted, hasTimestamps } = seg;
    const packed = record.packOptions(mss, windowScale, sackCount, sackPermitted, hasTimestamps);
    this.put(record.SEG_OPTIONS, record.withBadOptions(packed, seg.badOptions));
    this.put(record.SEG_TS_VALUE, seg.tsVal >>> 0);
    this.put(record.SEG_TS_ECHO, seg.tsEcr >>> 0);
    this.put(record.SEG_TRIGGER, 0);
    this.endsOrSack(tcb, seg);
    if (log !== null && seg.isSyn) log.irs = seg.seq;
    this.caused(log, this.commit());
  }

  segmentJudged(tcb: Tcb | null, _seg: Segment, verdict: Verdict, reason: Reason): void {
    const log = tcb === null ? null : this.find(tcb);
    this.begin(EVENT['seg:judged'], log, reason === REASON.ACCEPTED || verdict !== 'dropped');
    this.put(record.AT_SEGMENT, this.receivedSegment);
    this.value(0, this.words.code(verdict));
    this.value(1, reason);
    this.commit();
  }

  segmentSent(tcb: Tcb | null, sent: SentSegment): void {
    const log = tcb === null ? null : this.find(tcb);
    this.begin(EVENT['seg:sent'], log, true);
    this.put(record.AT_SEGMENT, this.numberSent());
    this.put(record.SEG_FLAGS, sent.flags);
    this.put(record.SEG_SEQ, sent.seq >>> 0);
    this.put(record.SEG_ACK, sent.ack >>> 0);
    this.put(record.SEG_WND, sent.wnd);
    this.put(record.SEG_UP, sent.up);
    this.put(record.SEG_LENGTH, sent.dataLength);
    this.put(record.SEG_SEGMENTS, sent.segments);
    this.put(record.SEG_SHIFT, tcb === null || (sent.flags & SYN) !== 0 ? 0 : tcb.rcv.shift);
    const syn = sent.hasSynOptions;
    const { sackCount, sackPermitted, hasTimestamps } = sent;
    const scale = syn ? sent.windowScale : -1;
    this.put(
      record.SEG_OPTIONS,
      record.packOptions(syn ? sent.mss : -1, scale, sackCount, syn && sackPermitted, hasTimestamps),
    );
    this.put(record.SEG_TS_VALUE, sent.tsVal >>> 0);
    this.put(record.SEG_TS_ECHO, sent.tsEcr >>> 0);
    this.put(record.SEG_TRIGGER, 2 * TRIGGERS.indexOf(sent.trigger) + (sent.retransmission ? 1 : 0));
    this.endsOrSack(tcb, sent);
    this.commit();
  }

  timerSet(tcb: Tcb, timer: number, restarted: boolean): void {
    const log = this.find(tcb);
    this.begin(EVENT['timer:set'], log, restarted || isBulkTimer(timer));
    this.value(0, timer);
    this.value(1, tcb.deadline(timer) - this.clock.now);
    this.value(2, restarted ? 1 : 0);
    this.value(3, tcb.retries);
    log.timerSetBy[timer] = this.commit();
  }

  timerCancelled(tcb: Tcb, timer: number): void {
    const log = this.find(tcb);
    this.begin(EVENT['timer:cancel'], log, isBulkTimer(timer));
    this.value(0, timer);
    this.commit();
  }

  timerFired(tcb: Tcb, timer: number): void {
    const log = this.find(tcb);
    this.begin(EVENT['timer:fire'], log, timer === TIMER_DELAYED_ACK);
    this.put(record.AT_CAUSE, log.timerSetBy[timer] as number);
    this.value(0, timer);
    this.value(1, tcb.retries);
    this.caused(log, this.commit());
  }

  metricsChanged(tcb: Tcb): void {
    const log = this.find(tcb);
    const now = this.clock.now;
    if (now - log.metricsAt < METRICS_INTERVAL) return;
    const { metrics } = log;
    let changed = 0;
    changed |= replace(metrics, 0, tcb.congestion.cwnd);
    changed |= replace(metrics, 1, tcb.congestion.ssthresh);
    changed |= replace(metrics, 2, tcb.unacked);
    changed |= replace(metrics, 3, tcb.rtt.srtt);
    changed |= replace(metrics, 4, tcb.rtt.rttvar);
    changed |= replace(metrics, 5, tcb.rtt.rto);
    if (changed === 0) return;
    log.metricsAt = now;
    this.begin(EVENT['cc:metrics'], log, true);
    for (let i = 0; i < metrics.length; i++) this.value(i, metrics[i] as number);
    this.value(metrics.length, changed);
    this.commit();
  }

  recoveryChanged(tcb: Tcb, from: RecoveryState, trigger: string): void {
    this.begin(EVENT['cc:state'], this.find(tcb), false);
    this.value(0, this.words.code(from));
    this.value(1, this.words.code(tcb.recovery.state));
    this.value(2, this.words.code(trigger));
    this.commit();
  }

  rttSampled(tcb: Tcb, sample: number, accepted: boolean): void {
    this.begin(EVENT['rtt:sample'], this.find(tcb), true);
    this.value(0, sample);
    this.value(1, accepted ? 1 : 0);
    this.commit();
  }

  appCalled(tcb: Tcb, call: AppCall, bytes: number): void {
    const log = this.find(tcb);
    this.begin(APP_CODES[call], log, call === 'read' || call === 'write');
    this.put(record.AT_CAUSE, 0);
    this.value(0, bytes);
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

  /** SACK blocks of a connection's segment; addresses and ports of one that has no connection. */
  private endsOrSack(tcb: Tcb | null, segment: Segment | SentSegment): void {
    if (tcb === null) {
      this.put(record.SEG_LOCAL_ADDRESS, segment.localAddress);
      this.put(record.SEG_LOCAL_PORT, segment.localPort);
      this.put(record.SEG_PEER_ADDRESS, segment.peerAddress);
      this.put(record.SEG_PEER_PORT, segment.peerPort);
      return;
    }
    for (let i = 0; i < 2 * segment.sackCount; i++) {
      this.put(record.SEG_SACK + i, (segment.sackEdges[i] as number) >>> 0);
    }
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

/** Timers that every segment of a transfer moves. */
function isBulkTimer(timer: number): boolean {
  return timer === TIMER_RTO || timer === TIMER_TLP || timer === TIMER_RACK || timer === TIMER_DELAYED_ACK;
}

function agreedBits(tcb: Tcb): number {
  return (tcb.sackAgreed ? 1 : 0) | (tcb.timestampsAgreed ? 2 : 0) | (tcb.ecn.agreed ? 4 : 0);
}

/** Stores; 1 << place when it was something else. */
function replace(into: Float64Array, place: number, value: number): number {
  if (into[place] === value) return 0;
  into[place] = value;
  return 1 << place;
}
