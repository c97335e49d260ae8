/** Prints what happens while it happens: the ladder, and under each rung its sentence. */

import type { Expectation } from '../../labs/expect/ast.ts';
import { REAL } from '../../labs/expect/compare.ts';
import { match } from '../../labs/expect/match.ts';
import { parseExpectation } from '../../labs/expect/parse.ts';
import { PatternWatch } from '../../labs/expect/watch.ts';
import type { Narration } from '../../labs/lab.ts';
import { wordOf } from '../../labs/narrate/connection-story.ts';
import { Narrator, type Told } from '../../labs/narrate/narrator.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import type { EventLine } from '../render/event.ts';
import { Ladder } from '../render/ladder.ts';
import type { Paint } from '../terminal.ts';
import type { Language } from './language.ts';

/** ms without an event after which what waits is told. */
const QUIET = 80;
const NARROW = 60;
const WIDE = 110;

export interface LiveOptions {
  readonly language: Language;
  readonly paint: Paint;
  readonly print: (line: string) => void;
  /** Columns of the terminal. */
  readonly width: number;
  /** The lab's own sentences, told as long as things go as the lab expects. */
  readonly narrations: readonly Narration[];
  readonly expect: string;
}

interface Own {
  readonly narration: Narration;
  readonly watch: PatternWatch;
}

export class Live {
  private readonly options: LiveOptions;
  private readonly narrator = new Narrator();
  private readonly ladder: Ladder;
  /** Only the segments that the lab expects. */
  private readonly segments: Expectation;
  private own: Own[];
  private readonly events: LogEvent[] = [];
  private timer: NodeJS.Timeout | null = null;
  private headed = false;

  constructor(options: LiveOptions) {
    this.options = options;
    const width = Math.max(NARROW, Math.min(WIDE, options.width));
    this.ladder = new Ladder({ width, paint: options.paint, heading: true });
    const expected = parseExpectation(options.expect);
    const lines = expected.lines.map((line) => ({ ...line, clauses: [], within: null }));
    this.segments = {
      ...expected,
      lines: lines.filter(({ what }) => what.kind === 'arrow' || what.kind === 'skip'),
    };
    this.own = options.narrations.map((narration) => ({
      narration,
      watch: new PatternWatch(narration.when),
    }));
  }

  add(event: LogEvent): void {
    this.events.push(event);
    const told = this.narrator.add(event);
    if (told !== null) this.tell(told);
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), QUIET);
  }

  /** Tells what waits. */
  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const told = this.narrator.flush();
    if (told !== null) this.tell(told);
  }

  private tell({ events, text }: Told): void {
    const { print, paint, language } = this.options;
    const drawn = events.flatMap((event) => this.ladder.add(event as unknown as EventLine));
    const lines = [...drawn, ...this.ladder.flush()];
    if (lines.length > 0 && !this.headed) for (const line of this.ladder.heading()) print(line);
    this.headed ||= lines.length > 0;
    for (const { ev, data } of events)
      if (ev === 'lab:step') print(paint('bold', `\n── ${wordOf(data[language])}`));
    for (const line of lines) print(line);
    const said = this.ownSentences(events);
    // What the lab says of it says more.
    if (text !== null && said.length === 0) print(paint('cyan', `      ${text[language]}`));
    for (const sentence of said) print(paint('cyan', `      ${sentence}`));
  }

  /** Those of the lab whose time has come. */
  private ownSentences(events: readonly LogEvent[]): string[] {
    const said: string[] = [];
    for (const one of this.own) for (const event of events) one.watch.add(event);
    this.own = this.own.filter(({ narration, watch }) => {
      if (watch.found() === null) return true;
      if (this.asExpected()) said.push(narration.say[this.options.language]);
      return false;
    });
    return said;
  }

  /** Nothing has come that the lab does not expect: what has not come yet may still come. */
  private asExpected(): boolean {
    const { failure } = match(this.segments, this.events, REAL);
    return failure === null || failure.rung === null;
  }
}
