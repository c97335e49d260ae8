/**
 * Where the flight recorder keeps events, and how they are read again. It knows rows and rings;
 * what a row says about TCP is for recorder.ts.
 */

import type { Clock } from '../base/clock.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { TIMER_NAMES } from '../tcp/timers/timer-table.ts';
import { decodeRow, decodeRun } from './decode.ts';
import type { LogEvent } from './log-event.ts';
import { seconds } from './readable.ts';
import * as record from './record.ts';
import { ConnectionLog, Ring } from './rings.ts';
import { Words } from './strings.ts';

const { AT_N, AT_VALUES, EVENT } = record;

export interface RecorderOptions {
  /** µs; the same clock as the stack's. Its present time is the log's `t` = 0. */
  readonly clock: Clock;
  /** Another `t` = 0, µs of the clock: of recorders whose events are to be read as one log. */
  readonly origin?: number;
  /** Events and segments are numbered `first`, `first + step`, …: recorders of one log share no number. */
  readonly first?: number;
  readonly step?: number;
  /** Events in the common ring. */
  readonly events?: number;
  /** Connections with a log of their own; the one closed longest ago makes room. */
  readonly connections?: number;
  /** Events at each end of a connection's log. */
  readonly perConnection?: number;
  /**
   * `sampled`: windows, buffers and congestion control at most once in 10 ms for each connection, and
   * whenever it comes to rest. `full`: every change.
   */
  readonly detail?: 'sampled' | 'full';
}

const NO_CONNECTION = -1;
const STRAY_EVENTS = 1_024;

/** One event is written by {@link begin}, then {@link put} and {@link value}, and at last {@link commit}. */
export abstract class EventStore {
  /** Called after every event with its number; {@link latest} is that event. Must not call the stack. */
  onEvent: ((n: number) => void) | null = null;
  /** When `t` = 0 was, µs of the clock. */
  readonly origin: number;

  private readonly clock: Clock;
  /** The time that TCP works with. */
  private turn: Clock;
  /** No event is earlier than the one before it, µs. */
  private present = -Infinity;
  protected readonly words = new Words();
  /** Cause of what happens to no connection, and the code of that event; -1 = none. */
  protected strayCause = 0;
  private strayCode = -1;

  private readonly common: Ring;
  /** Segments without a connection: a scan or a flood erases only its like. */
  private readonly stray: Ring;
  /** Data of the rare events that are no rows of numbers, by their place in the common ring. */
  private readonly notes: (Readonly<Record<string, unknown>> | null)[];
  private readonly logs: ConnectionLog[] = [];
  private readonly logById = new Map<number, ConnectionLog>();
  private readonly maxConnections: number;
  private readonly perConnection: number;
  private readonly step: number;
  private n: number;
  /** The number of the last segment. */
  private segments: number;
  /** Where the newest event lies, and the log that it is in. */
  protected rows: Float64Array;
  protected at = 0;
  private log: ConnectionLog | null = null;

  constructor(options: RecorderOptions) {
    this.clock = options.clock;
    this.turn = options.clock;
    this.origin = options.origin ?? options.clock.now;
    this.step = options.step ?? 1;
    this.n = (options.first ?? 1) - this.step;
    this.segments = this.n;
    this.common = new Ring(options.events ?? 8_192);
    this.stray = new Ring(STRAY_EVENTS);
    this.notes = new Array<null>(this.common.capacity).fill(null);
    this.maxConnections = options.connections ?? 256;
    this.perConnection = options.perConnection ?? 160;
    this.rows = this.common.rows;
  }

  /** Number of the newest event, 0 when there was none. */
  get last(): number {
    return Math.max(0, this.n);
  }

  /** A number for a segment. */
  protected nextSegment(): number {
    this.segments += this.step;
    return this.segments;
  }

  /**
   * From now on events have the time of their turn: the one that TCP reckons with, and that costs no look
   * at the clock for each event.
   */
  keepTimeWith(turn: Clock): void {
    this.turn = turn;
  }

  /** When what happens now happens, µs. */
  protected get time(): number {
    const { now } = this.turn;
    return now > this.present ? now : this.present;
  }

  /** What is told from outside of the stack may be later than its turn. */
  protected lookAtClock(): void {
    if (this.turn !== this.clock) this.present = Math.max(this.present, this.clock.now);
  }

  /** Seconds since `t` = 0. */
  get elapsed(): number {
    return seconds(this.clock.now - this.origin);
  }

  /** The newest event. Undefined when there was none. */
  get latest(): LogEvent | undefined {
    return this.n <= 0 ? undefined : this.decode(this.rows, this.at, this.log);
  }

  /** The code of the newest event, for who may not want the rest. */
  get latestCode(): number {
    return this.rows[this.at + record.AT_CODE] as number;
  }

  /**
   * Up to `limit` events with numbers above `n`, in order. Numbers that are missing were
   * overwritten, or merged into a `seg:run`, whose number is that of the last event in it.
   */
  eventsSince(n: number, limit: number): LogEvent[] {
    const found: { n: number; event: () => LogEvent }[] = [];
    this.collect(this.common, n, null, found);
    this.collect(this.stray, n, null, found);
    for (const log of this.logs) {
      if (log.lastN <= n) continue;
      this.collect(log.head, n, log, found);
      this.collect(log.tail, n, log, found);
      const { run } = log;
      if (run.last > n) found.push({ n: run.last, event: () => decodeRun(log, this.origin) });
    }
    found.sort((a, b) => a.n - b.n);
    return found.slice(0, limit).map((entry) => entry.event());
  }

  /**
   * The events held of which a field, e.g. {@link record.AT_CAUSE}, has this value, in order: rows are
   * compared as numbers, and only those that match are decoded.
   */
  having(field: number, value: number): LogEvent[] {
    const found: LogEvent[] = [];
    const look = (ring: Ring, log: ConnectionLog | null): void => {
      for (let index = 0; index < ring.length; index++) {
        const at = ring.offset(index);
        if (ring.rows[at + field] === value) found.push(this.decode(ring.rows, at, log));
      }
    };
    look(this.common, null);
    look(this.stray, null);
    for (const log of this.logs) {
      look(log.head, log);
      look(log.tail, log);
    }
    return found.sort((a, b) => a.n - b.n);
  }

  /**
   * Records a rare event that TCP does not know of: `stack:*`, `fault:*`, `wire:fate`, `lab:*`.
   * Returns its number.
   */
  note(name: record.EventName, data: Readonly<Record<string, unknown>>, connection?: Tcb): number {
    const log = connection === undefined ? null : this.find(connection);
    const place = this.common.written % this.common.capacity;
    this.lookAtClock();
    this.begin(EVENT[name], log, false);
    // Whoever tells it knows more than the stack.
    this.put(record.AT_CAUSE, 0);
    this.notes[place] = data;
    return this.commit();
  }

  /** The log of a connection, the one that is longest over given up when there is none left. */
  protected find(tcb: Tcb): ConnectionLog {
    let log = this.log !== null && this.log.id === tcb.id ? this.log : this.logById.get(tcb.id);
    if (log === undefined) {
      log = this.obtain();
      log.reset(tcb.id);
      this.logById.set(tcb.id, log);
    }
    log.incarnation = tcb.incarnation;
    log.iss = tcb.snd.iss;
    if (tcb.rcv.irs !== 0) log.irs = tcb.rcv.irs;
    return log;
  }

  /** The log of the connection with this id, if it has one. */
  protected known(id: number): ConnectionLog | null {
    return this.logById.get(id) ?? null;
  }

  private obtain(): ConnectionLog {
    if (this.logs.length < this.maxConnections) {
      const fresh = new ConnectionLog(this.perConnection, TIMER_NAMES.length);
      this.logs.push(fresh);
      return fresh;
    }
    let oldest = this.logs[0] as ConnectionLog;
    for (let i = 1; i < this.logs.length; i++) {
      const log = this.logs[i] as ConnectionLog;
      const better = log.closed === oldest.closed ? log.lastN < oldest.lastN : log.closed;
      if (better) oldest = log;
    }
    this.logById.delete(oldest.id);
    return oldest;
  }

  /** Chooses the row of the next event and fills in what every event has. */
  protected begin(code: number, log: ConnectionLog | null, bulk: boolean): void {
    const ring = this.ringFor(log, bulk);
    if (ring === this.common) this.notes[ring.written % ring.capacity] = null;
    const { rows } = ring;
    const at = ring.next();
    this.rows = rows;
    this.at = at;
    this.log = log;
    this.n += this.step;
    rows[at + AT_N] = this.n;
    rows[at + record.AT_TIME] = this.time;
    rows[at + record.AT_CODE] = code;
    rows[at + record.AT_CONNECTION] = log === null ? NO_CONNECTION : log.id;
    rows[at + record.AT_INCARNATION] = log === null ? 0 : log.incarnation;
    rows[at + record.AT_SEGMENT] = 0;
    rows[at + record.AT_CAUSE] = log === null ? this.strayCause : log.cause;
    if (log !== null) log.lastN = this.n;
  }

  private ringFor(log: ConnectionLog | null, bulk: boolean): Ring {
    if (!bulk) return this.common;
    return log === null ? this.stray : log.ringForNext();
  }

  /** Sets one of the fields that every event has, or of those of a segment. */
  protected put(field: number, value: number): void {
    this.rows[this.at + field] = value;
  }

  /** Sets one of the numbers that only the event's code explains. */
  protected value(index: number, value: number): void {
    this.rows[this.at + AT_VALUES + index] = value;
  }

  /** The event is complete. Returns its number. */
  protected commit(): number {
    const n = this.n;
    if (this.onEvent !== null) this.onEvent(n);
    return n;
  }

  /** Event `n` is the cause of what happens next: to its connection, or to one that it brings about. */
  protected caused(log: ConnectionLog | null, n: number): void {
    const code = this.rows[this.at + record.AT_CODE] as number;
    this.strayCause = n;
    this.strayCode = code;
    if (log === null) return;
    log.cause = n;
    log.causeCode = code;
  }

  /** What came before a connection's first event, a SYN, is its cause. */
  protected inherit(log: ConnectionLog): void {
    if (log.cause !== 0) return;
    log.cause = this.strayCause;
    log.causeCode = this.strayCode;
  }

  private collect(
    ring: Ring,
    n: number,
    log: ConnectionLog | null,
    into: { n: number; event: () => LogEvent }[],
  ): void {
    for (let index = ring.length - 1; index >= 0; index--) {
      const at = ring.offset(index);
      const own = ring.rows[at + AT_N] as number;
      if (own <= n) return;
      into.push({ n: own, event: () => this.decode(ring.rows, at, log) });
    }
  }

  private decode(rows: Float64Array, at: number, log: ConnectionLog | null): LogEvent {
    const note = rows === this.common.rows ? (this.notes[at / record.ROW] ?? null) : null;
    return decodeRow({ rows, at, origin: this.origin, words: this.words, log, note });
  }
}
