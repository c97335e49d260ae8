/** One event as its readers get it: what a line of the event log says. */

import type { Level } from './record.ts';
import { EVENT, EVENTS, type EventName } from './record.ts';

/** A line of the log without its data. Numbers of events count from 1. */
export interface LogEvent {
  /** Seconds since the log's reference time, to the microsecond. */
  readonly t: number;
  readonly n: number;
  readonly ev: EventName;
  /** `c3`; absent when no connection is concerned. */
  readonly conn?: string;
  /** Which connection of that 4-tuple, from 1. */
  readonly inc?: number;
  /** One number for the whole fate of a segment. */
  readonly seg?: number;
  /** `n` of the event that made this happen. */
  readonly cause?: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The first line of a log. */
export interface LogHeader {
  readonly tcplog: 1;
  readonly title: string;
  readonly vantage: { readonly type: 'server' | 'client' | 'network'; readonly name: string };
  /** Wall-clock time of `t` = 0, ISO 8601; null on a virtual clock. */
  readonly t0: string | null;
  readonly clock: 'monotonic' | 'virtual';
  readonly config: Readonly<Record<string, unknown>>;
}

const RANK: Record<Level, number> = { core: 0, base: 1, extra: 2 };

/** How important an event is. */
export function levelOf(name: EventName): Level {
  return (EVENTS[EVENT[name]] as { level: Level }).level;
}

/** Whether a reader who asked for `level` wants this event: `extra` is everything. */
export function isWanted(name: EventName, level: Level): boolean {
  return RANK[levelOf(name)] <= RANK[level];
}
