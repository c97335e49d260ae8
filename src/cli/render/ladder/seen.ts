/** What has come from a peer, so that what comes once more can be told from what comes late. */

import { RangeSet } from './ranges.ts';

/** How the numbers of a segment stand to those seen before. */
export type Standing = 'new' | 'again' | 'order';

export class Seen {
  private readonly ranges = new RangeSet();
  private highest = Number.NEGATIVE_INFINITY;

  /** Takes [seq, end) in. An empty segment is always new. */
  take(seq: number, end: number): Standing {
    if (end <= seq) return 'new';
    const again = this.ranges.has(seq);
    const late = !again && seq < this.highest;
    this.ranges.add(seq, end);
    this.highest = Math.max(this.highest, end);
    if (again) return 'again';
    return late ? 'order' : 'new';
  }
}
