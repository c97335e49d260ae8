/** Segments without a connection: resets, RFC 9293 §3.5.2, and SYN,ACKs with a cookie. */

import { SYN } from '../../wire/segment.ts';
import type { TcpContext } from '../context.ts';
import { ECN_FIELD } from '../ecn.ts';
import { sendSegment } from './emit.ts';

/** Makes and sends the reply that was taken from the queue. */
export function emitReply(context: TcpContext): void {
  const { replies, sent, frame } = context;
  sent.localAddress = replies.localAddress;
  sent.peerAddress = replies.peerAddress;
  sent.sourcePort = replies.localPort;
  sent.destinationPort = replies.peerPort;
  sent.seq = replies.seq;
  sent.ack = replies.ack;
  sent.flags = replies.flags;
  sent.wnd = replies.wnd;
  sent.up = 0;
  sent.dataLength = 0;
  sent.segments = 1;
  sent.fastOpenLength = -1;
  sent.sackCount = 0;
  sent.retransmission = false;
  const syn = (replies.flags & SYN) !== 0;
  sent.trigger = syn ? 'syn-ack' : 'rst';
  sent.hasSynOptions = syn;
  sent.mss = replies.mss;
  sent.windowScale = replies.windowScale;
  sent.sackPermitted = replies.sackPermitted;
  sent.hasTimestamps = replies.hasTimestamps;
  sent.tsVal = replies.tsVal;
  sent.tsEcr = replies.tsEcr;
  frame.clearPayload();
  const user = replies.tcb === null ? context.config : replies.tcb.user;
  frame.ttl = user.ttl;
  // No ECT on a reset, RFC 3168 §6.1.6.
  frame.tos = user.tos & ~ECN_FIELD;
  sendSegment(context, replies.tcb);
}
