/** A log file as what `why` asks. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { EventSource } from '../../trace/why.ts';
import type { EventFile } from './event-file.ts';

/**
 * How far around an event the rest of its story is looked for, bytes: what a segment led to was written in
 * the same turn of the stack, other connections' events among it. Timers are looked for at their time.
 */
const AHEAD = 1 << 22;
const BEHIND = 1 << 22;
/** What a timer may be early or late, seconds. */
const SLACK = 0.002;

export class FileSource implements EventSource {
  private readonly file: EventFile;

  constructor(file: EventFile) {
    this.file = file;
  }

  event(n: number): LogEvent | undefined {
    return (this.file.find(n)?.event as LogEvent | undefined) ?? undefined;
  }

  causedBy(event: LogEvent): LogEvent[] {
    const { afterMs } = event.data as { afterMs?: number };
    const due = event.ev === 'timer:set' && typeof afterMs === 'number' ? event.t + afterMs / 1e3 : event.t;
    const from = due === event.t ? this.file.find(event.n)?.end : this.file.atTime(due - SLACK)?.offset;
    if (from === undefined) return [];
    return [...this.file.having('cause', event.n, from, from + AHEAD)] as LogEvent[];
  }

  ofSegment(segment: number, near: LogEvent): LogEvent[] {
    const at = this.file.find(near.n)?.offset ?? 0;
    const from = this.file.lineAt(at - BEHIND);
    const found = [...this.file.having('seg', segment, from, at + AHEAD)] as LogEvent[];
    // The first sending of what is sent again may be long ago.
    return found.length > 0 ? found : ([...this.file.having('seg', segment)] as LogEvent[]);
  }

  *before(event: LogEvent): Generator<LogEvent> {
    const at = this.file.find(event.n)?.offset;
    if (at === undefined) return;
    for (const earlier of this.file.back(at)) {
      if (earlier.conn === event.conn) yield earlier as LogEvent;
    }
  }
}
