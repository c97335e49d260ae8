/**
 * The timers of all connections: one row of deadlines per connection, one heap over the rows'
 * earliest deadlines. RFC 9293 §3.8, §3.10.8.
 *
 * Lazily re-armed: pushing a deadline back (what every ACK does to the RTO) writes one number and
 * leaves the heap alone; the row then comes up too early once, and is put back.
 */

import { type Clock, NEVER } from '../../base/clock.ts';
import { DeadlineHeap } from '../../base/deadline-heap.ts';

/** Timer names, the same everywhere: `ss --json`, the event log, labs. */
export const TIMER_NAMES = [
  'rto',
  'tlp',
  'rack',
  'persist',
  'delayed-ack',
  'keepalive',
  'fin-wait-2',
  'user',
  'pacing',
  'syn-ack',
  'time-wait',
] as const;
export type TimerName = (typeof TIMER_NAMES)[number];

export const TIMER_RTO = 0;
export const TIMER_TLP = 1;
export const TIMER_RACK = 2;
export const TIMER_PERSIST = 3;
export const TIMER_DELAYED_ACK = 4;
export const TIMER_KEEPALIVE = 5;
export const TIMER_FIN_WAIT_2 = 6;
export const TIMER_USER = 7;
export const TIMER_PACING = 8;
/** Of compact SYN-RECEIVED records; kept there, not in the table. */
export const TIMER_SYN_ACK = 9;
/** Of compact TIME-WAIT records; kept there, not in the table. */
export const TIMER_TIME_WAIT = 10;

/** Timers that live in the table. */
export const TABLE_TIMERS = 9;

const FIRST_CAPACITY = 64;

export class TimerTable {
  private deadlines = new Float64Array(FIRST_CAPACITY * TABLE_TIMERS).fill(NEVER);
  private readonly heap = new DeadlineHeap(FIRST_CAPACITY);
  private readonly freeRows: number[] = [];
  private rows = 0;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A row with nothing armed. */
  allocateRow(): number {
    const free = this.freeRows.pop();
    if (free !== undefined) return free;
    const row = this.rows++;
    if ((row + 1) * TABLE_TIMERS > this.deadlines.length) {
      const larger = new Float64Array(this.deadlines.length * 2).fill(NEVER);
      larger.set(this.deadlines);
      this.deadlines = larger;
    }
    return row;
  }

  /** Disarms everything in `row` and gives it back. */
  freeRow(row: number): void {
    this.cancelAll(row);
    this.freeRows.push(row);
  }

  /** Rows in use. */
  get used(): number {
    return this.rows - this.freeRows.length;
  }

  /** Arms a timer to expire `after` µs from now, at least one; an armed one moves. */
  arm(row: number, timer: number, after: number): void {
    const deadline = this.clock.now + Math.max(1, after);
    this.deadlines[row * TABLE_TIMERS + timer] = deadline;
    if (deadline < this.heap.deadlineOf(row)) this.heap.set(row, deadline);
  }

  cancel(row: number, timer: number): void {
    this.deadlines[row * TABLE_TIMERS + timer] = NEVER;
  }

  cancelAll(row: number): void {
    const base = row * TABLE_TIMERS;
    this.deadlines.fill(NEVER, base, base + TABLE_TIMERS);
    this.heap.remove(row);
  }

  isArmed(row: number, timer: number): boolean {
    return (this.deadlines[row * TABLE_TIMERS + timer] as number) !== NEVER;
  }

  /** Absolute µs, or NEVER. */
  deadline(row: number, timer: number): number {
    return this.deadlines[row * TABLE_TIMERS + timer] as number;
  }

  /** The earliest deadline in `row`, or NEVER. */
  earliest(row: number): number {
    const base = row * TABLE_TIMERS;
    let earliest = NEVER;
    for (let timer = 0; timer < TABLE_TIMERS; timer++) {
      const deadline = this.deadlines[base + timer] as number;
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  /** When the next row is to be looked at: never later than its earliest deadline, sometimes earlier. */
  get next(): number {
    return this.heap.earliest;
  }

  /** The exact next deadline: rows that come up early are put back first. */
  settle(): number {
    for (;;) {
      const row = this.heap.first;
      if (row < 0) return NEVER;
      const exact = this.earliest(row);
      if (exact <= this.heap.earliest) return this.heap.earliest;
      if (exact === NEVER) this.heap.remove(row);
      else this.heap.set(row, exact);
    }
  }

  /**
   * The next row with an expired timer, or -1. The caller handles all expired timers of the row,
   * cancelling or re-arming each, and asks again.
   */
  takeExpired(): number {
    const now = this.clock.now;
    for (;;) {
      const row = this.heap.first;
      if (row < 0 || this.heap.earliest > now) return -1;
      const exact = this.earliest(row);
      if (exact <= now) return row;
      if (exact === NEVER) this.heap.remove(row);
      else this.heap.set(row, exact);
    }
  }
}
