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
}

/** Recycled record arrays of the first size: a connection with nothing in flight owns none. */
export class RecordsPool {
  private readonly free: Records[] = [];

  take(): Records {
    return this.free.pop() ?? new Records(FIRST_CAPACITY);
  }

  give(records: Records): void {
    records.islands.clear();
    if (records.capacity === FIRST_CAPACITY && this.free.length < 1024) this.free.push(records);
  }
}
