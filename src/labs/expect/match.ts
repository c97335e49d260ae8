/**
 * Whether a log is what an expectation says: its lines, in their order. Between two lines a segment that
 * is an ACK and nothing else is passed over; any other segment must be in the expectation.
 */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Arrow, Expectation, Happening, Line } from './ast.ts';
import { type Bound, compareArrow, EXACT, happens, isPeerState, isWithin, type Slack } from './compare.ts';
import { wordIn } from './data.ts';
import { isBareAck, type Rung, rungsOf } from './rungs.ts';

/** A line that was found. */
export interface MatchedLine {
  readonly line: Line;
  /** The segment, for a line that is one. */
  readonly rung: Rung | null;
  /** Number of the event; 0 = of none. */
  readonly n: number;
}

export interface Match {
  readonly ok: boolean;
  readonly matched: readonly MatchedLine[];
  readonly bound: Bound;
  /** The line at which it failed, and what was found there; null when it did not. */
  readonly failure: { readonly line: Line | null; readonly rung: Rung | null; readonly why: string } | null;
  /** Those that count. */
  readonly rungs: readonly Rung[];
}

class Failure extends Error {
  readonly line: Line | null;
  readonly rung: Rung | null;

  constructor(line: Line | null, rung: Rung | null, why: string) {
    super(why);
    this.line = line;
    this.rung = rung;
  }
}

interface Log {
  readonly events: readonly LogEvent[];
  readonly rungs: readonly Rung[];
}

/** Matches a whole log; `rungs` are the segments in it, for who has them already. */
export function match(
  expectation: Expectation,
  events: readonly LogEvent[],
  slack: Slack = EXACT,
  rungs: readonly Rung[] = rungsOf(events),
): Match {
  return new Run(expectation, { events, rungs }, slack).result();
}

class Run {
  private readonly expectation: Expectation;
  private readonly events: readonly LogEvent[];
  private readonly slack: Slack;
  private readonly rungs: readonly Rung[];
  private readonly matched: MatchedLine[] = [];
  private bound: Bound = {};
  /** Of the next segment, and of the event that came last: its place and time. */
  private place = 0;
  private index = -1;
  private time = 0;
  private skipping = false;

  constructor(expectation: Expectation, { events, rungs }: Log, slack: Slack) {
    this.expectation = expectation;
    this.events = events;
    this.slack = slack;
    this.rungs = rungs.filter((rung) => this.counts(rung));
  }

  result(): Match {
    try {
      for (const line of this.expectation.lines) this.take(line);
      if (!this.skipping) this.nothingMore();
      this.neverHappens();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return this.end({ line: error.line, rung: error.rung, why: error.message });
    }
    return this.end(null);
  }

  private end(failure: Match['failure']): Match {
    const { matched, bound, rungs } = this;
    return { ok: failure === null, matched, bound, rungs, failure };
  }

  private counts(rung: Rung): boolean {
    const { only } = this.expectation;
    if (only === null) return true;
    return 'conn' in only ? rung.conn === only.conn : rung.port === only.port || rung.peerPort === only.port;
  }

  private concerns(event: LogEvent): boolean {
    const { only } = this.expectation;
    return only === null || !('conn' in only) || event.conn === undefined || event.conn === only.conn;
  }

  private take(line: Line): void {
    const { what } = line;
    switch (what.kind) {
      case 'arrow':
        this.takeArrow(line, what);
        break;
      case 'skip':
        this.skipping = true;
        break;
      case 'silence':
        this.takeSilence(line, what.ms);
        break;
      default:
        this.takeHappening(line, what);
    }
  }

  private takeArrow(line: Line, arrow: Arrow): void {
    let place = this.place;
    let nearMiss: Failure | null = null;
    for (; ; place++) {
      const rung = this.rungs[place];
      if (rung === undefined) {
        if (line.optional) return;
        throw nearMiss ?? new Failure(line, null, 'it never came');
      }
      const compared = compareArrow(arrow, rung, this.bound);
      if (typeof compared !== 'string') {
        const why = this.conditions(line, rung);
        if (why === null) {
          this.accept(line, rung, compared);
          this.place = place + 1;
          return;
        }
        if (!this.mayPass(line, rung)) throw new Failure(line, rung, why);
        nearMiss = new Failure(line, rung, why);
        continue;
      }
      if (this.mayPass(line, rung)) continue;
      if (line.optional) return;
      throw new Failure(line, rung, compared);
    }
  }

  private mayPass(line: Line, rung: Rung): boolean {
    return this.skipping || (!line.strict && isBareAck(rung));
  }

  private accept(line: Line, rung: Rung, bound: Bound): void {
    this.bound = bound;
    this.matched.push({ line, rung, n: rung.n });
    this.index = rung.index;
    this.time = rung.t;
    this.skipping = false;
  }

  /** What else the line says of the segment; null when it is so. */
  private conditions(line: Line, rung: Rung): string | null {
    if (line.within !== null) {
      const ms = (rung.t - this.time) * 1000;
      if (!isWithin(ms, line.within, this.slack)) return `it came after ${ms.toFixed(1)} ms`;
    }
    for (const clause of line.clauses) {
      const why = this.clause(clause, rung);
      if (why !== null) return why;
    }
    return null;
  }

  private clause(clause: Happening, rung: Rung): string | null {
    if (clause.kind === 'state' && clause.side === 'K' && !this.slack.peerKnown) return null;
    const between = this.events
      .slice(this.firstIndex(rung, clause), this.nextIndex(rung, clause))
      .filter((event) => event.conn === undefined || rung.conn === undefined || event.conn === rung.conn);
    if (between.some((event) => happens(clause, event, this.slack))) return null;
    if (clause.kind !== 'state') return `${happeningText(clause)} did not happen then`;
    const states = between.filter((event) => this.isStateOf(clause.side, event));
    // What K sends it sends in the state in which it is already.
    const asBefore = states.length === 0 || (clause.side === 'K' && rung.from === 'K');
    const now = asBefore ? this.stateBefore(clause.side, rung) : null;
    if (now === clause.state) return null;
    const later = states.map(({ data }) => wordIn(data, 'new', 'state') || 'CLOSED');
    return `${clause.side} is in ${[...(now === null ? [] : [now]), ...later].join(', then ')}`;
  }

  private isStateOf(side: 'K' | 'S', event: LogEvent): boolean {
    if (side === 'K') return isPeerState(event, this.slack);
    return event.ev === 'conn:state' || event.ev === 'conn:closed';
  }

  /** What made S send it came before: since K was heard last. */
  private firstIndex(rung: Rung, clause: Happening): number {
    if (clause.kind === 'state' || rung.from === 'K') return rung.index;
    const last = this.rungs.findLast(
      ({ index, conn, from }) => index < rung.index && conn === rung.conn && from === 'K',
    );
    return last?.index ?? 0;
  }

  /** A state of S holds until the next segment; the rest has time until K has been heard again. */
  private nextIndex(rung: Rung, clause: Happening): number {
    const ofPeer = clause.kind !== 'state' || clause.side === 'K';
    const next = this.rungs.find(
      (other) => other.index > rung.index && other.conn === rung.conn && (!ofPeer || other.from === 'K'),
    );
    return next?.index ?? this.events.length;
  }

  private stateBefore(side: 'K' | 'S', rung: Rung): string {
    for (let index = rung.index; index >= 0; index--) {
      const event = this.events[index] as LogEvent;
      if (event.conn !== rung.conn || !this.isStateOf(side, event)) continue;
      return wordIn(event.data, 'new', 'state') || 'CLOSED';
    }
    return side === 'S' ? 'LISTEN' : 'CLOSED';
  }

  private takeHappening(line: Line, wanted: Happening): void {
    const index = this.events.findIndex(
      (event, at) =>
        at > this.index &&
        this.concerns(event) &&
        happens(wanted, event, this.slack) &&
        this.inTime(line, event),
    );
    const event = this.events[index];
    if (event === undefined) {
      if (line.optional) return;
      throw new Failure(line, null, this.whyNever(line, wanted));
    }
    this.passUntil(line, index);
    this.matched.push({ line, rung: null, n: event.n });
    this.index = index;
    this.time = event.t;
  }

  private inTime(line: Line, event: LogEvent): boolean {
    return line.within === null || isWithin((event.t - this.time) * 1000, line.within, this.slack);
  }

  private whyNever(line: Line, wanted: Happening): string {
    const late = this.events.find((event, at) => at > this.index && happens(wanted, event, this.slack));
    if (line.within === null || late === undefined) return 'it never happened';
    return `it happened after ${((late.t - this.time) * 1000).toFixed(1)} ms`;
  }

  /** Segments before the event that nobody expected. */
  private passUntil(line: Line, index: number): void {
    for (let rung = this.rungs[this.place]; rung !== undefined; rung = this.rungs[this.place]) {
      if (rung.index >= index) return;
      if (!this.mayPass(line, rung)) throw new Failure(line, rung, 'this segment came before it');
      this.place++;
    }
  }

  private takeSilence(line: Line, ms: number): void {
    while (this.rungs[this.place] !== undefined && isBareAck(this.rungs[this.place] as Rung)) {
      const rung = this.rungs[this.place] as Rung;
      if ((rung.t - this.time) * 1000 >= 1000) break;
      this.place++;
      this.time = rung.t;
      this.index = rung.index;
    }
    const next = this.rungs[this.place];
    const end = next?.t ?? this.events.at(-1)?.t ?? 0;
    const quiet = (end - this.time) * 1000;
    if (next !== undefined && quiet < ms) {
      throw new Failure(line, next, `this segment came after ${quiet.toFixed(1)} ms`);
    }
    this.matched.push({ line, rung: null, n: 0 });
  }

  private nothingMore(): void {
    const extra = this.rungs.slice(this.place).find((rung) => !isBareAck(rung));
    if (extra !== undefined && this.expectation.lines.length > 0) {
      throw new Failure(null, extra, 'no line expects this segment');
    }
  }

  private neverHappens(): void {
    for (const line of this.expectation.never) {
      const { what } = line;
      if (what.kind === 'arrow') {
        const rung = this.rungs.find((one) => typeof compareArrow(what, one, this.bound) !== 'string');
        if (rung !== undefined) throw new Failure(line, rung, 'this was never to come');
      } else if (what.kind !== 'skip' && what.kind !== 'silence') {
        const event = this.events.find((one) => this.concerns(one) && happens(what, one, this.slack));
        if (event !== undefined) throw new Failure(line, null, `at ${event.t.toFixed(3)} s it did`);
      }
    }
  }
}

function happeningText(what: Happening): string {
  switch (what.kind) {
    case 'timer':
      return `timer S.${what.timer} ${what.what}`;
    case 'state':
      return `${what.side} ${what.state}`;
    case 'app':
      return `app ${what.call}`;
    case 'event':
      return what.name;
    default:
      return `${what.kind} ${what.reason}`;
  }
}
