/** `watch` at work: asks the stack, draws, and takes keys. */

import type { ConnectionRecord } from '../../stack/connection-record.ts';
import { frame, heightOf } from './frame.ts';
import { Model } from './model.ts';
import type { Screen } from './screen.ts';

/** Pictures and questions in a second: four, ms. */
const PERIOD = 250;
/** A stack whose answer takes long is asked less often: this many times as long as it took. */
const PATIENCE = 8;
const MOST_FILTER = 60;
/** An arrow key is one key of several characters, and what is pasted many keys. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with ESC
const KEYS = /\u001b\[[0-9;]*[A-Za-z~]|[\s\S]/gu;
/** Keys that scroll: by so many rows, and by so many pages. */
const MOVES: Readonly<Record<string, readonly [rows: number, pages: number]>> = {
  ...{ j: [1, 0], '\u001b[B': [1, 0], k: [-1, 0], '\u001b[A': [-1, 0] },
  ...{ ' ': [0, 1], '\u001b[6~': [0, 1], '\u001b[5~': [0, -1] },
};

export interface WatchSource {
  readonly ask: () => Promise<ConnectionRecord[]>;
  /** Those that the words select, as after `ss`. @throws CliError */
  readonly select: (records: ConnectionRecord[], words: readonly string[]) => ConnectionRecord[];
}

export interface WatchOptions {
  readonly words: readonly string[];
  readonly ascii: boolean;
}

export class Watcher {
  private readonly source: WatchSource;
  private readonly screen: Screen;
  private readonly ascii: boolean;
  private readonly model = new Model();
  private records: ConnectionRecord[] = [];
  private words: readonly string[];
  private details = false;
  private scroll = 0;
  /** The filter that is being typed; null: none is. */
  private typing: string | null = null;
  private complaint = '';
  private ended = false;
  private wake: () => void = () => {};

  constructor(source: WatchSource, screen: Screen, { words, ascii }: WatchOptions) {
    this.source = source;
    this.screen = screen;
    this.words = words;
    this.ascii = ascii;
    screen.onInput = (text) => this.keys(text);
    screen.onResize = () => this.draw();
    screen.onInterrupt = () => this.end();
  }

  /** Resolves when the user has had enough. @throws CliError when the stack is gone */
  async run(): Promise<void> {
    const drawing = setInterval(() => this.draw(), PERIOD);
    try {
      while (!this.ended) {
        const begin = performance.now();
        this.records = await this.source.ask();
        this.take();
        this.draw();
        await this.pause(Math.max(PERIOD, PATIENCE * (performance.now() - begin)));
      }
    } finally {
      clearInterval(drawing);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.ended) this.wake();
    });
  }

  private end(): void {
    this.ended = true;
    this.wake();
  }

  private take(): void {
    this.model.update(this.source.select(this.records, this.words), performance.now());
    this.scroll = Math.min(this.scroll, Math.max(0, this.model.current.length - 1));
  }

  private draw(): void {
    if (this.ended) return;
    const { details, ascii, scroll } = this;
    const view = { rows: this.model.current, now: performance.now(), details, ascii, scroll };
    this.screen.draw(frame({ ...view, prompt: this.prompt }, this.screen.size));
  }

  private get prompt(): string {
    if (this.typing !== null) return `filter: ${this.typing}_   ${this.complaint}`.trimEnd();
    return this.words.length === 0 ? '' : `q quit  f filter  d details   filter: ${this.words.join(' ')}`;
  }

  private keys(text: string): void {
    for (const key of text.match(KEYS) ?? []) {
      if (key === '\u0003') this.end();
      else if (this.typing === null) this.command(key);
      else this.edit(key, this.typing);
    }
    this.draw();
  }

  private command(key: string): void {
    const [by, pages] = MOVES[key] ?? [0, 0];
    if (by !== 0 || pages !== 0) this.move(by + pages * this.page);
    else if (key === 'q' || key === '\u0004') this.end();
    else if (key === 'd') this.details = !this.details;
    else if (key === 'f' || key === '/') {
      this.typing = this.words.join(' ');
      this.complaint = '';
    }
  }

  private get page(): number {
    const { columns, rows } = this.screen.size;
    const first = this.model.current[this.scroll];
    return Math.max(
      1,
      Math.floor((rows - 4) / (first === undefined ? 1 : heightOf(first, this.details, columns))),
    );
  }

  private move(by: number): void {
    this.scroll = Math.max(0, Math.min(this.model.current.length - 1, this.scroll + by));
  }

  private edit(key: string, typed: string): void {
    if (key === '\u001b') this.typing = null;
    else if (key === '\r' || key === '\n') this.apply(typed);
    else if (key === '\u007f' || key === '\b') this.typing = typed.slice(0, -1);
    else if (key === '\u0015') this.typing = '';
    else if (/^[ -~]$/.test(key) && typed.length < MOST_FILTER) this.typing = typed + key;
  }

  private apply(typed: string): void {
    const words = typed.split(' ').filter((word) => word !== '');
    try {
      this.source.select(this.records, words);
    } catch (error) {
      this.complaint = (error as Error).message;
      return;
    }
    this.words = words;
    this.typing = null;
    this.scroll = 0;
    this.take();
  }
}
