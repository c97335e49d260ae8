/** Sorted, disjoint, non-adjacent half-open ranges [start, end) of sequence space, bounded in number. */

import { type Seq, seqGe, seqGt, seqLe, seqLt, toSeq } from './seq.ts';

const FIRST_CAPACITY = 4;
/** Of a list that is empty again. */
const KEPT_EDGES = 128;
const NO_EDGES: Int32Array = new Int32Array(0);

export class RangeList {
  private edges: Int32Array = NO_EDGES;
  private readonly max: number;
  count = 0;

  /** `max` ranges at most; a range that would be one more is refused. */
  constructor(max: number) {
    this.max = max;
  }

  startOf(index: number): Seq {
    return toSeq(this.edges[2 * index] as number);
  }

  endOf(index: number): Seq {
    return toSeq(this.edges[2 * index + 1] as number);
  }

  /** Index of the first range whose end is at or after `seq`, or `count`. */
  find(seq: Seq): number {
    if (this.count === 0 || seqGt(seq, this.endOf(this.count - 1))) return this.count;
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (seqGe(this.endOf(middle), seq)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Index of the range that contains `seq`, or -1. */
  containing(seq: Seq): number {
    const index = this.find(seq);
    if (index === this.count || seqGt(this.startOf(index), seq) || seqLe(this.endOf(index), seq)) return -1;
    return index;
  }

  /** Whether [start, end) can be inserted without going over the bound. */
  fits(start: Seq, end: Seq): boolean {
    if (this.count < this.max) return true;
    const index = this.find(start);
    return index < this.count && seqLe(this.startOf(index), end);
  }

  /** Adds [start, end), merging what it touches. The caller has asked {@link fits}. */
  insert(start: Seq, end: Seq): void {
    const first = this.find(start);
    let last = first;
    let from = start;
    let to = end;
    while (last < this.count && seqLe(this.startOf(last), end)) {
      if (seqLt(this.startOf(last), from)) from = this.startOf(last);
      if (seqGt(this.endOf(last), to)) to = this.endOf(last);
      last++;
    }
    const merged = last - first;
    if (merged === 0) {
      if (2 * this.count === this.edges.length) this.grow();
      this.edges.copyWithin(2 * first + 2, 2 * first, 2 * this.count);
      this.count++;
    } else if (merged > 1) {
      this.edges.copyWithin(2 * first + 2, 2 * last, 2 * this.count);
      this.count -= merged - 1;
    }
    this.edges[2 * first] = from;
    this.edges[2 * first + 1] = to;
  }

  /** Takes out everything before `seq`. */
  dropBefore(seq: Seq): void {
    let gone = 0;
    while (gone < this.count && seqLe(this.endOf(gone), seq)) gone++;
    if (gone > 0) {
      this.edges.copyWithin(0, 2 * gone, 2 * this.count);
      this.count -= gone;
    }
    if (this.count > 0 && seqLt(this.startOf(0), seq)) this.edges[0] = seq;
  }

  /** The memory stays, unless it is much. */
  clear(): void {
    this.count = 0;
    if (this.edges.length > KEPT_EDGES) this.edges = NO_EDGES;
  }

  private grow(): void {
    const larger = new Int32Array(Math.max(2 * FIRST_CAPACITY, this.edges.length * 2));
    larger.set(this.edges);
    this.edges = larger;
  }
}

/** The list of who has none: it takes none. */
export const NO_RANGES: RangeList = new RangeList(0);
