/** What has arrived ahead of a hole. A connection without holes owns nothing of this. */

import { RangeList } from '../../base/range-list.ts';
import { RecentBlocks } from './recent-blocks.ts';

/**
 * Bounds what a peer can make us remember (D36, S35, S36). A window as large as the buffers allow,
 * 4,500 segments, lost in part at random, has fewer holes.
 */
const MAX_RANGES = 1024;
const MAX_FREE = 1024;

export class Holes {
  /** Out-of-order bytes, as ranges of sequence space. */
  readonly ranges: RangeList;
  /** In which order they came. */
  readonly recent = new RecentBlocks();

  constructor(max = MAX_RANGES) {
    this.ranges = new RangeList(max);
  }
}

export const NO_HOLES: Holes = new Holes(0);

/** Recycled. */
export class HolesPool {
  private readonly free: Holes[] = [];

  take(): Holes {
    return this.free.pop() ?? new Holes();
  }

  /** Returns what the connection has from now on. */
  give(holes: Holes): Holes {
    if (holes === NO_HOLES) return holes;
    holes.ranges.clear();
    holes.recent.clear();
    if (this.free.length < MAX_FREE) this.free.push(holes);
    return NO_HOLES;
  }
}
