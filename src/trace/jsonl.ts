/** The event log as lines: one JSON object each, the header first. */

import { isWanted, type LogEvent, type LogHeader } from './log-event.ts';
import type { Level } from './record.ts';
import type { TraceRecorder } from './recorder.ts';

/** The first line, without its line feed. */
export function headerLine(header: Omit<LogHeader, 'tcplog'>): string {
  return JSON.stringify({ tcplog: 1, ...header });
}

/** One event as a line, without its line feed. */
export function eventLine(event: LogEvent): string {
  return JSON.stringify(event);
}

/**
 * Every event from now on as a line to `write`, nothing merged and nothing lost. It takes over the
 * recorder's `onEvent`, calling what was there before; the function returned ends it.
 */
export function streamLines(
  recorder: TraceRecorder,
  write: (line: string) => void,
  level: Level = 'extra',
): () => void {
  const before = recorder.onEvent;
  const own = (n: number): void => {
    before?.(n);
    const event = recorder.latest;
    if (event !== undefined && isWanted(event.ev, level)) write(eventLine(event));
  };
  recorder.onEvent = own;
  return () => {
    if (recorder.onEvent === own) recorder.onEvent = before;
  };
}
