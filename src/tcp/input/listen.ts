/** RFC 9293 §3.10.7.2: the state is LISTEN. With the SYN queue and SYN cookies, RFC 4987. */

import { REASON } from '../../base/reasons.ts';
import { ACK, FIN, RST, type Segment, SYN } from '../../wire/segment.ts';
import type { TcpContext } from '../context.ts';
import { acceptCookie, answerWithCookie } from '../cookies.ts';
import type { Listener } from '../listener.ts';
import type { Tcb } from '../tcb.ts';
import { STOPPED } from '../trace.ts';
import { restoreState } from '../transitions.ts';
import { replyWithReset } from './closed.ts';
import { openFast } from './fast-open.ts';
import { openPassive } from './passive.ts';
import { segmentArrivesSynchronized } from './synchronized.ts';

/** From where on a queue may count as full by chance. */
const EARLY = 0.75;

export function segmentArrivesListen(context: TcpContext, listener: Listener, seg: Segment): void {
  // First, check for a RST: nothing here to reset.
  if (seg.isRst) {
    context.checks = 1 | STOPPED;
    context.judge('dropped', REASON.TCP_RST_IGNORED);
    return;
  }
  // Second, check for an ACK: nothing was sent that it could acknowledge, but perhaps a cookie.
  if (seg.isAck) {
    context.checks = 2 | STOPPED;
    acknowledgmentArrives(context, listener, seg);
    return;
  }
  // Third, check for a SYN. Anything else is dropped.
  if (!seg.isSyn) {
    context.checks = 3 | STOPPED;
    context.judge('dropped', REASON.TCP_FLAGS);
    return;
  }
  context.checks = 3;
  if ((seg.flags & FIN) !== 0 && listener.config.synFin === 'drop') {
    context.judge('dropped', REASON.TCP_INVALID_SYN);
    return;
  }
  synArrives(context, listener, seg);
}

function acknowledgmentArrives(context: TcpContext, listener: Listener, seg: Segment): void {
  const tcb = (seg.flags & (SYN | RST)) === 0 ? acceptCookie(context, listener, seg) : null;
  if (tcb === null) {
    context.judge('dropped', REASON.TCP_COOKIE_INVALID);
    replyWithReset(context, seg);
    return;
  }
  // The record that the cookie stood for is back: the ACK goes the ordinary way.
  segmentArrivesSynchronized(tcb, seg);
  if (tcb.state === 'SYN-RECEIVED') {
    // The accept queue is full: forget it again, the cookie still holds.
    context.removeRecord(tcb);
    restoreState(tcb, 'CLOSED');
  }
}

function synArrives(context: TcpContext, listener: Listener, seg: Segment): void {
  if (listener.full) {
    listener.overflows++;
    context.judge('dropped', REASON.TCP_LISTEN_OVERFLOW);
    return;
  }
  const config = listener.config;
  if (config.synCookies === 'always' || isCrowded(context, listener)) {
    if (config.synCookies === 'drop') {
      context.judge('dropped', REASON.TCP_SYN_QUEUE_FULL);
      return;
    }
    context.judge('accepted', REASON.TCP_SYN_COOKIE);
    answerWithCookie(context, listener, seg);
    return;
  }
  const tcb = openPassive(context, listener, seg);
  tcb.handshake.synOwed = true;
  context.markReady(tcb);
  if (openFast(context, listener, tcb)) return;
  context.packRecord(tcb);
  if (context.trace !== null) context.trace.listenerQueues(listener);
  if (config.labHandshake === 'two-way') becomeAtOnce(context, tcb);
  if (seg.dataLength > 0) context.judge('partial', REASON.TCP_SYN_DATA);
}

/**
 * No room in the listener's queue, or in all of them; and by chance a little before that, so that
 * the answer does not tell a stranger whether a SYN that he forged took the last place.
 */
function isCrowded(context: TcpContext, listener: Listener): boolean {
  const { synQueue } = listener.config;
  const filled = Math.max(listener.synQueue / synQueue, context.synReceived.count / (4 * synQueue));
  if (filled >= 1) return true;
  return filled > EARLY && context.noise.byte() / 256 < (filled - EARLY) / (1 - EARLY);
}

/** Lab only: the two-way handshake believes the SYN. */
function becomeAtOnce(context: TcpContext, tcb: Tcb): void {
  const seg = context.segment;
  seg.flags = ACK;
  seg.seq = tcb.rcv.nxt;
  seg.ack = tcb.snd.nxt;
  seg.dataEnd = seg.dataStart;
  segmentArrivesSynchronized(context.blockOf(tcb.flow), seg);
}
