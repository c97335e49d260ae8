/**
 * The sequence diagram: segments as arrows between the peer on the left and us on the right, states in
 * both margins, timers as arcs beside ours. Events in, lines out; nothing else is known here.
 */

import type { World } from '../../trace/world/types.ts';
import type { Paint } from '../terminal.ts';
import type { EventLine } from './event.ts';
import { Bulk } from './ladder/bulk.ts';
import { Composer, type Skipped } from './ladder/composer.ts';
import type { Armed } from './ladder/lanes.ts';
import { layoutOf } from './ladder/layout.ts';
import { ASCII, UNICODE } from './ladder/marks.ts';
import { Painter } from './ladder/paint.ts';
import type { Row } from './ladder/row.ts';
import { durationText } from './ladder/text.ts';

export interface LadderOptions {
  /** Columns; no line has more. Default 80. */
  readonly width?: number;
  readonly ascii?: boolean;
  /** Sequence numbers as on the wire. */
  readonly raw?: boolean;
  /** Seconds: what was before is known, and not drawn. */
  readonly since?: number;
  /** Only these, such as `c3`; null: all of them. */
  readonly connections?: ReadonlySet<string> | null;
  readonly heading?: boolean;
  /** The newest lines can be drawn {@link Ladder.again} at another width. */
  readonly keep?: boolean;
  readonly paint?: Paint;
}

/** Seconds without a row that are worth a line. */
const SILENCE = 0.5;
const DEFAULT_WIDTH = 80;
const LEAST_NAME = 4;
const MOST_NAME = 9;
/** Rows that can be drawn again. */
const KEPT = 500;

/** Takes events in the order of their numbers, and gives lines as soon as nothing can change them. */
export class Ladder {
  private readonly options: LadderOptions;
  private readonly composer: Composer;
  private readonly bulk = new Bulk();
  private painter: Painter;
  private columns: number;
  private name = LEAST_NAME;
  private lastAt: number | null = null;
  private readonly kept: { readonly row: Row; readonly silence: number }[] = [];

  constructor(options: LadderOptions = {}) {
    this.options = options;
    const { connections = null, since = Number.NEGATIVE_INFINITY, raw = false } = options;
    this.composer = new Composer({ connections, since, raw });
    this.columns = options.width ?? DEFAULT_WIDTH;
    this.painter = this.newPainter();
  }

  /** From the next line on. */
  set width(columns: number) {
    this.columns = columns;
    this.painter = this.newPainter();
  }

  /** Timers that are armed, the next one due first. */
  get armed(): Armed[] {
    return this.composer.armed;
  }

  heading(): string[] {
    return this.painter.heading(this.painter.layout.conn > 0 ? 'conn' : '');
  }

  /** Goes on where this is so, without what led to it. */
  begin(world: World): void {
    this.composer.begin(world);
  }

  /** A part of the log that is not drawn, up to `next`, in numbers. */
  skip(next: EventLine, skipped: Skipped): string[] {
    const lines = this.flush();
    this.lastAt = next.t;
    const row = this.composer.skipped(next, skipped);
    for (const one of row) this.draw(one, lines);
    return lines;
  }

  /** Lines that are finished now. */
  add(event: EventLine): string[] {
    return this.drawn(this.composer.add(event));
  }

  /** All that waits: nothing has come for a while. With a time, what has arrived until then too. */
  flush(t?: number): string[] {
    const lines = this.drawn(this.composer.flush(t));
    for (const row of this.bulk.flush()) this.draw(row, lines);
    return lines;
  }

  /** At most `most` of the newest lines, at the width of now. */
  again(most: number): string[] {
    const lines: string[] = [];
    for (const { row, silence } of this.kept) lines.push(...this.lines(row, silence));
    return lines.slice(-most);
  }

  private drawn(rows: readonly Row[]): string[] {
    const lines: string[] = [];
    for (const row of rows) for (const ready of this.bulk.add(row)) this.draw(ready, lines);
    return lines;
  }

  private draw(row: Row, lines: string[]): void {
    if (row.conn.length > this.name && this.name < MOST_NAME && this.painter.layout.conn > 0) {
      this.name = Math.min(MOST_NAME, row.conn.length);
      this.painter = this.newPainter();
    }
    const silence = this.lastAt === null ? 0 : row.t - this.lastAt;
    const drawn = this.lines(row, silence);
    if (drawn.length === 0) return;
    this.lastAt = row.t;
    lines.push(...drawn);
    if (this.options.keep !== true) return;
    this.kept.push({ row, silence });
    if (this.kept.length > 2 * KEPT) this.kept.splice(0, KEPT);
  }

  private lines(row: Row, silence: number): string[] {
    const drawn = this.painter.lines(row);
    if (drawn.length > 0 && silence >= SILENCE) {
      drawn.unshift(this.painter.gap(durationText(silence * 1000), row));
    }
    return drawn;
  }

  private newPainter(): Painter {
    const {
      ascii = false,
      connections = null,
      paint = (_colour: unknown, text: string) => text,
    } = this.options;
    const names = connections?.size === 1 ? 0 : this.name + 1;
    return new Painter(layoutOf(this.columns, names), ascii ? ASCII : UNICODE, ascii, paint);
  }
}

/** All lines of a finished log. */
export function drawLadder(events: Iterable<EventLine>, options: LadderOptions = {}): string[] {
  const ladder = new Ladder(options);
  const lines = options.heading === false ? [] : ladder.heading();
  for (const event of events) lines.push(...ladder.add(event));
  lines.push(...ladder.flush(Number.POSITIVE_INFINITY));
  return lines;
}
