/** The ladder as a picture that stands alone: an SVG for pages, in the reader's light or dark. */

import type { EventLine } from '../event.ts';
import { Bulk } from './bulk.ts';
import { Composer } from './composer.ts';
import { UNICODE } from './marks.ts';
import { type Arrow, notesOf, type Row } from './row.ts';
import { SvgArcs } from './svg-arcs.ts';
import { element, escaped, LEFT, PEER_X, RIGHT, STACK_X, STYLE, TIME_X, text, WIDTH } from './svg-parts.ts';
import { durationText, plain, wrapped } from './text.ts';

export interface SvgOptions {
  readonly title?: string;
  readonly raw?: boolean;
  readonly since?: number;
  readonly connections?: ReadonlySet<string> | null;
}

const ROW = 27;
const NOTE = 14;
const TOP = 44;
/** Characters of a note between the two lines. */
const NOTE_WIDTH = 62;
/** Seconds of silence that are drawn as a gap. */
const SILENCE = 0.5;
/** Segments under way that are remembered. */
const WAITING = 256;
/** How far an arrow falls on its way. */
const FALL = 5;

/** The whole log. Nothing in it can be more than text. */
export function ladderSvg(events: Iterable<EventLine>, options: SvgOptions = {}): string {
  const picture = new Picture();
  const { connections = null, since = Number.NEGATIVE_INFINITY, raw = false } = options;
  const composer = new Composer({ connections, since, raw });
  const bulk = new Bulk();
  const draw = (rows: readonly Row[]): void => {
    for (const row of rows) for (const ready of bulk.add(row)) picture.add(ready);
  };
  for (const event of events) draw(composer.add(event));
  draw(composer.flush(Number.POSITIVE_INFINITY));
  for (const row of bulk.flush()) picture.add(row);
  return picture.end(plain(options.title ?? 'a TCP connection'));
}

/** An arrow whose segment is still on its way. */
interface Waiting {
  readonly y: number;
}

class Picture {
  private readonly parts: string[] = [];
  private readonly arcs = new SvgArcs();
  private readonly waiting = new Map<number, Waiting>();
  private y = TOP;
  private lastAt: number | null = null;

  add(row: Row): void {
    if (this.lastAt !== null && row.t - this.lastAt >= SILENCE) this.gap(row.t - this.lastAt);
    this.lastAt = row.t;
    this.y += ROW;
    const { y, parts } = this;
    parts.push(text(TIME_X, y, row.t.toFixed(3), 'time', 'end'));
    if (row.conn !== '') parts.push(text(TIME_X + 8, y, row.conn, 'conn'));
    if (row.left !== '') parts.push(text(LEFT, y, row.left, 'state', 'end'));
    if (row.right !== '') parts.push(text(RIGHT, y, row.right, 'state'));
    this.middle(row);
    this.arcs.take(row, y);
    this.notes(row);
  }

  end(title: string): string {
    const height = this.y + ROW;
    const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
    const lines = [PEER_X, STACK_X].map((x) =>
      element('line', { x1: x, y1: TOP, x2: x, y2: height - 8, class: 'life' }),
    );
    const heads = [
      text(PEER_X, TOP - 10, 'peer', 'head', 'middle'),
      text(STACK_X, TOP - 10, 'stack', 'head', 'middle'),
    ];
    const legend = text(RIGHT, TOP - 28, '? inferred   ! seen in the peer’s kernel', 'note');
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`,
      `<title>${escaped(title)}</title>`,
      STYLE,
      element('rect', { width: WIDTH, height, class: 'paper' }),
      text(16, TOP - 28, title, 'head'),
      legend,
      ...heads,
      ...lines,
      ...this.arcs.end(height - 8),
      ...this.parts,
      '</svg>',
      '',
    ].join('\n');
  }

  private gap(seconds: number): void {
    this.y += ROW;
    const { y, parts } = this;
    for (const x of [PEER_X, STACK_X]) {
      parts.push(element('line', { x1: x, y1: y - ROW / 2, x2: x, y2: y + ROW / 3, class: 'torn' }));
    }
    parts.push(text((PEER_X + STACK_X) / 2, y, `⋮ ${durationText(seconds * 1000)}`, 'note', 'middle'));
  }

  private middle(row: Row): void {
    const { y, parts } = this;
    const { arrow, kind } = row;
    const centre = (PEER_X + STACK_X) / 2;
    if (arrow !== null) this.arrow(row, arrow);
    else if (kind === 'app') parts.push(text(STACK_X - 8, y, row.text, 'app', 'end'));
    else if (kind === 'opened') parts.push(text(centre, y, openedText(row.text), 'conn', 'middle'));
    else if (kind === 'run') parts.push(text(centre, y, `… ${row.text} …`, 'note', 'middle'));
    else this.lines(row.text, 0);
  }

  private arrow(row: Row, arrow: Arrow): void {
    const { y } = this;
    const before = arrow.marks.includes('late') ? this.waiting.get(row.seg) : undefined;
    if (arrow.end === 'waits') {
      if (this.waiting.size > WAITING) this.waiting.clear();
      this.waiting.set(row.seg, { y });
    }
    const arrives = arrow.end === 'arrives' || arrow.end === 'rejected';
    const [from, to] = arrow.received ? [PEER_X, STACK_X] : [STACK_X, PEER_X];
    const stop = arrives ? to : from + (to - from) * 0.8;
    // What was delayed comes from where it was sent.
    const start = before?.y ?? y - FALL;
    const look = `${row.tone}${arrow.end === 'lost' ? ' lost' : ''}`;
    const middle = before === undefined ? y : (start + y) / 2;
    this.parts.push(
      element('line', { x1: from, y1: start, x2: stop, y2: y, class: look }),
      this.head(arrow, stop, y, row.tone),
      text((from + to) / 2, middle - 8, labelOf(arrow), row.tone, 'middle'),
    );
  }

  private head({ received, end }: Arrow, x: number, y: number, tone: string): string {
    if (end === 'lost') return text(x, y + 3, UNICODE.lost, tone, 'middle');
    if (end === 'waits') return text(x, y + 3, UNICODE.waits, tone, 'middle');
    const back = received ? x - 10 : x + 10;
    const hollow = end === 'rejected' ? ' hollow' : '';
    return element('path', {
      d: `M${x} ${y}L${back} ${y - 5}L${back} ${y + 4}Z`,
      class: `tip ${tone}${hollow}`,
    });
  }

  private notes(row: Row): void {
    for (const note of notesOf(row)) {
      this.y += NOTE;
      this.lines(note, 0);
    }
  }

  private lines(words: string, indent: number): void {
    wrapped(words, NOTE_WIDTH, '…').forEach((line, index) => {
      if (index > 0) this.y += NOTE;
      this.parts.push(text(PEER_X + 12 + indent + (index > 0 ? 12 : 0), this.y, line, 'note'));
    });
  }
}

function openedText(words: string): string {
  const [peer = '', role = '', local = ''] = words.split(' ');
  return `${peer} ── ${role} open ── ${local}`;
}

function labelOf({ marks, flags, numbers, win, why, segs }: Arrow): string {
  return [
    marks.map((one) => UNICODE.marks[one]).join(''),
    flags,
    numbers,
    win === '' ? '' : `win ${win}`,
    segs > 1 ? `(${segs} segments)` : '',
    why,
  ]
    .filter((part) => part !== '')
    .join(' ');
}
