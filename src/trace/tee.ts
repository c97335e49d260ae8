/** Several sinks behind one: each gets every event, in order. */

import type { Reason } from '../base/reasons.ts';
import type { IpTrace } from '../ip/trace.ts';
import type { CloseReason } from '../tcp/events.ts';
import type { QuotedError } from '../tcp/icmp-errors.ts';
import type { Listener } from '../tcp/listener.ts';
import type { SentSegment } from '../tcp/output/sent-segment.ts';
import type { RecoveryState } from '../tcp/recovery/recovery.ts';
import type { ReplyQueue } from '../tcp/replies.ts';
import type { State } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { AppCall, TcpTrace, Verdict } from '../tcp/trace.ts';
import type { Packet } from '../wire/packet.ts';
import type { Segment } from '../wire/segment.ts';

export class TeeTrace implements TcpTrace, IpTrace {
  private readonly sinks: readonly (TcpTrace & IpTrace)[];

  constructor(sinks: readonly (TcpTrace & IpTrace)[]) {
    this.sinks = sinks;
  }

  listenerOpened(listener: Listener): void {
    for (const sink of this.sinks) sink.listenerOpened(listener);
  }
  listenerClosed(listener: Listener): void {
    for (const sink of this.sinks) sink.listenerClosed(listener);
  }
  listenerQueues(listener: Listener): void {
    for (const sink of this.sinks) sink.listenerQueues(listener);
  }
  connectionOpened(tcb: Tcb): void {
    for (const sink of this.sinks) sink.connectionOpened(tcb);
  }
  stateChanged(tcb: Tcb, from: State, on: string): void {
    for (const sink of this.sinks) sink.stateChanged(tcb, from, on);
  }
  connectionClosed(tcb: Tcb, reason: CloseReason): void {
    for (const sink of this.sinks) sink.connectionClosed(tcb, reason);
  }
  segmentReceived(tcb: Tcb | null, seg: Segment): void {
    for (const sink of this.sinks) sink.segmentReceived(tcb, seg);
  }
  segmentJudged(tcb: Tcb | null, seg: Segment, verdict: Verdict, reason: Reason, checks: number): void {
    for (const sink of this.sinks) sink.segmentJudged(tcb, seg, verdict, reason, checks);
  }
  segmentSent(tcb: Tcb | null, sent: SentSegment): void {
    for (const sink of this.sinks) sink.segmentSent(tcb, sent);
  }
  resetQueued(tcb: Tcb | null, reply: ReplyQueue): void {
    for (const sink of this.sinks) sink.resetQueued(tcb, reply);
  }
  settled(tcb: Tcb): void {
    for (const sink of this.sinks) sink.settled(tcb);
  }
  timerSet(tcb: Tcb, timer: number, restarted: boolean): void {
    for (const sink of this.sinks) sink.timerSet(tcb, timer, restarted);
  }
  timerCancelled(tcb: Tcb, timer: number): void {
    for (const sink of this.sinks) sink.timerCancelled(tcb, timer);
  }
  timerFired(tcb: Tcb, timer: number): void {
    for (const sink of this.sinks) sink.timerFired(tcb, timer);
  }
  metricsChanged(tcb: Tcb): void {
    for (const sink of this.sinks) sink.metricsChanged(tcb);
  }
  recoveryChanged(tcb: Tcb, from: RecoveryState, trigger: string): void {
    for (const sink of this.sinks) sink.recoveryChanged(tcb, from, trigger);
  }
  rttSampled(tcb: Tcb, sample: number, accepted: boolean, echoed: boolean): void {
    for (const sink of this.sinks) sink.rttSampled(tcb, sample, accepted, echoed);
  }
  icmpArrived(tcb: Tcb | null, error: QuotedError, reason: Reason): void {
    for (const sink of this.sinks) sink.icmpArrived(tcb, error, reason);
  }
  appCalled(tcb: Tcb, call: AppCall, bytes: number): void {
    for (const sink of this.sinks) sink.appCalled(tcb, call, bytes);
  }
  packetDropped(packet: Packet, reason: Reason): void {
    for (const sink of this.sinks) sink.packetDropped(packet, reason);
  }
}
