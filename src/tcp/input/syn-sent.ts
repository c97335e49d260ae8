/** RFC 9293 §3.10.7.3: the state is SYN-SENT. */

import { REASON } from '../../base/reasons.ts';
import { type Seq, seqAdd, seqDiff, seqGt, seqLe } from '../../base/seq.ts';
import { FIN, type Segment } from '../../wire/segment.ts';
import { EVENT_OPENED } from '../events.ts';
import { fastOpenAnswered } from '../fast-open.ts';
import { becameEstablished, fail } from '../lifecycle.ts';
import { acceptOffer } from '../negotiate.ts';
import { HAS_SYN } from '../send/in-flight.ts';
import type { Tcb } from '../tcb.ts';
import { progressMade } from '../timers/retransmission.ts';
import { STOPPED } from '../trace.ts';
import { transition } from '../transitions.ts';
import { stripSyn } from './1-sequence.ts';
import { checkUrg } from './6-urg.ts';
import { processText } from './7-text.ts';
import { checkFin } from './8-fin.ts';
import { replyWithReset } from './closed.ts';

export function segmentArrivesSynSent(tcb: Tcb, seg: Segment): void {
  const context = tcb.context;
  // First, check the ACK bit.
  if (seg.isAck && (seqLe(seg.ack, tcb.snd.iss) || seqGt(seg.ack, tcb.snd.nxt))) {
    context.checks = 1 | STOPPED;
    context.judge('dropped', REASON.TCP_INVALID_ACK_SEQUENCE);
    if (!seg.isRst) replyWithReset(context, seg);
    return;
  }
  // Second, check the RST bit: believed only with the ACK of our SYN.
  if (seg.isRst) {
    context.checks = 2 | STOPPED;
    if (seg.isAck) {
      context.judge('accepted', REASON.TCP_RESET);
      fail(context, tcb, 'rcv RST', 'refused', 'ECONNREFUSED');
    } else {
      context.judge('dropped', REASON.TCP_RST_IGNORED);
    }
    return;
  }
  // Third, security: see 3-security.ts. Fourth, check the SYN bit.
  if (!seg.isSyn) {
    context.checks = 4 | STOPPED;
    context.judge('dropped', REASON.TCP_FLAGS);
    return;
  }
  context.checks = 4;
  synArrives(tcb, seg);
}

function synArrives(tcb: Tcb, seg: Segment): void {
  const context = tcb.context;
  tcb.rcv.irs = seg.seq;
  tcb.rcv.nxt = seqAdd(seg.seq, 1);
  tcb.rcv.lastAckSent = tcb.rcv.nxt;
  acceptOffer(tcb, seg);
  // The gap in the RFC's text (EV-07): the window variables are set on this path as well.
  tcb.snd.wl1 = seg.seq;
  tcb.snd.wl2 = seg.isAck ? seg.ack : tcb.snd.iss;
  if (!seg.isAck) {
    takeBackTo(tcb, seqAdd(tcb.snd.iss, 1));
    // Simultaneous open: our SYN is still out, and now carries an ACK.
    tcb.ecn.agreed = false;
    tcb.synOwed = true;
    context.markReady(tcb);
    transition(tcb, 'SYN-SENT', 'rcv SYN', 'SYN-RECEIVED');
    return;
  }
  const { delivery } = tcb.context;
  tcb.inFlight.acknowledge(seg.ack);
  tcb.snd.una = seg.ack;
  tcb.bytesAcked += tcb.sendBuffer.releaseBefore(seg.ack);
  if (tcb.fastOpenAsked) fastOpenAnswered(tcb, seg);
  takeBackTo(tcb, seg.ack);
  if (delivery.ackedOnce) {
    const sample = tcb.clock.now - delivery.ackedSentAt;
    tcb.rtt.sample(sample, 1, tcb.config);
    if (tcb.trace !== null) tcb.trace.rttSampled(tcb, sample, true, false);
  }
  progressMade(tcb, true);
  transition(tcb, 'SYN-SENT', 'rcv SYN,ACK', 'ESTABLISHED');
  becameEstablished(tcb);
  context.queueEvent(tcb, EVENT_OPENED);
  tcb.ackNow = true;
  context.markReady(tcb);
  // Sixth to eighth: what else the segment carries. Its SYN has been dealt with.
  stripSyn(seg);
  // Text beyond the window that our SYN offered is not there.
  const excess = seqDiff(seqAdd(seg.seq, seg.dataLength), seqAdd(tcb.rcv.nxt, tcb.rcv.wnd));
  if (excess > 0) {
    seg.dataEnd -= excess;
    seg.flags &= ~FIN;
  }
  checkUrg(tcb, seg);
  if (processText(tcb, seg) === 'discard') return;
  checkFin(tcb, seg);
}

/**
 * Data of our SYN from `seq` on that the peer did not take (EV-06, FO-06) has not been sent: it goes
 * with the first segments after the handshake.
 */
function takeBackTo(tcb: Tcb, seq: Seq): void {
  if (!seqGt(tcb.snd.nxt, seq)) return;
  tcb.bytesSent -= seqDiff(tcb.snd.nxt, seq);
  tcb.snd.nxt = seq;
  tcb.inFlight.clear();
  if (tcb.snd.una !== seq) tcb.inFlight.push(tcb.snd.iss, 1, HAS_SYN, 1);
}
