/** RECEIVE, RFC 9293 §3.10.3. */

import { seqAdd, seqDiff, seqGe } from '../../base/seq.ts';
import { tuneReceiveLimit, windowUpdateIsDue } from '../receive/window.ts';
import type { Tcb } from '../tcb.ts';

/** Copies bytes that arrived in order to `into[start … end)` and takes them; returns how many. */
export function receive(tcb: Tcb, into: Uint8Array, start: number, end: number): number {
  const count = tcb.receiveBuffer.peek(into, start, end, 0);
  if (count > 0) consume(tcb, count);
  return count;
}

/** The user has taken `count` bytes from the front: the window may open. */
export function consume(tcb: Tcb, count: number): void {
  const { receiveBuffer, rcv } = tcb;
  receiveBuffer.consume(count);
  if (tcb.trace !== null) tcb.trace.appCalled(tcb, 'read', count);
  if (rcv.urgent && seqGe(seqAdd(rcv.nxt, -tcb.readable), rcv.up)) rcv.urgent = false;
  if (tcb.state === 'CLOSED' || tcb.detached) {
    if (tcb.readable === 0) receiveBuffer.clear();
    return;
  }
  tuneReceiveLimit(tcb, count);
  if (windowUpdateIsDue(tcb)) {
    tcb.acking.windowUpdateOwed = true;
    tcb.context.markReady(tcb);
  }
}

/** Urgent bytes that the user has still to read; 0 = none announced (MUST-33). */
export function urgentRemaining(tcb: Tcb): number {
  const { rcv } = tcb;
  if (!rcv.urgent) return 0;
  return Math.max(0, seqDiff(rcv.up, seqAdd(rcv.nxt, -tcb.readable)));
}
