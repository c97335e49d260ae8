/** pino's human log on stderr. */

import pino, { type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LogEvent } from '../../trace/log-event.ts';
import type { EventName } from '../../trace/record.ts';
import { eventSentence } from '../render/event.ts';
import { pinoSink } from './pino-sink.ts';
import { stderrLines } from './stderr-lines.ts';

/** Lines that people can follow: more in a second are only counted. */
const LINES_PER_SECOND = 20;
const SHOWN: ReadonlySet<EventName> = new Set<EventName>(['conn:opened', 'conn:closed', 'fault:hit']);

/** `FOURWAVE_LOG_LEVEL=info`, `debug` or `trace`: every event of that importance, and not only the few. */
const WHOLE_LOG = new Set(['info', 'debug', 'trace']);
/** Read once: looking into the environment is slow, and every event asks. */
const LEVEL = process.env['FOURWAVE_LOG_LEVEL'] ?? '';

/** The level that the environment asks for; null: it asks for nothing. */
function askedLevel(): string | null {
  return WHOLE_LOG.has(LEVEL) ? LEVEL : null;
}

/** Tells people of events: a few of them, or all that the environment asks for. */
export function narrator(log: Logger): (event: LogEvent) => void {
  return askedLevel() === null ? eventNarrator(log) : pinoSink(log);
}

/** Whether {@link narrator} says anything about such an event. */
export function isNarrated(ev: EventName): boolean {
  return askedLevel() !== null || isTold(ev);
}

export function humanLog(quiet: boolean): Logger {
  const pretty = prettyFactory({
    colorize: process.stderr.isTTY && !process.env['NO_COLOR'],
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  const lines = stderrLines();
  return pino(
    { level: askedLevel() ?? (quiet ? 'warn' : 'info') },
    { write: (line) => lines.write(pretty(line)) },
  );
}

/** Whether people are told of an event. */
export function isTold(ev: EventName): boolean {
  return SHOWN.has(ev);
}

/** Tells of connections that come and go; a flood of them is summed up. */
export function eventNarrator(log: Logger, now: () => number = Date.now): (event: LogEvent) => void {
  let second = 0;
  let lines = 0;
  return (event) => {
    if (!isTold(event.ev)) return;
    const present = Math.floor(now() / 1000);
    if (present !== second) {
      if (lines > LINES_PER_SECOND)
        log.info(`${lines - LINES_PER_SECOND} more events like these; see "fourwave log"`);
      second = present;
      lines = 0;
    }
    lines++;
    if (lines <= LINES_PER_SECOND) log.info(eventSentence(event));
  };
}
