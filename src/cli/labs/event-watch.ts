/** The events of one act as they come, and whoever waits for some of them. */

import { StageError } from '../../labs/stage.ts';
import type { LogEvent } from '../../trace/log-event.ts';

interface Wish {
  readonly look: () => LogEvent | null;
  readonly done: (event: LogEvent) => void;
}

export class EventWatch {
  /** All, in order. */
  readonly events: LogEvent[] = [];
  /** Hears each once. */
  listener: ((event: LogEvent) => void) | null = null;
  private readonly wishes = new Set<Wish>();
  /** Added to the numbers of a stack that was started again. */
  private shift = { n: 0, conn: 0, seg: 0, t: 0 };
  private most = { conn: 0, seg: 0 };

  get last(): number {
    return this.events.at(-1)?.n ?? 0;
  }

  /** The stack is another one from now on: its numbers go on where the old ones ended. */
  restarted(): void {
    this.shift = { n: this.last, conn: this.most.conn, seg: this.most.seg, t: 0 };
  }

  /** Forgets everything: a new attempt. */
  clear(): void {
    this.events.length = 0;
    this.shift = { n: 0, conn: 0, seg: 0, t: 0 };
    this.most = { conn: 0, seg: 0 };
  }

  /** Seconds between the first log's reference time and this one's. */
  set later(seconds: number) {
    this.shift.t = seconds;
  }

  take(event: LogEvent): void {
    const moved = this.shift.n === 0 ? event : this.moved(event);
    this.most = {
      conn: Math.max(this.most.conn, Number(moved.conn?.slice(1) ?? 0)),
      seg: Math.max(this.most.seg, moved.seg ?? 0),
    };
    this.events.push(moved);
    this.listener?.(moved);
    for (const wish of this.wishes) {
      const found = wish.look();
      if (found === null) continue;
      this.wishes.delete(wish);
      wish.done(found);
    }
  }

  private moved(event: LogEvent): LogEvent {
    const { n, conn, seg, t } = this.shift;
    return {
      ...event,
      t: event.t + t,
      n: event.n + n,
      ...(event.conn === undefined ? {} : { conn: `c${Number(event.conn.slice(1)) + conn}` }),
      ...(event.seg === undefined ? {} : { seg: event.seg + seg }),
      ...(event.cause === undefined || event.cause === 0 ? {} : { cause: event.cause + n }),
    };
  }

  /** What the running stack calls this connection. */
  ownName(conn: string): string {
    return `c${Number(conn.slice(1)) - this.shift.conn}`;
  }

  /** And what the log calls one of the running stack's. */
  logName(conn: string): string {
    return `c${Number(conn.slice(1)) + this.shift.conn}`;
  }

  /** Resolves when `look` has found something. @throws StageError `TIMEOUT` after `timeout` ms */
  until(look: () => LogEvent | null, timeout: number, what: string): Promise<LogEvent> {
    const now = look();
    if (now !== null) return Promise.resolve(now);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.wishes.delete(wish);
        reject(new StageError('TIMEOUT', `not within ${timeout} ms: ${what}`));
      }, timeout);
      const done = (event: LogEvent): void => {
        clearTimeout(timer);
        resolve(event);
      };
      const wish = { look, done };
      this.wishes.add(wish);
    });
  }
}
