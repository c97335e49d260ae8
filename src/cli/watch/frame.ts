/** One picture of `watch`: lines no wider than the terminal, no more of them than it has. */

import type { ConnectionRecord } from '../../stack/connection-record.ts';
import { printable } from '../printable.ts';
import { detailText, timerTime, timerWord } from '../render/ss.ts';
import type { Cell, Row, WatchedTimer } from './model.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface View {
  readonly rows: readonly Row[];
  /** ms of the watcher's clock. */
  readonly now: number;
  readonly details: boolean;
  readonly ascii: boolean;
  /** Rows above the first one that is shown. */
  readonly scroll: number;
  /** The filter in words, or what is wrong with it; on the last line. */
  readonly prompt: string;
}

type Style = 'plain' | 'inverse' | 'bold' | 'dim';
type Part = readonly [text: string, style: Style];

const STYLES: Record<Style, string> = {
  plain: '',
  inverse: '\u001b[7m',
  bold: '\u001b[1m',
  dim: '\u001b[2m',
};
const END = '\u001b[0m';
const BAR = 12;
const LEAST_BAR = 4;
const HEADINGS: Record<Cell, string> = {
  ...{ state: 'State', recvQ: 'Recv-Q', sendQ: 'Send-Q', local: 'Local', peer: 'Peer' },
  ...{ id: 'Id', timer: 'Timer' },
};
const COLUMNS = ['state', 'recvQ', 'sendQ', 'local', 'peer', 'id'] as const;
const NUMBERS = new Set<Cell>(['recvQ', 'sendQ']);
const KEYS = 'q quit  f filter  d details';

/** The lines, with what they need of colour; each ends as it began. */
export function frame(view: View, size: Size): string[] {
  const widths = widthsOf(view.rows);
  const body = view.rows.flatMap((row, index) =>
    index < view.scroll ? [] : linesOf(row, { view, widths, columns: size.columns }),
  );
  const room = Math.max(0, size.rows - 3);
  const shown = body.length > room ? body.slice(0, Math.max(0, room - 1)) : body;
  const lines: Part[][] = [[[title(view.rows), 'bold']], headings(widths), ...shown];
  if (body.length > room) lines.push([[`… more below: arrow keys, or a filter`, 'dim']]);
  while (lines.length < size.rows - 1) lines.push([]);
  lines.push([[view.prompt === '' ? KEYS : view.prompt, view.prompt === '' ? 'dim' : 'plain']]);
  const { ascii } = view;
  return lines.slice(0, size.rows).map((parts) => drawn(parts, size.columns, ascii));
}

/** Lines that one connection takes. */
export function heightOf(row: Row, details: boolean, columns: number): number {
  return details ? 1 + row.timers.length + wrapped(detailText(row.record), columns - INDENT).length : 1;
}

const INDENT = 6;

interface Around {
  readonly view: View;
  readonly widths: Readonly<Record<Cell, number>>;
  readonly columns: number;
}

function title(rows: readonly Row[]): string {
  const counts = new Map<string, number>();
  for (const { cells } of rows) counts.set(cells.state, (counts.get(cells.state) ?? 0) + 1);
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join('  ');
  return `fourwave  ${states === '' ? 'no connections' : states}`;
}

function widthsOf(rows: readonly Row[]): Record<Cell, number> {
  const widths = Object.fromEntries(
    Object.entries(HEADINGS).map(([cell, { length }]) => [cell, length]),
  ) as Record<Cell, number>;
  for (const { cells } of rows) {
    for (const cell of COLUMNS) widths[cell] = Math.max(widths[cell], cells[cell].length);
  }
  return widths;
}

function headings(widths: Readonly<Record<Cell, number>>): Part[] {
  return [
    ...COLUMNS.map((cell): Part => [`${aligned(HEADINGS[cell], cell, widths)} `, 'bold']),
    [HEADINGS.timer, 'bold'],
  ];
}

function aligned(text: string, cell: Cell, widths: Readonly<Record<Cell, number>>): string {
  return NUMBERS.has(cell) ? text.padStart(widths[cell]) : text.padEnd(widths[cell]);
}

function linesOf(row: Row, around: Around): Part[][] {
  const { view, widths, columns } = around;
  const parts: Part[] = COLUMNS.flatMap((cell): Part[] => [
    [aligned(row.cells[cell], cell, widths), row.changed.has(cell) ? 'inverse' : 'plain'],
    [' ', 'plain'],
  ]);
  const left = columns - parts.reduce((sum, [text]) => sum + text.length, 0);
  const [first, ...others] = row.timers;
  if (first !== undefined) {
    const more = others.length === 0 || view.details ? '' : ` +${others.length}`;
    parts.push(...timerParts(first, view.now, left - more.length, row.changed.has('timer')));
    parts.push([more, 'dim']);
  }
  if (!view.details) return [parts];
  return [parts, ...detailLines(row.record, others, view.now, columns)];
}

function detailLines(
  record: ConnectionRecord,
  timers: readonly WatchedTimer[],
  now: number,
  columns: number,
): Part[][] {
  const indent: Part = [' '.repeat(INDENT), 'plain'];
  return [
    ...wrapped(detailText(record), columns - INDENT).map((text): Part[] => [indent, [text, 'dim']]),
    ...timers.map((timer): Part[] => [indent, ...timerParts(timer, now, columns - INDENT, false)]),
  ];
}

/** `timewait 37sec 0 ▓▓▓░░`: the bar is what is left of the time. */
function timerParts(timer: WatchedTimer, now: number, room: number, changed: boolean): Part[] {
  const left = Math.max(0, timer.dueAt - now);
  const text = `${timerWord(timer.name)} ${timerTime(left)}${timer.count > 0 ? ` ${timer.count}` : ''}`;
  const name: Part = [text, changed ? 'inverse' : 'plain'];
  // Bars begin under each other as long as there is room for that.
  const before = ' '.repeat(text.length < 16 && room >= 17 + LEAST_BAR ? 17 - text.length : 1);
  const width = Math.min(BAR, room - text.length - before.length);
  if (width < LEAST_BAR) return [name];
  const full = timer.length <= 0 ? 0 : Math.round((width * left) / timer.length);
  return [name, [before, 'plain'], ['▓'.repeat(full) + '░'.repeat(Math.max(0, width - full)), 'plain']];
}

/** Words on lines of this width; a word that is longer is cut. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The parts as far as the line goes. */
function drawn(parts: readonly Part[], columns: number, ascii: boolean): string {
  let line = '';
  let left = columns;
  for (const [text, style] of parts) {
    const safe = printable(ascii ? inAscii(text) : text);
    const visible = safe.slice(0, left);
    left -= visible.length;
    if (visible === '') continue;
    line += style === 'plain' ? visible : `${STYLES[style]}${visible}${END}`;
  }
  return line;
}

function inAscii(text: string): string {
  return text.replaceAll('▓', '#').replaceAll('░', '.').replaceAll('…', '...').replaceAll('–', '-');
}
