/** RFC 9293 §3.10.7.4: every state but CLOSED, LISTEN and SYN-SENT. The eight checks, in order. */

import type { Segment } from '../../wire/segment.ts';
import type { Tcb } from '../tcb.ts';
import { checkSequence } from './1-sequence.ts';
import { checkRst } from './2-rst.ts';
import { checkSecurity } from './3-security.ts';
import { checkSyn } from './4-syn.ts';
import { checkAck } from './5-ack.ts';
import { checkUrg } from './6-urg.ts';
import { processText } from './7-text.ts';
import { checkFin } from './8-fin.ts';

export function segmentArrivesSynchronized(tcb: Tcb, seg: Segment): void {
  if (checkSequence(tcb, seg) === 'discard') return;
  if (checkRst(tcb, seg) === 'discard') return;
  if (checkSecurity() === 'discard') return;
  if (checkSyn(tcb, seg) === 'discard') return;
  if (checkAck(tcb, seg) === 'discard') return;
  checkUrg(tcb, seg);
  if (processText(tcb, seg) === 'discard') return;
  checkFin(tcb, seg);
}
