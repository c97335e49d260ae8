/** From the flight recorder to its readers: the log file, the human log, and followers. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { TraceRecorder } from '../../trace/recorder.ts';
import { LogFile } from './log-file.ts';

const BATCH = 500;
/** How often followers look, ms. */
const FLUSH_EVERY = 50;

export class EventFeed {
  readonly recorder: TraceRecorder;
  /** Hears every event at once. */
  listener: ((event: LogEvent) => void) | null = null;
  private readonly followers = new Set<() => void>();
  private file: LogFile | null = null;
  private lost = 0;
  private human: ((event: LogEvent) => void) | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(recorder: TraceRecorder) {
    this.recorder = recorder;
    recorder.onEvent = () => this.happened();
  }

  /** Every event from now on, one JSON object a line. @throws CliError when the file cannot be opened */
  async writeTo(path: string, header: object, onFailure: (sentence: string) => void): Promise<void> {
    const file = await LogFile.open(path);
    file.onFailure = onFailure;
    file.write(JSON.stringify(header));
    this.file = file;
  }

  tellPeople(human: (event: LogEvent) => void): void {
    this.human = human;
  }

  /** Events after number `n`, some at a time; goes on for ever when `follow`. Each reader takes its own time. */
  async *read(n: number, follow: boolean, signal: AbortSignal): AsyncGenerator<LogEvent> {
    let last = n;
    const end = follow ? Number.POSITIVE_INFINITY : this.recorder.last;
    while (!signal.aborted && last < end) {
      const events = this.recorder.eventsSince(last, BATCH);
      for (const event of events) {
        last = Math.max(last, event.n);
        if (event.n > end) return;
        yield event;
      }
      if (events.length > 0) continue;
      if (!follow) return;
      await this.more(signal);
    }
  }

  /** Resolves to whether the file, if any, has all that was meant for it. */
  async close(): Promise<boolean> {
    this.recorder.onEvent = null;
    if (this.timer !== null) clearTimeout(this.timer);
    const { file } = this;
    this.file = null;
    await file?.close();
    return file === null || !file.incomplete;
  }

  private happened(): void {
    if (this.file !== null || this.human !== null || this.listener !== null) {
      const event = this.recorder.latest;
      if (event !== undefined) {
        this.listener?.(event);
        this.write(event);
        this.human?.(event);
      }
    }
    if (this.followers.size > 0) this.timer ??= setTimeout(() => this.wake(), FLUSH_EVERY);
  }

  private write(event: LogEvent): void {
    const { file } = this;
    if (file === null) return;
    if (file.full) {
      this.lost++;
      return;
    }
    if (this.lost > 0) {
      file.write(JSON.stringify({ t: event.t, n: event.n, ev: 'log:lost', data: { events: this.lost } }));
      this.lost = 0;
    }
    file.write(JSON.stringify(event));
  }

  private wake(): void {
    this.timer = null;
    const waiting = [...this.followers];
    this.followers.clear();
    for (const follower of waiting) follower();
  }

  private more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.followers.delete(done);
        resolve();
      };
      this.followers.add(done);
      signal.addEventListener('abort', done);
    });
  }
}
