/** Rows as lines of text. */

import type { Colour, Paint } from '../../terminal.ts';
import { drawArrow } from './arrow.ts';
import type { Layout } from './layout.ts';
import { type Glyphs, inAscii } from './marks.ts';
import { type Arc, notesOf, type Row, type Tone } from './row.ts';
import { centred, durationText, fit, wrapped } from './text.ts';

const COLOURS: Readonly<Record<Tone, Colour>> = {
  syn: 'green',
  fin: 'magenta',
  data: 'blue',
  ack: 'dim',
  bad: 'red',
  again: 'yellow',
  note: 'dim',
};

const EMPTY = { time: '', conn: '', left: '', middle: '', right: '', lanes: '', words: '' };

/** The cells of a line, none of them painted; absent ones are empty. */
type Filled = Partial<typeof EMPTY> & {
  readonly tone?: Tone;
  readonly bar?: string;
  readonly rightBar?: string;
  /** The colour of all between the margins, and of the peer's. */
  readonly whole?: Colour;
  /** In place of our state. */
  readonly between?: string;
};

export class Painter {
  readonly layout: Layout;
  private readonly glyphs: Glyphs;
  private readonly ascii: boolean;
  private readonly paint: Paint;

  constructor(layout: Layout, glyphs: Glyphs, ascii: boolean, paint: Paint) {
    this.layout = layout;
    this.glyphs = glyphs;
    this.ascii = ascii;
    this.paint = paint;
  }

  /** The lines of a row: its own, its notes, its timers. */
  lines(row: Row): string[] {
    const { layout } = this;
    const lanes = [...row.lanes];
    const spoken = row.arcs.filter((arc) => arc.text !== '');
    const beside = layout.words > 0 && spoken.length === 1 && this.inWords(spoken[0] as Arc);
    const lines = this.isBare(row) ? [] : [this.main(row, lanes, beside ? spoken : [])];
    if (row.kind === 'note') lines.push(...this.rest(row, lanes));
    for (const note of notesOf(row)) lines.push(...this.note(note, row, lanes));
    if (beside && lines.length > 0) return lines;
    for (const arc of spoken) lines.push(this.arc(arc, row, lanes, lines.length === 0));
    return lines;
  }

  /** Nothing happens for so long. */
  gap(text: string, row: Row): string {
    const { glyphs, layout } = this;
    const left = row.due === null ? -1 : row.due - row.t;
    const waits = left > 0 ? `, ${durationText(left * 1000)} of time-wait left` : '';
    const words = `${glyphs.silence} ${text}${waits}`;
    return this.line({
      middle: centred(fit(words, layout.middle, glyphs.more), layout.middle),
      lanes: this.laneText(row.lanes),
      bar: glyphs.torn,
      tone: 'note',
    });
  }

  heading(conn: string): string[] {
    const { layout } = this;
    const width = layout.left + layout.middle + layout.right + 3;
    const [peer, stack] = ['peer', 'stack'];
    const legend = this.ascii ? "peer's state: ? inferred, ! seen in its kernel" : '';
    const middle = legend === '' ? "? inferred  ! seen in the peer's kernel" : legend;
    const room = Math.max(0, width - peer.length - stack.length - 8);
    const body = `${peer}   ${centred(fit(middle, room, this.glyphs.more), room)}   ${stack}`;
    return [this.cut(`${'time'.padStart(layout.time)} ${conn.padEnd(layout.conn)}${body}`)];
  }

  private isBare({ kind, text, left, right, arrow, notes }: Row): boolean {
    return (
      kind === 'note' && text === '' && left === '' && right === '' && arrow === null && notes.length === 0
    );
  }

  private inWords({ text }: Arc): boolean {
    return text.length <= this.layout.words;
  }

  private main(row: Row, lanes: boolean[], beside: readonly Arc[]): string {
    const arcs = [...row.arcs.filter((arc) => arc.text === ''), ...beside];
    const cells = {
      ...this.head(row),
      left: row.left,
      right: row.right,
      lanes: this.laneText(lanes, arcs),
      words: beside.map((arc) => arc.text).join(''),
    };
    for (const arc of arcs) apply(lanes, arc);
    if (row.kind === 'opened') return this.line({ ...cells, ...this.ends(row) });
    return this.line({ ...cells, middle: this.middle(row), tone: row.tone });
  }

  private middle(row: Row): string {
    const { layout, glyphs } = this;
    const { middle: width } = layout;
    if (row.arrow !== null) return this.narrow(drawArrow(row.arrow, width, glyphs));
    const text = this.words(row.text);
    if (row.kind === 'app') return `${fit(text, width - 1, glyphs.more)} `.padStart(width);
    if (row.kind === 'run') {
      return centred(fit(`${glyphs.more} ${text} ${glyphs.more}`, width, glyphs.more), width);
    }
    return ` ${this.paragraph(text)[0] ?? ''}`.padEnd(width);
  }

  /** A note in lines. */
  private paragraph(text: string): string[] {
    const { layout, glyphs } = this;
    return wrapped(text, layout.middle - 4, glyphs.more);
  }

  /** Its lines but the first. */
  private rest(row: Row, lanes: readonly boolean[]): string[] {
    return this.paragraph(this.words(row.text))
      .slice(1)
      .map((part) =>
        this.line({
          conn: this.connOf(row),
          middle: `   ${part}`.padEnd(this.layout.middle).slice(0, this.layout.middle),
          lanes: this.laneText(lanes),
          tone: row.tone,
        }),
      );
  }

  /** `10.9.0.1:40012 ── passive ── 10.9.0.2:13` from margin to margin. */
  private ends({ text }: Row): Filled {
    const { layout, glyphs } = this;
    const [peer = '', role = '', local = ''] = this.words(text).split(' ');
    const width = layout.left + layout.middle + 2;
    const room = Math.max(0, width - peer.length - local.length - 2);
    const line = centred(role.length + 2 > room ? '' : ` ${role} open `, room, glyphs.line);
    const whole = fit(`${peer} ${line} ${local}`, width, glyphs.more).padEnd(width);
    return {
      left: whole.slice(0, layout.left),
      bar: whole.slice(layout.left, layout.left + 1),
      middle: whole.slice(layout.left + 1, -1),
      rightBar: whole.slice(-1),
      whole: 'cyan',
    };
  }

  private note(text: string, row: Row, lanes: readonly boolean[]): string[] {
    const { layout, glyphs } = this;
    return wrapped(this.words(text), layout.middle - 4, glyphs.more).map((part, index) =>
      this.line({
        conn: this.connOf(row),
        middle: `${index === 0 ? '  ' : '    '}${part}`.padEnd(layout.middle),
        lanes: this.laneText(lanes),
        tone: row.tone === 'bad' || row.arrow?.end === 'lost' ? 'bad' : 'note',
      }),
    );
  }

  /** A timer's own line: `time-wait 2s ├──────────╮`. */
  private arc(arc: Arc, row: Row, lanes: boolean[], first: boolean): string {
    const { layout, glyphs } = this;
    const before = this.laneText(lanes, [arc]);
    const drawn = arc.lane >= 0 && arc.lane < layout.lanes;
    apply(lanes, arc);
    const text = `${fit(this.words(arc.text), layout.middle - 1, glyphs.more)} `.padStart(layout.middle);
    const head = first ? this.head(row) : { conn: this.connOf(row) };
    if (!drawn) return this.line({ ...head, middle: text, lanes: before, tone: 'note' });
    const way = glyphs.line.repeat(layout.right + 2);
    return this.line({
      ...head,
      middle: text,
      tone: 'note',
      rightBar: arc.kind === 'fire' ? glyphs.left : glyphs.tee,
      between: way,
      lanes: glyphs.line.repeat(arc.lane) + before.slice(arc.lane),
    });
  }

  private laneText(lanes: readonly boolean[], arcs: readonly Arc[] = []): string {
    const { layout, glyphs } = this;
    const cells = Array.from({ length: layout.lanes }, (_, i) => (lanes[i] ? glyphs.bar : ' '));
    for (const { lane, kind } of arcs) if (lane >= 0 && lane < layout.lanes) cells[lane] = glyphs.arcs[kind];
    return cells.join('');
  }

  private head(row: Row): Filled {
    const { time, decimals } = this.layout;
    let text = row.t.toFixed(decimals);
    for (let fewer = decimals - 1; text.length > time && fewer >= 0; fewer--) text = row.t.toFixed(fewer);
    return { time: fit(text, time, ''), conn: this.connOf(row) };
  }

  private connOf(row: Row): string {
    const { layout, glyphs } = this;
    return layout.conn === 0 ? '' : fit(this.words(row.conn), layout.conn - 1, glyphs.more);
  }

  /** ASCII where it must be, and as long as before. */
  private narrow(text: string): string {
    return this.ascii ? text.replace(/[^\x20-\x7e]/g, '?') : text;
  }

  private words(text: string): string {
    return this.ascii ? inAscii(text) : text;
  }

  private line(cells: Filled): string {
    const { layout, glyphs } = this;
    const { time, conn, left, middle, right, lanes, words } = { ...EMPTY, ...cells };
    const bar = cells.bar ?? glyphs.bar;
    const { tone, between, whole = tone === undefined ? null : COLOURS[tone] } = cells;
    const frame = cells.whole ?? 'dim';
    return this.assemble([
      [`${time.padStart(layout.time)} `, 'dim'],
      [conn.padEnd(layout.conn), 'cyan'],
      [this.cell(left, layout.left), cells.whole ?? 'bold'],
      [bar, frame],
      [middle.padEnd(layout.middle), whole],
      [cells.rightBar ?? bar, frame],
      [between ?? ` ${this.cell(right, layout.right)} `, between === undefined ? 'bold' : 'dim'],
      [`${lanes} ${this.words(words)}`, 'dim'],
    ]);
  }

  private cell(text: string, width: number): string {
    return fit(this.words(text), width, this.glyphs.more).padEnd(width);
  }

  /** Blanks at the end are nobody's; nothing goes beyond the width. */
  private assemble(parts: readonly [string, Colour | null][]): string {
    const whole = parts
      .map(([text]) => text)
      .join('')
      .slice(0, this.layout.width)
      .trimEnd();
    let line = '';
    let at = 0;
    for (const [text, colour] of parts) {
      const part = whole.slice(at, at + text.length);
      at += text.length;
      line += colour === null || part.trim() === '' ? part : this.paint(colour, part);
    }
    return line;
  }

  private cut(text: string): string {
    return text.slice(0, this.layout.width).trimEnd();
  }
}

function apply(lanes: boolean[], arc: Arc): void {
  if (arc.lane >= 0) lanes[arc.lane] = arc.kind === 'set' || arc.kind === 'restart';
}
