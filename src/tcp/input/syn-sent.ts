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
  const { snd } = tcb;
  const context = tcb.context;
  // First, check the ACK bit.
  if (seg.isAck && (seqLe(seg.ack, snd.iss) || seqGt(seg.ack, snd.nxt))) {
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
  const { rcv, snd, handshake } = tcb;
  const context = tcb.context;
  rcv.irs = seg.seq;
  rcv.nxt = seqAdd(seg.seq, 1);
  rcv.lastAckSent = rcv.nxt;
  acceptOffer(tcb, seg);
  // The gap in the RFC's text (EV-07): the window variables are set on this path as well.
  snd.wl1 = seg.seq;
  snd.wl2 = seg.isAck ? seg.ack : snd.iss;
  if (!seg.isAck) {
    takeBackTo(tcb, seqAdd(snd.iss, 1));
    // Simultaneous open: our SYN is still out, and now carries an ACK.
    tcb.ecn.agreed = false;
    handshake.synOwed = true;
    context.markReady(tcb);
    transition(tcb, 'SYN-SENT', 'rcv SYN', 'SYN-RECEIVED');
    return;
  }
  const { delivery } = tcb.context;
  tcb.inFlight.acknowledge(seg.ack);
  snd.una = seg.ack;
  tcb.tally.bytesAcked += tcb.sendBuffer.releaseBefore(seg.ack);
  if (handshake.fastOpenAsked) fastOpenAnswered(tcb, seg);
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
  tcb.acking.ackNow = true;
  context.markReady(tcb);
  // Sixth to eighth: what else the segment carries. Its SYN has been dealt with.
  stripSyn(seg);
  // Text beyond the window that our SYN offered is not there.
  const excess = seqDiff(seqAdd(seg.seq, seg.dataLength), seqAdd(rcv.nxt, rcv.wnd));
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
  const { snd, inFlight } = tcb;
  if (!seqGt(snd.nxt, seq)) return;
  tcb.tally.bytesSent -= seqDiff(snd.nxt, seq);
  snd.nxt = seq;
  inFlight.clear();
  if (snd.una !== seq) inFlight.push(snd.iss, 1, HAS_SYN, 1);
}
