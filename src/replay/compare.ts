/** A recording beside the same run with other rules, up to the first difference. */

import { Replay } from '../stack/replay.ts';
import { ENTRY_HEADER, TapeReader } from '../stack/tape-format.ts';
import type { LogEvent } from '../trace/log-event.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import { Again } from './again.ts';
import { takeApart } from './tape-steps.ts';
import { type UserCall, userCall } from './user-call.ts';

/** What a person would call a difference. */
const COMPARED: ReadonlySet<string> = new Set([
  'seg:sent',
  'seg:received',
  'wire:fate',
  'conn:state',
  'conn:closed',
  'timer:fire',
]);
/** Of an event's data, what makes it the same: no times, and no numbers of events. */
const TELLING = [
  'flags',
  'seq',
  'end',
  'ack',
  'old',
  'new',
  'reason',
  'timer',
  'dir',
  'fate',
  'role',
] as const;
/** Events that are kept for both runs. */
const MOST_EVENTS = 2_000_000;

export interface Comparison {
  /** How many events both have at their beginning; null when they are the same to the end. */
  readonly common: number | null;
  readonly recorded: readonly LogEvent[];
  readonly again: readonly LogEvent[];
  /** Hits of the new rules. */
  readonly hits: number;
  /** With its difference, if it has one: then there is nothing to compare. */
  readonly replay: Replay;
}

/** @throws RecordingError, FaultSyntaxError or FaultError */
export function runWith(recording: Uint8Array, rules: readonly string[]): Comparison {
  const recorded: LogEvent[] = [];
  const calls: UserCall[] = [];
  const replay = recordedRun(recording, recorded, calls);
  if (replay.difference !== null) return { common: null, recorded, again: [], hits: 0, replay };
  const reader = new TapeReader(recording);
  if (reader.next === ENTRY_HEADER) reader.take();
  const events: LogEvent[] = [];
  let hits = 0;
  let same = 0;
  const again = new Again({
    ...{ run: replay.run, tape: takeApart(reader), calls, rules },
    onEvent: (recorder) => {
      const event = recorder.latest;
      if (event?.ev === 'fault:hit') hits++;
      keep(event, events);
    },
    isSame: () => {
      while (same < events.length && essence(events[same]) === essence(recorded[same])) same++;
      return same === events.length;
    },
  });
  again.run();
  return { common: firstDifference(recorded, events), recorded, again: events, hits, replay };
}

function recordedRun(recording: Uint8Array, events: LogEvent[], calls: UserCall[]): Replay {
  const replay = new Replay(recording, {
    onCall: (call) => calls.push(userCall(call)),
    log: (clock, { log }) => {
      const recorder = new TraceRecorder({ ...log, clock });
      recorder.onEvent = () => keep(recorder.latest, events);
      return recorder;
    },
  });
  while (replay.step());
  return replay;
}

function keep(event: LogEvent | undefined, events: LogEvent[]): void {
  if (event !== undefined && COMPARED.has(event.ev) && events.length < MOST_EVENTS) events.push(event);
}

function firstDifference(one: readonly LogEvent[], other: readonly LogEvent[]): number | null {
  const length = Math.max(one.length, other.length);
  for (let i = 0; i < length; i++) if (essence(one[i]) !== essence(other[i])) return i;
  return null;
}

function essence(event: LogEvent | undefined): string {
  if (event === undefined) return '';
  const { data } = event;
  return [event.ev, event.conn, ...TELLING.map((name) => data[name])].join(' ');
}
