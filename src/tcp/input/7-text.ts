/** RFC 9293 §3.10.7.4, seventh: process the segment text. */

import { REASON } from '../../base/reasons.ts';
import { type Seq, seqAdd, seqDiff, seqGe, seqGt } from '../../base/seq.ts';
import type { Segment } from '../../wire/segment.ts';
import { marksArrived } from '../ecn.ts';
import { EVENT_READABLE } from '../events.ts';
import { fail, queueReset } from '../lifecycle.ts';
import { dataArrivedInOrder, dataArrivedOutOfOrder } from '../receive/ack-policy.ts';
import type { Tcb } from '../tcb.ts';
import { noteDuplicate } from './1-sequence.ts';
import type { Check } from './verdict.ts';

export function processText(tcb: Tcb, seg: Segment): Check {
  const { rcv } = tcb;
  if (seg.dataLength === 0) return 'continue';
  switch (tcb.state) {
    case 'SYN-RECEIVED':
    case 'ESTABLISHED':
    case 'FIN-WAIT-1':
    case 'FIN-WAIT-2':
      break;
    default:
      // The peer has sent its FIN: text behind it cannot be.
      tcb.context.judge('dropped', REASON.TCP_AFTER_FIN);
      return 'continue';
  }
  if (tcb.readerGone || (tcb.readShut && tcb.state !== 'ESTABLISHED')) return resetReaderGone(tcb);
  if (rcv.finSeen) cutBehindFin(tcb, seg);
  if (seg.dataLength === 0) return 'continue';

  noteText(tcb, seg);
  marksArrived(tcb, seg);
  if (seg.seq === rcv.nxt) inOrder(tcb, seg, seg.dataLength);
  else outOfOrder(tcb, seg);
  tcb.context.markReady(tcb);
  return 'continue';
}

/** What its segments tell of the peer's habits. */
function noteText(tcb: Tcb, seg: Segment): void {
  const { tally, acking } = tcb;
  tally.dataSegmentsReceived += seg.segments;
  tally.lastDataReceivedAt = tcb.clock.now;
  const size = seg.gsoSize > 0 ? seg.gsoSize : seg.dataLength;
  if (size > acking.peerSegment) acking.peerSegment = Math.min(size, tcb.rcv.mss);
}

/** SHLD-3: bytes for a user who has closed are lost, and the peer is told so by a reset. */
function resetReaderGone(tcb: Tcb): Check {
  const context = tcb.context;
  context.judge('dropped', REASON.TCP_ABORT_ON_DATA);
  queueReset(context, tcb);
  fail(context, tcb, 'ABORT', 'reset-sent', 'ECONNRESET');
  return 'discard';
}

/** Text behind a FIN that has arrived ahead of its data is a contradiction: the first word counts. */
function cutBehindFin(tcb: Tcb, seg: Segment): void {
  const beyond = seqDiff(seqAdd(seg.seq, seg.dataLength), tcb.rcv.fin);
  if (beyond <= 0) return;
  seg.dataEnd = Math.max(seg.dataStart, seg.dataEnd - beyond);
  tcb.context.judge('partial', REASON.TCP_AFTER_FIN);
}

function inOrder(tcb: Tcb, seg: Segment, length: number): void {
  const { receiveBuffer, acking, rcv } = tcb;
  const context = tcb.context;
  const ranges = receiveBuffer.outOfOrder;
  const hadGap = ranges.count > 0;
  // Of two parts that are there already the first is reported (RFC 2883 §4.2.3).
  if (hadGap && !acking.dsackPending) noteOverlap(tcb, seg.seq, seqAdd(seg.seq, length));
  const advance = receiveBuffer.append(rcv.nxt, seg.bytes, seg.dataStart, seg.dataEnd);
  if (advance === 0) {
    acking.acksOwed++;
    context.judge('dropped', REASON.TCP_MEMORY);
    return;
  }
  rcv.nxt = seqAdd(rcv.nxt, advance);
  rcv.wnd = Math.max(0, rcv.wnd - advance);
  tcb.tally.bytesReceived += advance;
  context.queueEvent(tcb, EVENT_READABLE);
  dataArrivedInOrder(tcb, length, seg.segments, hadGap);
}

function outOfOrder(tcb: Tcb, seg: Segment): void {
  const { rcv } = tcb;
  const context = tcb.context;
  const { receiveBuffer } = tcb;
  const end = seqAdd(seg.seq, seg.dataLength);
  if (noteOverlap(tcb, seg.seq, end)) {
    context.judge('duplicate', REASON.TCP_DUPLICATE);
  } else if (receiveBuffer.keep(rcv.nxt, seg.seq, seg.bytes, seg.dataStart, seg.dataEnd)) {
    context.judge('queued-ooo', REASON.TCP_OFO_QUEUED);
  } else {
    context.judge('dropped', REASON.TCP_OFO_DROP);
  }
  if (seqGt(end, rcv.nxt)) receiveBuffer.noteRecent(seg.seq);
  dataArrivedOutOfOrder(tcb, seg.segments);
}

/** Remembers the part of [start, end) that was queued before, for a DSACK (RFC 2883 §4.2); true: all of it. */
function noteOverlap(tcb: Tcb, start: Seq, end: Seq): boolean {
  const ranges = tcb.receiveBuffer.outOfOrder;
  const index = ranges.find(seqAdd(start, 1));
  if (index === ranges.count || seqGe(ranges.startOf(index), end)) return false;
  const first = seqGt(ranges.startOf(index), start) ? ranges.startOf(index) : start;
  const last = seqGt(end, ranges.endOf(index)) ? ranges.endOf(index) : end;
  noteDuplicate(tcb, first, last);
  return first === start && last === end;
}
