/** Memory of the records of what is in flight: a struct of arrays, recycled. */

import { RangeList } from '../../base/range-list.ts';

const FIRST_CAPACITY = 16;
/** Islands of SACKed data that are told apart; what would be one more is not noted (E05). */
const MAX_ISLANDS = 1024;

/** Struct of arrays, a ring. Capacity is a power of two. */
export class Records {
  readonly capacity: number;
  readonly seq: Int32Array;
  readonly length: Int32Array;
  readonly sentAt: Float64Array;
  readonly flags: Uint8Array;
  /** Bytes of text in each segment but the last. */
  readonly size: Uint16Array;
  /** What of them the peer has, as ranges of sequence space. */
  islands = new RangeList(MAX_ISLANDS);

  constructor(capacity: number) {
    this.capacity = capacity;
    this.seq = new Int32Array(capacity);
    this.length = new Int32Array(capacity);
    this.sentAt = new Float64Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.size = new Uint16Array(capacity);
  }

  /** Record `from` of `source` becomes record `to` of these. */
  copy(source: Records, from: number, to: number): void {
    this.seq[to] = source.seq[from] as number;
    this.length[to] = source.length[from] as number;
    this.sentAt[to] = source.sentAt[from] as number;
    this.flags[to] = source.flags[from] as number;
    this.size[to] = source.size[from] as number;
  }

  exchangeIslands(other: Records): void {
    const { islands } = other;
    other.islands = this.islands;
    this.islands = islands;
  }
}

/** Records of this capacity and less are recycled; so many bits has it more than the first. */
const LARGEST_SHIFT = 10;
const MAX_FREE = 1024;

/** Recycled record arrays: a connection with nothing in flight owns none. */
export class RecordsPool {
  /** By the capacity's power of two above the first. */
  private readonly free: Records[][] = [];

  constructor() {
    for (let shift = 0; shift <= LARGEST_SHIFT; shift++) this.free.push([]);
  }

  /** Empty ones. `capacity` is the first, or twice another. */
  take(capacity = FIRST_CAPACITY): Records {
    return this.shelfOf(capacity)?.pop() ?? new Records(capacity);
  }

  give(records: Records): void {
    records.islands.clear();
    const shelf = this.shelfOf(records.capacity);
    // The larger, the fewer: each shelf keeps as much memory.
    if (shelf !== undefined && shelf.length * records.capacity < MAX_FREE * FIRST_CAPACITY)
      shelf.push(records);
  }

  private shelfOf(capacity: number): Records[] | undefined {
    return this.free[Math.clz32(FIRST_CAPACITY) - Math.clz32(capacity)];
  }
}
