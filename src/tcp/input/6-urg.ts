/** RFC 9293 §3.10.7.4, sixth: check the URG bit. Urgent data stays in line, RFC 9293 §3.8.5. */

import { seqAdd, seqGt } from '../../base/seq.ts';
import { type Segment, URG } from '../../wire/segment.ts';
import { EVENT_URGENT } from '../events.ts';
import type { Tcb } from '../tcb.ts';

export function checkUrg(tcb: Tcb, seg: Segment): void {
  const { rcv } = tcb;
  if ((seg.flags & URG) === 0 || seg.up === 0) return;
  switch (tcb.state) {
    case 'ESTABLISHED':
    case 'FIN-WAIT-1':
    case 'FIN-WAIT-2':
      break;
    default:
      return; // The peer has sent FIN: nothing urgent can follow.
  }
  // RCV.UP <- max (RCV.UP, SEG.UP): one past the last urgent byte (MUST-62); it never moves back.
  const up = seqAdd(seg.seq, seg.up);
  if (!seqGt(up, rcv.nxt) || (rcv.urgent && !seqGt(up, rcv.up))) return;
  rcv.up = up;
  rcv.urgent = true;
  tcb.context.queueEvent(tcb, EVENT_URGENT);
}
