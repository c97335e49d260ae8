/** Event logs as long as one likes: real ones of simulated connections, one after the other. */

import { closeSync, openSync, writeSync } from 'node:fs';
import type { Clock } from '../../src/base/clock.ts';
import type { LogEvent } from '../../src/trace/log-event.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { Keyframes } from '../../src/trace/world/keyframe.ts';
import { runSeed } from '../property/support/run.ts';

/** The events of one side of a random run, as they happen. */
export function eventsOfSeed(seed: number): LogEvent[] {
  const late: { clock: Clock } = { clock: { now: 0 } };
  const clock: Clock = {
    get now() {
      return late.clock.now;
    },
  };
  const recorder = new TraceRecorder({ clock });
  const events: LogEvent[] = [];
  recorder.onEvent = () => events.push(recorder.latest as LogEvent);
  runSeed(seed, {
    traceB: recorder,
    prepared: (run) => {
      late.clock = run.world.clock;
    },
  });
  return events;
}

/** Runs of these seeds one after the other until there are `count` events, each with names of its own. */
export function* manyEvents(count: number, seeds: readonly number[]): Generator<LogEvent> {
  const runs = seeds.map(eventsOfSeed);
  let [n, t, conn, seg] = [0, 0, 0, 0];
  for (let round = 0; n < count; round++) {
    const run = runs[round % runs.length] as LogEvent[];
    const start = { n, t, conn, seg };
    for (const event of run) {
      const moved = shifted(event, start);
      n = moved.n;
      t = Math.max(t, moved.t);
      conn = Math.max(conn, Number((moved.conn ?? 'c0').slice(1)));
      seg = Math.max(seg, moved.seg ?? 0);
      yield moved;
      if (n >= count) return;
    }
  }
}

type Place = Record<'n' | 't' | 'conn' | 'seg', number>;

function shifted(event: LogEvent, by: Place): LogEvent {
  const { conn, seg, cause } = event;
  const { retransOf } = event.data as { retransOf?: number };
  return {
    ...event,
    ...(retransOf === undefined ? {} : { data: { ...event.data, retransOf: retransOf + by.seg } }),
    t: Math.round((event.t + by.t) * 1e6) / 1e6,
    n: event.n + by.n,
    ...(conn === undefined ? {} : { conn: `c${Number(conn.slice(1)) + by.conn}` }),
    ...(seg === undefined ? {} : { seg: seg + by.seg }),
    ...(cause === undefined ? {} : { cause: cause + by.n }),
  };
}

export const HEADER = {
  tcplog: 1,
  title: 'a log of a test',
  vantage: { type: 'server', name: 'stack 10.9.0.2' },
  t0: null,
  clock: 'virtual',
  config: {},
};

/** Writes a log as `--log` does; `every` null: without keyframes. */
export function writeLog(path: string, events: Iterable<LogEvent>, every: number | null = 8_192): void {
  const file = openSync(path, 'w');
  const keyframes = new Keyframes(every ?? Number.POSITIVE_INFINITY);
  let lines: string[] = [JSON.stringify(HEADER)];
  for (const event of events) {
    const line = JSON.stringify(event);
    lines.push(line);
    if (every !== null) keyframes.add(event, line.length);
    if (keyframes.due) lines.push(...keyframes.take().lines);
    if (lines.length < 10_000) continue;
    writeSync(file, `${lines.join('\n')}\n`);
    lines = [];
  }
  if (lines.length > 0) writeSync(file, `${lines.join('\n')}\n`);
  closeSync(file);
}
