/** Which SACK blocks an ACK carries, RFC 2018 §4, RFC 2883 §4. */

import { type Seq, seqLt } from '../../base/seq.ts';
import type { Tcb } from '../tcb.ts';
import type { SentSegment } from './sent-segment.ts';

/** A duplicate first, once; then the block with the newest data; then the others, highest first. At most `max`. */
export function chooseSackBlocks(tcb: Tcb, sent: SentSegment, max: number): void {
  const ranges = tcb.receiveBuffer.outOfOrder;
  const limit = Math.min(max, 4);
  let within = -1;
  if (tcb.dsackPending) {
    tcb.dsackPending = false;
    addBlock(sent, tcb.dsackStart, tcb.dsackEnd);
    // A duplicate of data that is itself behind a hole: its block follows (RFC 2883 §4.2).
    if (ranges.count > 0 && !seqLt(tcb.dsackStart, tcb.rcv.nxt)) within = ranges.containing(tcb.dsackStart);
  }
  const recent = within >= 0 ? within : ranges.count > 0 ? ranges.containing(tcb.sackRecent) : -1;
  if (recent >= 0 && sent.sackCount < limit) addBlock(sent, ranges.startOf(recent), ranges.endOf(recent));
  for (let i = ranges.count - 1; i >= 0 && sent.sackCount < limit; i--) {
    if (i !== recent) addBlock(sent, ranges.startOf(i), ranges.endOf(i));
  }
}

function addBlock(sent: SentSegment, left: Seq, right: Seq): void {
  sent.sackEdges[2 * sent.sackCount] = left;
  sent.sackEdges[2 * sent.sackCount + 1] = right;
  sent.sackCount++;
}
