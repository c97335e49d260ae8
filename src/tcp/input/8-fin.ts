/** RFC 9293 §3.10.7.4, eighth: check the FIN bit. */

import { REASON } from '../../base/reasons.ts';
import { seqAdd, seqGe, seqGt } from '../../base/seq.ts';
import type { Segment } from '../../wire/segment.ts';
import { EVENT_PEER_CLOSED } from '../events.ts';
import { enterTimeWait } from '../lifecycle.ts';
import { finArrived } from '../receive/ack-policy.ts';
import type { Tcb } from '../tcb.ts';
import { TIMER_FIN_WAIT_2 } from '../timers/timer-table.ts';
import { cancelTimer } from '../timers/timers.ts';
import { transition } from '../transitions.ts';

export function checkFin(tcb: Tcb, seg: Segment): void {
  const { rcv, acking } = tcb;
  if (seg.isFin) noteFin(tcb, seg);
  // The FIN counts once all data before it is there: perhaps now, through another segment.
  if (!rcv.finSeen || tcb.peerClosed || rcv.nxt !== rcv.fin) return;
  rcv.nxt = seqAdd(rcv.nxt, 1);
  rcv.wnd = Math.max(0, rcv.wnd - 1);
  tcb.peerClosed = true;
  const context = tcb.context;
  context.queueEvent(tcb, EVENT_PEER_CLOSED);
  context.markReady(tcb);
  switch (tcb.state) {
    case 'ESTABLISHED':
      tcb.closedFirst = 'peer';
      finArrived(tcb);
      transition(tcb, 'ESTABLISHED', 'rcv FIN', 'CLOSE-WAIT');
      break;
    case 'FIN-WAIT-1':
      // Its ACK of our FIN would have moved us to FIN-WAIT-2 in the fifth check: the FINs have crossed.
      tcb.closedFirst = 'both';
      acking.ackNow = true;
      transition(tcb, 'FIN-WAIT-1', 'rcv FIN', 'CLOSING');
      break;
    case 'FIN-WAIT-2':
      acking.ackNow = true;
      cancelTimer(tcb, TIMER_FIN_WAIT_2);
      transition(tcb, 'FIN-WAIT-2', 'rcv FIN', 'TIME-WAIT');
      enterTimeWait(context, tcb);
      break;
    default:
      break;
  }
}

/** Remembers where the stream ends. Data that is already held beyond it proves the FIN wrong. */
function noteFin(tcb: Tcb, seg: Segment): void {
  const { rcv } = tcb;
  if (rcv.finSeen) {
    // Repeated while the hole before it is still there.
    if (!tcb.peerClosed && seg.dataLength === 0) earnAck(tcb);
    return;
  }
  const fin = seqAdd(seg.seq, seg.dataLength);
  const ranges = tcb.receiveBuffer.outOfOrder;
  // The segment's own text may have closed the gap before them already.
  if (seqGt(rcv.nxt, fin)) return;
  if (ranges.count > 0 && !seqGe(fin, ranges.endOf(ranges.count - 1))) return;
  rcv.fin = fin;
  rcv.finSeen = true;
  // Ahead of a hole: an out-of-order segment like any other (CC-11); text has earned its ACK by itself.
  if (fin !== rcv.nxt && seg.dataLength === 0) earnAck(tcb);
}

function earnAck(tcb: Tcb): void {
  tcb.acking.acksOwed++;
  tcb.receiveBuffer.noteRecent(tcb.rcv.fin);
  tcb.context.markReady(tcb);
  tcb.context.judge('queued-ooo', REASON.TCP_OFO_QUEUED);
}
