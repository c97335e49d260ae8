/**
 * An event log that checks itself while a stack runs: every event is a line that the published schema
 * takes, numbered without a gap; every segment received is judged exactly once before the next one;
 * causes lie in the past.
 */

import assert from 'node:assert/strict';
import { Compile } from 'typebox/compile';
import type { Clock } from '../../src/base/clock.ts';
import type { LogEvent } from '../../src/trace/log-event.ts';
import type { EventName } from '../../src/trace/record.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { EVENT_SCHEMAS } from '../../src/trace/schema.ts';

type Check = (value: unknown) => boolean;
const checks = new Map<EventName, Check>();

/** Compiled when it is first needed: forty-four of them take longer than most tests. */
function checkOf(name: EventName): Check {
  let check = checks.get(name);
  if (check === undefined) {
    const compiled = Compile(EVENT_SCHEMAS[name]);
    check = (value) => compiled.Check(value);
    checks.set(name, check);
  }
  return check;
}

export class CheckedLog {
  readonly recorder: TraceRecorder;
  /** Called with every event, after it was checked. */
  onEvent: ((event: LogEvent) => void) | null = null;
  /** The first complaint. */
  private complaint: string | null = null;
  private last = 0;
  /** The segment that was received and is not judged yet. */
  private open: number | null = null;

  constructor(clock: Clock) {
    this.recorder = new TraceRecorder({
      clock,
      events: 8,
      connections: 64,
      perConnection: 4,
      detail: 'full',
    });
    this.recorder.onEvent = () => this.take(this.recorder.latest as LogEvent);
  }

  /** @throws when anything was wrong so far: what is thrown at once the stack's guard would swallow. */
  check(): void {
    if (this.complaint !== null) assert.fail(this.complaint);
    if (this.open !== null) assert.fail(`segment ${this.open} was never judged`);
  }

  private take(event: LogEvent): void {
    if (!checkOf(event.ev)(event)) this.complain(event, 'the schema does not take it');
    if (event.n !== this.last + 1) this.complain(event, `its number follows ${this.last}`);
    if (event.cause !== undefined && event.cause >= event.n) this.complain(event, 'its cause is yet to come');
    this.last = event.n;
    if (event.ev === 'seg:received') {
      if (this.open !== null) this.complain(event, `segment ${this.open} was never judged`);
      this.open = event.seg ?? 0;
    } else if (event.ev === 'seg:judged') {
      if (this.open !== null && this.open !== event.seg) this.complain(event, 'it judges another segment');
      this.open = null;
    }
    this.onEvent?.(event);
  }

  private complain(event: LogEvent, what: string): void {
    this.complaint ??= `${what}: ${JSON.stringify(event)}`;
  }
}
