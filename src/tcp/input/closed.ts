/** RFC 9293 §3.10.7.1: the state is CLOSED, that is, there is no connection. */

import { REASON } from '../../base/reasons.ts';
import { SEQ_ZERO } from '../../base/seq.ts';
import { ACK, RST, type Segment } from '../../wire/segment.ts';
import type { TcpContext } from '../context.ts';

export function segmentArrivesClosed(context: TcpContext, seg: Segment): void {
  context.judge('dropped', REASON.NO_SOCKET);
  if (seg.isRst || context.config.closedPorts === 'drop') return;
  replyWithReset(context, seg);
}

/**
 * The reset that a segment earns, RFC 9293 §3.5.2: with ACK, at the number it acknowledges; without,
 * at 0 and acknowledging all it occupies.
 */
export function replyWithReset(context: TcpContext, seg: Segment): void {
  const replies = context.replies;
  if (!context.resets.take(seg.peerAddress)) {
    context.judge('dropped', REASON.TCP_RST_LIMIT);
    return;
  }
  replies.begin();
  replies.localAddress = seg.localAddress;
  replies.peerAddress = seg.peerAddress;
  replies.localPort = seg.localPort;
  replies.peerPort = seg.peerPort;
  if (seg.isAck) {
    replies.seq = seg.ack;
    replies.ack = SEQ_ZERO;
    replies.flags = RST;
  } else {
    replies.seq = SEQ_ZERO;
    replies.ack = seg.end;
    replies.flags = RST | ACK;
  }
  if (context.trace !== null) context.trace.resetQueued(null, replies);
  if (!replies.push()) context.judge('dropped', REASON.TCP_RST_LIMIT);
}
