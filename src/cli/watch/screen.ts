/** The terminal while `watch` has it: another screen, no cursor, keys at once; and back again, whatever happens. */

import type { ReadStream, WriteStream } from 'node:tty';
import type { Size } from './frame.ts';

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[2J';
const LEAVE = '\u001b[0m\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
/** Of a terminal that does not say how big it is. */
const USUAL: Size = { columns: 80, rows: 24 };
/** As a shell reports a program that a signal has ended. */
const SIGNALS = { SIGTERM: 143, SIGHUP: 129 } as const;

export class Screen {
  /** A key or what was pasted. */
  onInput: (text: string) => void = () => {};
  /** The terminal has another size now. */
  onResize: () => void = () => {};
  /** Ctrl-C, where keys do not come as they are typed. */
  onInterrupt: () => void = () => {};

  private readonly output: WriteStream;
  private readonly input: ReadStream;
  private open = true;
  /** At the beginning, and when a shell gives the terminal back. */
  private readonly enter = (): void => {
    this.output.write(ENTER);
    if (this.input.isTTY) this.input.setRawMode(true);
  };
  private readonly leave = (): void => this.close();
  private readonly resized = (): void => this.onResize();
  private readonly interrupted = (): void => this.onInterrupt();
  private readonly typed = (text: string): void => this.onInput(text);

  constructor(output: WriteStream, input: ReadStream) {
    this.output = output;
    this.input = input;
    // Also at the end by an error that nobody has caught.
    process.on('exit', this.leave);
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal as NodeJS.Signals, () => process.exit(code));
    }
    process.on('SIGINT', this.interrupted);
    process.on('SIGCONT', this.enter);
    output.on('resize', this.resized);
    this.enter();
    if (!input.isTTY) return;
    input.setEncoding('utf8');
    input.on('data', this.typed);
    // What was typed on is gone: so are we.
    input.on('end', this.interrupted);
    input.resume();
  }

  get size(): Size {
    const { columns, rows } = this.output;
    return { columns: columns > 0 ? columns : USUAL.columns, rows: rows > 0 ? rows : USUAL.rows };
  }

  /** One picture, in one write, so that nothing flickers. A terminal that is behind is left alone. */
  draw(lines: readonly string[]): void {
    if (!this.open || this.output.writableNeedDrain) return;
    this.output.write(`${HOME}${lines.map((line) => line + REST_OF_LINE).join('\r\n')}${REST_OF_SCREEN}`);
  }

  /** The terminal is as it was before. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    process.off('exit', this.leave);
    process.off('SIGINT', this.interrupted);
    process.off('SIGCONT', this.enter);
    this.output.off('resize', this.resized);
    this.input.off('data', this.typed);
    this.input.off('end', this.interrupted);
    try {
      if (this.input.isTTY) this.input.setRawMode(false);
      this.input.pause();
      // A terminal is written to at once, also while the program ends.
      this.output.write(LEAVE);
    } catch {
      // The terminal is gone.
    }
  }
}
