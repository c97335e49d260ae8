/** Which SACK blocks an ACK carries, RFC 2018 §4, RFC 2883 §4. */

import { type Seq, seqAdd, seqLt } from '../../base/seq.ts';
import type { Tcb } from '../tcb.ts';
import type { SentSegment } from './sent-segment.ts';

/** Blocks that there are to report, a duplicate among them. */
export function sackBlockCount(tcb: Tcb): number {
  const ranges = tcb.receiveBuffer.outOfOrder.count + (finStandsAlone(tcb) ? 1 : 0);
  return ranges + (tcb.acking.dsackPending ? 1 : 0);
}

/** The peer's FIN has arrived ahead of a hole. It is no byte, but it has a number, which is reported. */
function finIsAhead(tcb: Tcb): boolean {
  const { rcv } = tcb;
  return rcv.finSeen && !tcb.peerClosed && rcv.nxt !== rcv.fin;
}

function finStandsAlone(tcb: Tcb): boolean {
  const ranges = tcb.receiveBuffer.outOfOrder;
  return finIsAhead(tcb) && (ranges.count === 0 || ranges.endOf(ranges.count - 1) !== tcb.rcv.fin);
}

/**
 * A duplicate first, once, and the range that it lies in (RFC 2883 §4.2); then the ranges in the order
 * in which something last came for them, newest first; then the others, highest first. At most `max`.
 */
export function chooseSackBlocks(tcb: Tcb, sent: SentSegment, max: number): void {
  const { acking, rcv } = tcb;
  const { outOfOrder: ranges, recent } = tcb.receiveBuffer;
  const limit = Math.min(max, 4);
  if (acking.dsackPending) {
    addBlock(sent, acking.dsackStart, acking.dsackEnd);
    if (!seqLt(acking.dsackStart, rcv.nxt)) addRange(tcb, sent, ranges.containing(acking.dsackStart), limit);
  }
  const finIsNewest = finIsAhead(tcb) && recent.count > 0 && recent.at(0) === rcv.fin;
  if (finIsNewest) addFin(tcb, sent, limit);
  for (let i = 0; i < recent.count; i++) addRange(tcb, sent, ranges.containing(recent.at(i)), limit);
  if (finIsAhead(tcb) && !finIsNewest) addFin(tcb, sent, limit);
  for (let i = ranges.count - 1; i >= 0 && sent.sackCount < limit; i--) addRange(tcb, sent, i, limit);
  acking.dsackPending = false;
}

/** The FIN that has arrived ahead of a hole: by itself, or with the range that it ends. */
function addFin(tcb: Tcb, sent: SentSegment, limit: number): void {
  const { rcv } = tcb;
  if (!finStandsAlone(tcb)) addRange(tcb, sent, tcb.receiveBuffer.outOfOrder.count - 1, limit);
  else if (sent.sackCount < limit) addBlock(sent, rcv.fin, seqAdd(rcv.fin, 1));
}

/** A range of data, with the FIN that ends it: if there is room, it is one (-1 is none), and not there already. */
function addRange(tcb: Tcb, sent: SentSegment, index: number, limit: number): void {
  if (index < 0 || sent.sackCount >= limit) return;
  const ranges = tcb.receiveBuffer.outOfOrder;
  const start = ranges.startOf(index);
  for (let i = tcb.acking.dsackPending ? 1 : 0; i < sent.sackCount; i++)
    if (sent.sackEdges[2 * i] === start) return;
  const end = ranges.endOf(index);
  addBlock(sent, start, finIsAhead(tcb) && end === tcb.rcv.fin ? seqAdd(end, 1) : end);
}

function addBlock(sent: SentSegment, left: Seq, right: Seq): void {
  sent.sackEdges[2 * sent.sackCount] = left;
  sent.sackEdges[2 * sent.sackCount + 1] = right;
  sent.sackCount++;
}
