/** Where the flight recorder keeps events: one ring for all, and one log for each connection. */

import { AT_CODE, AT_N, AT_TIME, EVENT, ROW, SEG_LENGTH, SEG_SEGMENTS, SEG_TRIGGER } from './record.ts';
import { Sendings } from './sendings.ts';
import { SAID } from './variables.ts';

/** Rows in a circle; the oldest is overwritten. */
export class Ring {
  readonly rows: Float64Array;
  readonly capacity: number;
  /** Rows ever written. */
  written = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.rows = new Float64Array(capacity * ROW);
  }

  /** Offset in `rows` of the row to be written next; the row there now is the one that is lost. */
  next(): number {
    return (this.written++ % this.capacity) * ROW;
  }

  /** Rows held. */
  get length(): number {
    return Math.min(this.written, this.capacity);
  }

  /** Offset of the `index`-th row held, oldest first. */
  offset(index: number): number {
    return ((this.written - this.length + index) % this.capacity) * ROW;
  }
}

/** What is left of events that were merged: a count of each kind. */
export class Run {
  /** Numbers of the first and the last event in it, and when they were, µs. */
  first = 0;
  last = 0;
  from = 0;
  to = 0;
  events = 0;
  sentSegments = 0;
  sentBytes = 0;
  receivedSegments = 0;
  receivedBytes = 0;
  retransmissions = 0;

  clear(): void {
    this.first = 0;
    this.last = 0;
    this.from = 0;
    this.to = 0;
    this.events = 0;
    this.sentSegments = 0;
    this.sentBytes = 0;
    this.receivedSegments = 0;
    this.receivedBytes = 0;
    this.retransmissions = 0;
  }

  /** Adds the row at `at`. */
  merge(rows: Float64Array, at: number): void {
    const n = rows[at + AT_N] as number;
    const time = rows[at + AT_TIME] as number;
    if (this.first === 0) {
      this.first = n;
      this.from = time;
    }
    this.last = n;
    this.to = time;
    this.events++;
    const code = rows[at + AT_CODE] as number;
    if (code === EVENT['seg:sent']) {
      const segments = rows[at + SEG_SEGMENTS] as number;
      this.sentSegments += segments;
      this.sentBytes += rows[at + SEG_LENGTH] as number;
      if ((rows[at + SEG_TRIGGER] as number) % 2 === 1) this.retransmissions += segments;
    } else if (code === EVENT['seg:received']) {
      this.receivedSegments += rows[at + SEG_SEGMENTS] as number;
      this.receivedBytes += rows[at + SEG_LENGTH] as number;
    }
  }
}

/** The first events of a connection, the last ones, and the count of those between. */
export class ConnectionLog {
  /** Connection that it belongs to, -1 when free. */
  id = -1;
  incarnation = 0;
  /** Initial sequence numbers, for relative ones (points). */
  iss = 0;
  irs = 0;
  localAddress = 0;
  localPort = 0;
  peerAddress = 0;
  peerPort = 0;
  closed = false;
  /** The newest event in it, and the newest that could have caused others. */
  lastN = 0;
  cause = 0;
  /** Code of that event; -1 = none. */
  causeCode = -1;
  /** Number of the event that armed each timer. */
  readonly timerSetBy: Float64Array;
  /** What cc:metrics last said, and when, µs. */
  readonly metrics = new Float64Array(7);
  metricsAt = -Infinity;
  /** What snd:window, rcv:window, buf:* and sack:board last said, and when, µs. */
  readonly said = new Float64Array(SAID);
  saidAt = -Infinity;
  readonly sendings = new Sendings();
  /** Code of the state that the peer is believed to be in; -1 = unknown. */
  peerState = -1;

  readonly head: Ring;
  readonly tail: Ring;
  readonly run = new Run();

  constructor(half: number, timers: number) {
    this.head = new Ring(half);
    this.tail = new Ring(half);
    this.timerSetBy = new Float64Array(timers);
  }

  /** For another connection. */
  reset(id: number): void {
    this.id = id;
    this.incarnation = 0;
    this.iss = 0;
    this.irs = 0;
    this.closed = false;
    this.lastN = 0;
    this.cause = 0;
    this.causeCode = -1;
    this.timerSetBy.fill(0);
    this.metrics.fill(-1);
    this.metricsAt = -Infinity;
    this.said.fill(Number.NaN);
    this.saidAt = -Infinity;
    this.sendings.clear();
    this.peerState = -1;
    this.head.written = 0;
    this.tail.written = 0;
    this.run.clear();
  }

  /** The ring that takes the next event. When that is the tail and it is full, its oldest row joins the run. */
  ringForNext(): Ring {
    if (this.head.written < this.head.capacity) return this.head;
    const { tail } = this;
    if (tail.written >= tail.capacity) this.run.merge(tail.rows, tail.offset(0));
    return tail;
  }
}
