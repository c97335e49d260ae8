/** SEGMENT ARRIVES, RFC 9293 §3.10.7: which of the four sections applies. */

import { REASON } from '../../base/reasons.ts';
import type { Segment } from '../../wire/segment.ts';
import type { TcpContext } from '../context.ts';
import { KIND_CONNECTION, type Tcb } from '../tcb.ts';
import { segmentArrivesClosed } from './closed.ts';
import { segmentArrivesListen } from './listen.ts';
import { segmentArrivesSynSent } from './syn-sent.ts';
import { segmentArrivesSynchronized } from './synchronized.ts';

export function segmentArrives(context: TcpContext, seg: Segment): void {
  context.judge('accepted', REASON.ACCEPTED);
  context.checks = 0;
  const flow = context.flows.find(seg.localAddress, seg.peerAddress, seg.localPort, seg.peerPort);
  if (flow < 0) {
    if (context.trace !== null) context.trace.segmentReceived(null, seg);
    segmentArrivesNowhere(context, seg);
    conclude(context, null, seg);
    return;
  }
  const tcb = context.blockOf(flow);
  if (context.trace !== null) context.trace.segmentReceived(tcb, seg);
  tcb.tally.segmentsReceived += seg.segments;
  tcb.tally.lastReceivedAt = tcb.clock.now;
  const wasRecord = tcb.kind !== KIND_CONNECTION;
  if (tcb.state === 'SYN-SENT') segmentArrivesSynSent(tcb, seg);
  else segmentArrivesSynchronized(tcb, seg);
  if (context.reincarnate) {
    // The old incarnation is gone: its listener, if there still is one, takes the SYN.
    context.judge('accepted', REASON.ACCEPTED);
    segmentArrivesNowhere(context, seg);
    context.reincarnate = false;
    conclude(context, null, seg);
    return;
  }
  conclude(context, tcb, seg);
  if (wasRecord) settleRecord(context, tcb);
}

/** No connection: a listener's, or nobody's. */
function segmentArrivesNowhere(context: TcpContext, seg: Segment): void {
  const listener = context.listeners.find(seg.localAddress, seg.localPort);
  if (listener !== null) segmentArrivesListen(context, listener, seg);
  else segmentArrivesClosed(context, seg);
}

/** An expanded record that is still one goes back into its table; others have already left it. */
function settleRecord(context: TcpContext, tcb: Tcb): void {
  if (tcb.kind === KIND_CONNECTION) return;
  if (tcb.state === 'TIME-WAIT' || tcb.state === 'SYN-RECEIVED') context.packRecord(tcb);
}

/** Counts and reports the verdict: once for every segment. */
function conclude(context: TcpContext, tcb: Tcb | null, seg: Segment): void {
  context.counters.count(context.reason);
  if (context.trace !== null) {
    context.trace.segmentJudged(tcb, seg, context.verdict, context.reason, context.checks);
  }
}
