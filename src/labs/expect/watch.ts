/** Waiting for a pattern while a log grows: what comes between its lines does not matter. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Happening, Line } from './ast.ts';
import { type Bound, compareArrow, EXACT, happens, isPeerState, type Slack } from './compare.ts';
import { wordIn } from './data.ts';
import { parseExpectation } from './parse.ts';
import { type Rung, RungReader } from './rungs.ts';

/** Lines are found one after the other; the clauses of a line after its segment, before the next one found. */
export class PatternWatch {
  private readonly lines: readonly Line[];
  private readonly since: number;
  private readonly slack: Slack;
  private readonly reader = new RungReader();
  private readonly events: LogEvent[] = [];
  private bound: Bound = {};
  private next = 0;
  /** The event after which the next line is looked for. */
  private index = -1;
  private last: LogEvent | null = null;

  /** Events up to number `since` do not count. @throws ExpectSyntaxError */
  constructor(pattern: string, since = 0, slack: Slack = EXACT) {
    this.lines = parseExpectation(pattern).lines.filter(({ what }) => what.kind !== 'skip');
    this.since = since;
    this.slack = slack;
  }

  add(event: LogEvent): void {
    this.reader.add(event);
    this.events.push(event);
  }

  /** The event of the last line, once all have been found. */
  found(): LogEvent | null {
    for (let line = this.lines[this.next]; line !== undefined; line = this.lines[this.next]) {
      const index = this.find(line);
      if (index < 0) return null;
      this.index = index;
      this.last = this.events[index] ?? null;
      this.next++;
    }
    return this.last;
  }

  private find(line: Line): number {
    const { what } = line;
    if (what.kind === 'skip' || what.kind === 'silence') return this.index;
    if (what.kind !== 'arrow') return this.findHappening(what, line.clauses);
    for (const rung of this.reader.rungs) {
      if (rung.index <= this.index || rung.n <= this.since) continue;
      const compared = compareArrow(what, rung, this.bound);
      if (typeof compared === 'string' || !line.clauses.every((clause) => this.holdsAfter(clause, rung))) {
        continue;
      }
      this.bound = compared;
      return rung.index;
    }
    return -1;
  }

  private findHappening(what: Happening, clauses: readonly Happening[]): number {
    const all = [what, ...clauses];
    let found = -1;
    for (const one of all) {
      const index = this.events.findIndex(
        (event, at) => at > this.index && event.n > this.since && happens(one, event, this.slack),
      );
      if (index < 0) return -1;
      found = Math.max(found, index);
    }
    return found;
  }

  private holdsAfter(clause: Happening, rung: Rung): boolean {
    const after = this.events.slice(rung.index);
    if (after.some((event) => event.conn === rung.conn && happens(clause, event, this.slack))) return true;
    return clause.kind === 'state' && this.stateAt(clause.side, rung) === clause.state;
  }

  private stateAt(side: 'K' | 'S', rung: Rung): string {
    for (let index = rung.index; index >= 0; index--) {
      const event = this.events[index] as LogEvent;
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
