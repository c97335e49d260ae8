/** Reads the file of `up --log` while it is written: every event, in order, as it comes. */

import { type FileHandle, open } from 'node:fs/promises';
import type { LogEvent } from '../../trace/log-event.ts';
import { isOfKeyframe } from '../../trace/world/keyframe.ts';
import { isEvent } from '../render/event.ts';

/** ms between two looks. */
const EVERY = 15;
const CHUNK = 256 * 1024;

export class LogTail {
  private readonly handle: FileHandle;
  private readonly each: (event: LogEvent) => void;
  private rest: Buffer = Buffer.alloc(0);
  private at = 0;
  private stopped = false;
  private busy: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;

  private constructor(handle: FileHandle, each: (event: LogEvent) => void) {
    this.handle = handle;
    this.each = each;
  }

  /** The file must exist. */
  static async start(path: string, each: (event: LogEvent) => void): Promise<LogTail> {
    const tail = new LogTail(await open(path, 'r'), each);
    tail.again();
    return tail;
  }

  private again(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.look().then(() => this.again()), EVERY);
  }

  /** Reads what there is now. */
  look(): Promise<void> {
    this.busy ??= this.readAll().finally(() => {
      this.busy = null;
    });
    return this.busy;
  }

  private async readAll(): Promise<void> {
    const chunk = Buffer.alloc(CHUNK);
    for (;;) {
      const { bytesRead } = await this.handle.read(chunk, 0, CHUNK, this.at);
      if (bytesRead === 0) return;
      this.at += bytesRead;
      this.take(chunk.subarray(0, bytesRead));
    }
  }

  private take(bytes: Buffer): void {
    let rest = Buffer.concat([this.rest, bytes]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.line(rest.subarray(0, end).toString());
      rest = rest.subarray(end + 1);
    }
    this.rest = Buffer.from(rest);
  }

  private line(text: string): void {
    if (text === '') return;
    const value: unknown = JSON.parse(text);
    // The first line is no event, nor is what makes looking up faster.
    if (isEvent(value) && !isOfKeyframe(value.ev)) this.each(value as unknown as LogEvent);
  }

  /** Takes the last lines too. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.look();
    await this.look();
    await this.handle.close();
  }
}
