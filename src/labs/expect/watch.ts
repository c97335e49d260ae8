/** Waiting for a pattern while a log grows: what comes between its lines does not matter. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Arrow, Happening, Line } from './ast.ts';
import { type Bound, compareArrow, EXACT, happens, isPeerState, type Slack } from './compare.ts';
import { wordIn } from './data.ts';
import { firstAfter, History } from './history.ts';
import { parseExpectation } from './parse.ts';
import type { Rung } from './rungs.ts';

/** Seconds in which all is told that becomes of a segment. */
const FATES = 0.25;

/** Lines are found one after the other; the clauses of a line after its segment, before the next one found. */
export class PatternWatch {
  private readonly lines: readonly Line[];
  private readonly since: number;
  private readonly slack: Slack;
  private readonly history: History;
  private bound: Bound = {};
  private next = 0;
  /** The event after which the next line is looked for. */
  private index = -1;
  /** Segments and events before these are not what the line says, and never will be. */
  private pastRungs: number;
  private pastEvents: number;
  private last: LogEvent | null = null;

  /**
   * Events up to number `since` do not count. `history`: one that others add to, shared.
   *
   * @throws ExpectSyntaxError
   */
  constructor(pattern: string, since = 0, slack: Slack = EXACT, history = new History()) {
    this.lines = parseExpectation(pattern).lines.filter(({ what }) => what.kind !== 'skip');
    this.since = since;
    this.slack = slack;
    this.history = history;
    this.pastRungs = firstAfter(history.rungs, since);
    this.pastEvents = firstAfter(history.events, since);
  }

  add(event: LogEvent): void {
    this.history.add(event);
  }

  /** The event of the last line, once all have been found. */
  found(): LogEvent | null {
    for (let line = this.lines[this.next]; line !== undefined; line = this.lines[this.next]) {
      const index = this.find(line);
      if (index < 0) return null;
      this.index = index;
      this.last = this.history.events[index] ?? null;
      this.pastEvents = index + 1;
      this.next++;
    }
    return this.last;
  }

  private find(line: Line): number {
    const { what } = line;
    if (what.kind === 'skip' || what.kind === 'silence') return this.index;
    if (what.kind !== 'arrow') return this.findHappening(what, line.clauses);
    return this.findArrow(what, line.clauses);
  }

  private findArrow(arrow: Arrow, clauses: readonly Happening[]): number {
    const { rungs, events } = this.history;
    const now = events.at(-1)?.t ?? 0;
    let settled = true;
    for (let place = this.pastRungs; place < rungs.length; place++) {
      const rung = rungs[place] as Rung;
      if (rung.index <= this.index || rung.n <= this.since) continue;
      const compared = compareArrow(arrow, rung, this.bound);
      if (typeof compared !== 'string' && clauses.every((clause) => this.holdsAfter(clause, rung))) {
        this.bound = compared;
        return rung.index;
      }
      // What became of a segment is told soon after it; what followed from it may come later.
      settled &&= typeof compared === 'string' && rung.t < now - FATES;
      if (settled) this.pastRungs = place + 1;
    }
    return -1;
  }

  private findHappening(what: Happening, clauses: readonly Happening[]): number {
    const { events } = this.history;
    const found = [what, ...clauses].map((one) => this.findOne(one));
    if (clauses.length === 0 && found[0] === -1) this.pastEvents = events.length;
    return found.includes(-1) ? -1 : Math.max(...found);
  }

  private findOne(what: Happening): number {
    const { events } = this.history;
    for (let index = this.pastEvents; index < events.length; index++) {
      const event = events[index] as LogEvent;
      if (event.n > this.since && happens(what, event, this.slack)) return index;
    }
    return -1;
  }

  private holdsAfter(clause: Happening, rung: Rung): boolean {
    const after = this.history.events.slice(rung.index);
    if (after.some((event) => event.conn === rung.conn && happens(clause, event, this.slack))) return true;
    return clause.kind === 'state' && this.stateAt(clause.side, rung) === clause.state;
  }

  private stateAt(side: 'K' | 'S', rung: Rung): string {
    for (let index = rung.index; index >= 0; index--) {
      const event = this.history.events[index] as LogEvent;
      if (event.conn !== rung.conn || !this.isStateOf(side, event)) continue;
      return wordIn(event.data, 'new', 'state') || 'CLOSED';
    }
    return '';
  }

  private isStateOf(side: 'K' | 'S', event: LogEvent): boolean {
    if (side === 'K') return isPeerState(event, this.slack);
    return event.ev === 'conn:state' || event.ev === 'conn:closed';
  }
}
