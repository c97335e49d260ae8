/** Makes one segment: header, options, payload by reference; hands it to IP. */

import { type Seq, seqAdd, seqLt, toSeq } from '../../base/seq.ts';
import { IP_HEADER_LENGTH } from '../../wire/frame.ts';
import { ACK, SYN, URG } from '../../wire/segment.ts';
import { endTcpHeader, TCP_HEADER_LENGTH, writeTcpChecksum, writeTcpHeader } from '../../wire/tcp-header.ts';
import type { TcpContext } from '../context.ts';
import { ECN_FIELD, markSegment } from '../ecn.ts';
import { mssToOffer, TIMESTAMP_OPTION_LENGTH } from '../negotiate.ts';
import { windowField, windowToOffer } from '../receive/window.ts';
import { KIND_CONNECTION, type Tcb } from '../tcb.ts';
import { TIMER_DELAYED_ACK } from '../timers/timer-table.ts';
import { cancelTimer } from '../timers/timers.ts';
import { writeOptions } from './options.ts';
import { chooseSackBlocks, sackBlockCount } from './sack-option.ts';
import type { SentSegment, Trigger } from './sent-segment.ts';

/** Two NOPs, kind and length, and each block. */
const SACK_FIXED = 4;
const SACK_BLOCK = 8;

/** Payload of a full segment now: SND's MSS less the SACK blocks that every segment carries. */
export function payloadLimit(tcb: Tcb): number {
  const { snd } = tcb;
  const blocks = sackBlocksToSend(tcb);
  return blocks === 0 ? snd.mss : snd.mss - SACK_FIXED - SACK_BLOCK * blocks;
}

/**
 * Payload of the largest super-packet, a multiple of `mss`; `mss` itself where there are none, and while
 * there is urgent data: all pieces of a super-packet have one urgent pointer, an offset from their start.
 */
export function superPacketLimit(tcb: Tcb, mss: number): number {
  const limit = tcb.context.network.segmentationLimit;
  if (limit === 0 || tcb.snd.urgent) return mss;
  const payload = limit - IP_HEADER_LENGTH - 60;
  return Math.max(mss, payload - (payload % mss));
}

function sackBlocksToSend(tcb: Tcb): number {
  return tcb.handshake.sackAgreed ? Math.min(sackBlockCount(tcb), tcb.timestamps.agreed ? 3 : 4) : 0;
}

/** What goes out has gone out before. */
function isAgain(tcb: Tcb, trigger: Trigger): boolean {
  if (trigger === 'syn-ack') return tcb.retry.recordCount > 0 || tcb.handshake.synRepeated;
  return trigger === 'rto' || trigger === 'fast-rtx' || trigger === 'tlp';
}

/**
 * Sends `length` bytes of the send buffer from `seq` with these control bits. Everything that an
 * outgoing ACK settles is settled here.
 */
export function emit(tcb: Tcb, seq: Seq, length: number, flags: number, trigger: Trigger): void {
  const { user } = tcb;
  const context = tcb.context;
  const sent = context.sent;
  sent.localAddress = tcb.localAddress;
  sent.peerAddress = tcb.peerAddress;
  sent.sourcePort = tcb.localPort;
  sent.destinationPort = tcb.peerPort;
  sent.seq = seq;
  sent.flags = flags;
  sent.ack = (flags & ACK) !== 0 ? tcb.rcv.nxt : toSeq(0);
  sent.up = 0;
  sent.dataLength = length;
  sent.trigger = trigger;
  sent.retransmission = isAgain(tcb, trigger);
  // Before the options: a DSACK that they report once takes its room from these segments.
  const mss = trigger === 'mtu-probe' ? length : payloadLimit(tcb);
  setWindow(tcb, sent);
  setOptions(tcb, sent);
  if (tcb.snd.urgent && length > 0) pointAtUrgent(tcb, sent);
  const frame = context.frame;
  frame.clearPayload();
  if (length > 0) tcb.sendBuffer.lend(frame, (flags & SYN) !== 0 ? seqAdd(seq, 1) : seq, length);
  sent.segments = length > mss ? Math.ceil(length / mss) : 1;
  if (length > mss) frame.gsoSize = mss;
  frame.ttl = user.ttl;
  frame.tos = (user.tos & ~ECN_FIELD) | markSegment(tcb, sent, length);
  tcb.tally.segmentsSent += sent.segments;
  if ((flags & ACK) !== 0) ackSent(tcb);
  sendSegment(context, tcb);
}

/** Builds the header of `context.sent` in front of the frame's payload and sends it. */
export function sendSegment(context: TcpContext, tcb: Tcb | null): void {
  const { frame, sent } = context;
  writeTcpHeader(frame, sent);
  endTcpHeader(frame, writeOptions(frame.view, sent));
  frame.source = sent.localAddress;
  frame.destination = sent.peerAddress;
  frame.dontFragment = tcb === null || tcb.config.pmtud !== 'off';
  writeTcpChecksum(frame, context.network.checksumOffload);
  context.counters.segmentsSent += sent.segments;
  if (context.trace !== null) context.trace.segmentSent(tcb, sent);
  context.network.send(frame);
}

/** RFC 9293 §3.8.5: from the segment's own number to one past the last urgent byte. */
function pointAtUrgent(tcb: Tcb, sent: SentSegment): void {
  const { snd } = tcb;
  if (!seqLt(sent.seq, snd.up)) return;
  sent.flags |= URG;
  sent.up = Math.min(0xffff, (snd.up - sent.seq) | 0);
}

function setWindow(tcb: Tcb, sent: SentSegment): void {
  const { rcv } = tcb;
  if ((sent.flags & SYN) !== 0) {
    sent.wnd = Math.min(rcv.wnd, 0xffff);
    return;
  }
  const wnd = windowToOffer(tcb);
  sent.wnd = windowField(tcb, wnd);
  rcv.wnd = Math.max(rcv.wnd, sent.wnd << rcv.shift);
}

function setOptions(tcb: Tcb, sent: SentSegment): void {
  const { timestamps, handshake } = tcb;
  const context = tcb.context;
  const syn = (sent.flags & SYN) !== 0;
  sent.hasSynOptions = syn;
  sent.sackCount = 0;
  sent.fastOpenLength = -1;
  sent.hasTimestamps = timestamps.agreed;
  if (timestamps.agreed) {
    sent.tsVal = (context.secrets.milliseconds + timestamps.offset) | 0;
    sent.tsEcr = (sent.flags & ACK) !== 0 ? timestamps.recent : 0;
  }
  if (syn) {
    sent.mss = mssToOffer(tcb.config, context.network.mtu);
    sent.windowScale = handshake.wscaleAgreed ? tcb.rcv.shift : -1;
    sent.sackPermitted = handshake.sackAgreed;
    if (handshake.cookieOwed) context.fastOpen.grant(tcb.peerAddress, sent);
    else if (handshake.fastOpenAsked && sent.trigger === 'syn') context.fastOpen.ask(tcb.peerAddress, sent);
  } else if (handshake.sackAgreed && (sent.flags & ACK) !== 0) {
    const room = TCP_HEADER_LENGTH * 2 - (sent.hasTimestamps ? TIMESTAMP_OPTION_LENGTH : 0);
    chooseSackBlocks(tcb, sent, Math.floor((room - SACK_FIXED) / SACK_BLOCK));
  }
}

/** Every ACK settles what was owed. */
function ackSent(tcb: Tcb): void {
  const { rcv, acking } = tcb;
  rcv.lastAckSent = rcv.nxt;
  acking.ackNow = false;
  acking.ackWasDelayed = false;
  acking.unackedReceived = 0;
  acking.segmentsSinceAck = 0;
  acking.windowUpdateOwed = false;
  if (tcb.kind === KIND_CONNECTION) cancelTimer(tcb, TIMER_DELAYED_ACK);
}
