/** RFC 9293 §3.10.7.4: every state but CLOSED, LISTEN and SYN-SENT. The eight checks, in order. */

import type { Segment } from '../../wire/segment.ts';
import type { Tcb } from '../tcb.ts';
import { STOPPED } from '../trace.ts';
import { checkSequence } from './1-sequence.ts';
import { checkRst } from './2-rst.ts';
import { checkSecurity } from './3-security.ts';
import { checkSyn } from './4-syn.ts';
import { checkAck } from './5-ack.ts';
import { checkUrg } from './6-urg.ts';
import { processText } from './7-text.ts';
import { checkFin } from './8-fin.ts';
import type { Check } from './verdict.ts';

export function segmentArrivesSynchronized(tcb: Tcb, seg: Segment): void {
  if (ends(tcb, 1, checkSequence(tcb, seg))) return;
  if (ends(tcb, 2, checkRst(tcb, seg))) return;
  if (ends(tcb, 3, checkSecurity())) return;
  if (ends(tcb, 4, checkSyn(tcb, seg))) return;
  if (ends(tcb, 5, checkAck(tcb, seg))) return;
  checkUrg(tcb, seg);
  if (ends(tcb, 7, processText(tcb, seg))) return;
  checkFin(tcb, seg);
  tcb.context.checks = 8;
}

/** Notes how far the segment came; true when this check was its last. */
function ends(tcb: Tcb, number: number, check: Check): boolean {
  const stopped = check === 'discard';
  tcb.context.checks = stopped ? number | STOPPED : number;
  return stopped;
}
