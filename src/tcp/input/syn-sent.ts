/** RFC 9293 §3.10.7.3: the state is SYN-SENT. */

import { REASON } from '../../base/reasons.ts';
import { seqAdd, seqDiff, seqGt, seqLe } from '../../base/seq.ts';
import { FIN, type Segment } from '../../wire/segment.ts';
import { EVENT_OPENED } from '../events.ts';
import { becameEstablished, fail } from '../lifecycle.ts';
import { acceptOffer } from '../negotiate.ts';
import type { Tcb } from '../tcb.ts';
import { progressMade } from '../timers/retransmission.ts';
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
    context.judge('dropped', REASON.TCP_INVALID_ACK_SEQUENCE);
    if (!seg.isRst) replyWithReset(context, seg);
    return;
  }
  // Second, check the RST bit: believed only with the ACK of our SYN.
  if (seg.isRst) {
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
    context.judge('dropped', REASON.TCP_FLAGS);
    return;
  }
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
    // Simultaneous open: our SYN is still out, and now carries an ACK.
    tcb.ecn.agreed = false;
    tcb.synOwed = true;
    context.markReady(tcb);
    transition(tcb, 'SYN-SENT', 'rcv SYN', 'SYN-RECEIVED');
    return;
  }
  const inFlight = tcb.inFlight;
  inFlight.acknowledge(seg.ack);
  tcb.snd.una = seg.ack;
  tcb.sendBuffer.releaseBefore(seg.ack);
  if (inFlight.ackedOnce) tcb.rtt.sample(tcb.clock.now - inFlight.ackedSentAt, 1, tcb.config);
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
