/** From the flight recorder to its readers: the log file, the human log, and followers. */

import type { LogEvent } from '../../trace/log-event.ts';
import { EVENTS, type EventName } from '../../trace/record.ts';
import type { TraceRecorder } from '../../trace/recorder.ts';
import { EventLog } from './event-log.ts';

const BATCH = 500;
/** How often followers look, ms. */
const FLUSH_EVERY = 50;

export class EventFeed {
  readonly recorder: TraceRecorder;
  /** Hears every event at once. */
  listener: ((event: LogEvent) => void) | null = null;
  private readonly followers = new Set<() => void>();
  private file: EventLog | null = null;
  private human: ((event: LogEvent) => void) | null = null;
  /** By the code of the event: whether people are told. */
  private isForPeople: readonly boolean[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(recorder: TraceRecorder) {
    this.recorder = recorder;
    recorder.onEvent = () => this.happened();
  }

  /** Every event from now on, one JSON object a line. @throws CliError when the file cannot be opened */
  async writeTo(path: string, header: object, onFailure: (sentence: string) => void): Promise<void> {
    const file = await EventLog.open(path, onFailure);
    file.header(header);
    this.file = file;
  }

  /** `wanted`: the only events that `human` takes; the others are not even made for it. */
  tellPeople(human: (event: LogEvent) => void, wanted: (ev: EventName) => boolean = () => true): void {
    this.human = human;
    this.isForPeople = EVENTS.map(({ name }) => wanted(name));
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
    return (await file?.close()) ?? true;
  }

  private happened(): void {
    const { recorder, file, listener } = this;
    const told = this.isForPeople[recorder.latestCode] ?? false;
    if (told || file !== null || listener !== null) {
      const event = recorder.latest;
      if (event !== undefined) {
        listener?.(event);
        file?.add(event);
        if (told) this.human?.(event);
      }
    }
    if (this.followers.size > 0) this.timer ??= setTimeout(() => this.wake(), FLUSH_EVERY);
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
