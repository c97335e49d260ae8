/** Which out-of-order data came last: an ACK repeats the blocks of the ACKs before it, newest first. RFC 2018 §4. */

import type { RangeList } from '../../base/range-list.ts';
import { type Seq, toSeq } from '../../base/seq.ts';

/** As many as an ACK has room for. */
const KEPT = 4;

export class RecentBlocks {
  private readonly points = new Int32Array(KEPT);
  count = 0;

  /** A number in what arrived; `index` 0 is the newest (point). */
  at(index: number): Seq {
    return toSeq(this.points[index] as number);
  }

  /** `seq` has just arrived and is now within `ranges`, as is all that is remembered; or it is a FIN's. */
  note(seq: Seq, ranges: RangeList): void {
    const { points } = this;
    const own = ranges.containing(seq);
    let kept = 0;
    // Two points of one block are one block; what has been delivered is none.
    for (let i = 0; i < this.count; i++) {
      const range = ranges.containing(this.at(i));
      if (range >= 0 && range !== own) points[kept++] = points[i] as number;
    }
    kept = Math.min(kept, KEPT - 1);
    points.copyWithin(1, 0, kept);
    points[0] = seq;
    this.count = kept + 1;
  }

  /** Nothing is out of order any more. */
  clear(): void {
    this.count = 0;
  }
}
