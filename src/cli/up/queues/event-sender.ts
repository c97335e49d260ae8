/** From a worker's recorder to the main thread: the events that people, and the file of `--log`, are to see. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { isTold } from '../human-log.ts';
import type { FromWorker } from './messages.ts';

/** How often, ms. */
const EVERY = 50;
/** Events that are sent without waiting for that. */
const BATCH = 500;

export interface SenderOptions {
  /** The whole log, not only what people are told. */
  readonly everything: boolean;
  /** Seconds since the log's t = 0. */
  readonly now: () => number;
}

export class EventSender {
  private readonly post: (message: FromWorker) => void;
  private readonly options: SenderOptions;
  private waiting: LogEvent[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(post: (message: FromWorker) => void, options: SenderOptions) {
    this.post = post;
    this.options = options;
    // Who writes the log must know that nothing earlier will come, also where nothing happens.
    if (options.everything) this.timer = setInterval(() => this.flush(), EVERY);
  }

  add(event: LogEvent): void {
    if (!this.options.everything && !isTold(event.ev)) return;
    this.waiting.push(event);
    if (this.waiting.length >= BATCH) this.flush();
    else this.timer ??= setTimeout(() => this.flushOnce(), EVERY);
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.flush();
  }

  private flushOnce(): void {
    this.timer = null;
    this.flush();
  }

  private flush(): void {
    const events = this.waiting;
    this.waiting = [];
    this.post({ type: 'events', events, mark: this.options.now() });
  }
}
