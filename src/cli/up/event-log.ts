/**
 * The event log of `--log`: events become lines and keyframes when the stack's turn is over, so that no
 * packet waits for either.
 */

import type { LogEvent } from '../../trace/log-event.ts';
import { Keyframes } from '../../trace/world/keyframe.ts';
import { LogFile } from './log-file.ts';

/** Connections of a keyframe that are written at once, and times that its writing is interrupted at most. */
const SLICE = 256;
const SLICES = 64;

export class EventLog {
  private readonly file: LogFile;
  private readonly keyframes = new Keyframes();
  private waiting: LogEvent[] = [];
  private digesting: Promise<void> | null = null;
  private lost = 0;

  constructor(file: LogFile) {
    this.file = file;
  }

  /** `onFailure` is called with a sentence when the file takes no more. @throws CliError */
  static async open(path: string, onFailure: (sentence: string) => void): Promise<EventLog> {
    const file = await LogFile.open(path);
    file.onFailure = onFailure;
    return new EventLog(file);
  }

  /** The first line. */
  header(header: object): void {
    this.file.write(JSON.stringify(header));
  }

  add(event: LogEvent): void {
    if (this.file.incomplete) return;
    this.waiting.push(event);
    this.digesting ??= this.digest();
  }

  /** Resolves to whether the file has all that was meant for it. */
  async close(): Promise<boolean> {
    await this.digesting;
    await this.file.close();
    return !this.file.incomplete;
  }

  /** Takes all that one round of the event loop has brought: it cannot fall behind. */
  private async digest(): Promise<void> {
    await nextRound();
    while (this.waiting.length > 0) {
      const events = this.waiting;
      this.waiting = [];
      for (const event of events) {
        this.write(event);
        if (this.keyframes.due && !this.file.full) await this.keyframe();
      }
      await nextRound();
    }
    this.digesting = null;
  }

  private write(event: LogEvent): void {
    const { file, keyframes } = this;
    if (file.full) {
      this.lost++;
      keyframes.add(event, 0);
      return;
    }
    if (this.lost > 0) {
      this.line({ t: event.t, n: event.n, ev: 'log:lost', data: { events: this.lost } });
      this.lost = 0;
    }
    this.line(event);
  }

  private line(event: LogEvent): void {
    const line = JSON.stringify(event);
    this.file.write(line);
    this.keyframes.add(event, line.length);
  }

  /** A little in each round: timers come between. */
  private async keyframe(): Promise<void> {
    const { connections, lines } = this.keyframes.take();
    const slice = Math.max(SLICE, Math.ceil(connections / SLICES));
    let written = 0;
    for (const line of lines) {
      this.file.write(line);
      if (++written % slice === 0) await nextRound();
    }
  }
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
