/** The flight recorder as what `why` asks, and the command that asks it. */

import type { LogEvent } from '../../trace/log-event.ts';
import { AT_CAUSE, AT_CONNECTION, AT_N, AT_SEGMENT } from '../../trace/record.ts';
import type { TraceRecorder } from '../../trace/recorder.ts';
import { type EventSource, explain } from '../../trace/why.ts';
import type { Handler } from '../control/server.ts';
import { missing } from '../errors.ts';

class RecorderSource implements EventSource {
  private readonly recorder: TraceRecorder;

  constructor(recorder: TraceRecorder) {
    this.recorder = recorder;
  }

  event(n: number): LogEvent | undefined {
    return this.recorder.having(AT_N, n)[0];
  }

  causedBy(event: LogEvent): LogEvent[] {
    return this.recorder.having(AT_CAUSE, event.n);
  }

  ofSegment(segment: number): LogEvent[] {
    return this.recorder.having(AT_SEGMENT, segment);
  }

  before({ n, conn }: LogEvent): LogEvent[] {
    if (conn === undefined) return [];
    const events = this.recorder.having(AT_CONNECTION, Number(conn.slice(1)));
    return events.filter((event) => event.n < n).reverse();
  }
}

/** Answers `why`. */
export function whyHandler(recorder: TraceRecorder): Handler {
  const source = new RecorderSource(recorder);
  return ({ arguments: { n } }) => {
    const event = source.event(Number(n));
    if (event !== undefined) return explain(source, event);
    const { last } = recorder;
    throw missing(
      Number(n) > last
        ? `there is no event ${Number(n)} yet: the last one is ${last}`
        : `event ${Number(n)} is not in the flight recorder any more, or never was: a file of "up --log" keeps all`,
    );
  };
}
