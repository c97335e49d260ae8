/** Which SACK blocks an ACK carries, RFC 2018 §4, RFC 2883 §4. */

import { type Seq, seqAdd, seqLt } from '../../base/seq.ts';
import type { Tcb } from '../tcb.ts';
import type { SentSegment } from './sent-segment.ts';

/** Blocks that there are to report, a duplicate among them. */
export function sackBlockCount(tcb: Tcb): number {
  const ranges = tcb.receiveBuffer.outOfOrder.count + (finStandsAlone(tcb) ? 1 : 0);
  return ranges + (tcb.dsackPending ? 1 : 0);
}

/** The peer's FIN has arrived ahead of a hole. It is no byte, but it has a number, which is reported. */
function finIsAhead(tcb: Tcb): boolean {
  return tcb.rcv.finSeen && !tcb.peerClosed && tcb.rcv.nxt !== tcb.rcv.fin;
}

function finStandsAlone(tcb: Tcb): boolean {
  const ranges = tcb.receiveBuffer.outOfOrder;
  return finIsAhead(tcb) && (ranges.count === 0 || ranges.endOf(ranges.count - 1) !== tcb.rcv.fin);
}

/** A duplicate first, once; then the block with the newest data; then the others, highest first. At most `max`. */
export function chooseSackBlocks(tcb: Tcb, sent: SentSegment, max: number): void {
  const ranges = tcb.receiveBuffer.outOfOrder;
  const limit = Math.min(max, 4);
  const recent = firstRange(tcb);
  if (tcb.dsackPending) addBlock(sent, tcb.dsackStart, tcb.dsackEnd);
  tcb.dsackPending = false;
  if (recent >= 0 && sent.sackCount < limit) addRange(tcb, sent, recent);
  if (finStandsAlone(tcb) && sent.sackCount < limit) addBlock(sent, tcb.rcv.fin, seqAdd(tcb.rcv.fin, 1));
  for (let i = ranges.count - 1; i >= 0 && sent.sackCount < limit; i--) {
    if (i !== recent) addRange(tcb, sent, i);
  }
}

/** A duplicate of data that is itself behind a hole: its range (RFC 2883 §4.2); else the newest; -1 = none. */
function firstRange(tcb: Tcb): number {
  const ranges = tcb.receiveBuffer.outOfOrder;
  if (ranges.count === 0) return -1;
  const repeated = tcb.dsackPending && !seqLt(tcb.dsackStart, tcb.rcv.nxt);
  const within = repeated ? ranges.containing(tcb.dsackStart) : -1;
  return within >= 0 ? within : ranges.containing(tcb.sackRecent);
}

/** A range of data, with the FIN that ends it. */
function addRange(tcb: Tcb, sent: SentSegment, index: number): void {
  const ranges = tcb.receiveBuffer.outOfOrder;
  const end = ranges.endOf(index);
  addBlock(sent, ranges.startOf(index), finIsAhead(tcb) && end === tcb.rcv.fin ? seqAdd(end, 1) : end);
}

function addBlock(sent: SentSegment, left: Seq, right: Seq): void {
  sent.sackEdges[2 * sent.sackCount] = left;
  sent.sackEdges[2 * sent.sackCount + 1] = right;
  sent.sackCount++;
}
