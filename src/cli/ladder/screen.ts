/** Where the live ladder is drawn: lines that stay, and on a terminal the timers that run, below them. */

import { timersText } from '../render/ladder/countdown.ts';
import type { Ladder, LadderOptions } from '../render/ladder.ts';

/** How often the timers are shown, ms. */
const REDRAW = 250;
/** Escape sequences: to the first column and the line emptied; everything emptied. */
const CLEAR_LINE = '\r\u001b[2K';
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

export class Screen {
  private readonly ladder: Ladder;
  private readonly options: LadderOptions;
  private readonly isTerminal = process.stdout.isTTY;
  private readonly onResize: (() => void) | null;
  private shown = '';
  private shownAt = 0;
  private columns: number;

  constructor(ladder: Ladder, options: LadderOptions, fixed: boolean) {
    this.ladder = ladder;
    this.options = options;
    this.columns = options.width ?? 80;
    this.onResize = this.isTerminal && !fixed ? () => this.resize() : null;
    if (this.onResize !== null) process.stdout.on('resize', this.onResize);
  }

  print(lines: readonly string[]): void {
    if (lines.length === 0) return;
    process.stdout.write(`${this.erased()}${lines.join('\n')}\n`);
  }

  /** The timers that are armed at time `t` of the log, in the last line of a terminal. */
  showTimers(t: number): void {
    const now = Date.now();
    if (!this.isTerminal || now - this.shownAt < REDRAW) return;
    this.shownAt = now;
    const {
      ascii = false,
      connections = null,
      paint = (_colour: unknown, text: string) => text,
    } = this.options;
    const armed = this.ladder.armed.filter(({ key }) => connections === null || connections.has(key));
    const text = timersText(armed, t, { width: this.columns - 1, ascii });
    if (text === '' && this.shown === '') return;
    const erased = this.erased();
    this.shown = text;
    process.stdout.write(erased + (text === '' ? '' : paint('cyan', text)));
  }

  close(): void {
    if (this.shown !== '') process.stdout.write(this.erased());
    if (this.onResize !== null) process.stdout.off('resize', this.onResize);
  }

  private erased(): string {
    const { shown } = this;
    this.shown = '';
    return shown === '' ? '' : CLEAR_LINE;
  }

  /** What is on the screen was drawn for another width. */
  private resize(): void {
    const { columns, rows } = process.stdout;
    this.columns = columns;
    this.ladder.width = columns;
    this.shown = '';
    const lines = [...this.ladder.heading(), ...this.ladder.again(Math.max(1, rows - 3))];
    process.stdout.write(`${CLEAR_SCREEN}${lines.join('\n')}\n`);
  }
}
