/**
 * `ss --at`: the table that is made of the log is the table that `ss` printed then, column by column, at
 * every event of random runs.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { recordsOf } from '../../src/cli/render/world-records.ts';
import type { ConnectionRecord } from '../../src/stack/connection-record.ts';
import type { LogEvent } from '../../src/trace/log-event.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { WorldBuilder } from '../../src/trace/world/reduce.ts';
import { runSeed } from './support/run.ts';

const SEEDS = 60;
const PROBES = new Set(['keepalive', 'persist']);
/** Ranges that one event tells. */
const TOLD = 10;

/** What no event tells, or not to the same digit, taken out; `other` is the record beside it. */
function comparable(record: ConnectionRecord, other: ConnectionRecord): object {
  const { rtt, rcv, options, timers, ageMs, state } = record;
  // Its record does not keep all of the options.
  const full = state !== 'TIME-WAIT';
  return {
    ...record,
    // Rounded to the microsecond, twice.
    ageMs: ageMs === null ? null : Math.abs(ageMs - (other.ageMs ?? 0)) < 0.003,
    timers: timers.map((timer, i) => ({
      ...timer,
      // What a probe has been answered with is known before its timer is set again.
      count: PROBES.has(timer.name) ? 0 : timer.count,
      remainingMs: Math.abs(timer.remainingMs - (other.timers[i]?.remainingMs ?? 0)) < 0.003,
    })),
    // Backed off, and the least, are the stack's own; before the first sample there is none.
    rtt:
      rtt === null || rtt.srttMs === null || other.rtt?.srttMs === null ? null : [rtt.srttMs, rtt.rttvarMs],
    rcv: rcv === null ? null : { ...rcv, outOfOrder: rcv.outOfOrder.slice(0, TOLD) },
    // Told with ESTABLISHED, known to the stack before.
    options:
      options === null || other.options === null ? null : full ? options : [options.sack, options.timestamps],
  };
}

function watch(seed: number, raw: boolean): number {
  const late: { clock: Clock } = { clock: { now: 0 } };
  const clock: Clock = {
    get now() {
      return late.clock.now;
    },
  };
  const recorder = new TraceRecorder({ clock, detail: 'full' });
  const builder = new WorldBuilder();
  recorder.onEvent = () => {
    builder.add(recorder.latest as LogEvent);
  };
  const side = seed % 2 === 0 ? 'a' : 'b';
  let compared = 0;
  runSeed(seed, {
    [side === 'a' ? 'traceA' : 'traceB']: recorder,
    prepared: (run) => {
      late.clock = run.world.clock;
      const { stack } = run[side];
      run.world.afterEveryEvent(() => {
        builder.world.t = (run.world.clock.now - recorder.origin) / 1e6;
        const [records, told] = [stack.connections(raw), recordsOf(builder.world, raw)];
        assert.deepEqual(told.map(({ id }) => id).sort(), records.map(({ id }) => id).sort());
        for (const record of records) {
          // A control block stays whole in TIME-WAIT until the application has read everything.
          if (record.state === 'TIME-WAIT' && record.caState !== null) continue;
          const one = told.find(({ id }) => id === record.id) as ConnectionRecord;
          assert.deepEqual(comparable(one, record), comparable(record, one), `event ${builder.world.n}`);
          compared++;
        }
      });
    },
  });
  return compared;
}

test('every column at every event, relative and raw', () => {
  let compared = 0;
  for (let seed = 1; seed <= SEEDS; seed++) compared += watch(seed, seed % 3 === 0);
  assert.ok(compared > 2_000, `${compared} records`);
});
