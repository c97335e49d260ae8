/**
 * The event log of random connections over random networks: its lines are valid, no segment is without
 * a verdict, and the world that the reducer makes of them is the stack's own, after every event of the
 * simulation.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import type { ConnectionRecord } from '../../src/stack/connection-record.ts';
import type { Stack } from '../../src/stack/stack.ts';
import { WorldBuilder } from '../../src/trace/world/reduce.ts';
import { Timeline } from '../../src/trace/world/timeline.ts';
import type { ConnectionView, World } from '../../src/trace/world/types.ts';
import { CheckedLog } from '../support/checked-log.ts';
import { runSeed } from './support/run.ts';

const SEEDS = 30;
/** Ranges that one event tells. */
const TOLD = 10;

/** What `ss --json` says of a connection, as far as every record keeps it. */
function said(record: ConnectionRecord): Record<string, unknown> {
  const { snd, rcv, options } = record;
  return {
    state: record.state,
    inc: record.inc,
    ends: [record.local, record.peer],
    path: record.path?.slice(-8),
    closedFirst: record.closedFirst,
    agreed: options === null ? null : [options.sack, options.timestamps],
    snd: [snd?.una, snd?.nxt],
    rcv: rcv === null ? null : [rcv.nxt, rcv.wnd],
  };
}

/** The same of the world, asked for what the record has. */
function seen(view: ConnectionView, { options, rcv }: ConnectionRecord): Record<string, unknown> {
  // Told with ESTABLISHED, known to the stack before.
  const agreed = view.agreed ?? options;
  return {
    state: view.state,
    inc: view.inc,
    ends: [view.local, view.peer],
    path: view.path.map((step) => step.state).slice(-8),
    closedFirst: view.closedFirst,
    agreed: options === null ? null : [agreed?.sack, agreed?.timestamps],
    snd: [view.snd?.una, view.snd?.nxt],
    rcv: rcv === null ? null : [view.rcv?.nxt, view.rcv?.wnd],
  };
}

/** What no compact record has. */
function saidMore({ snd, rcv, rtt, recvQ, caState }: ConnectionRecord): Record<string, unknown> {
  return {
    wnd: snd?.wnd,
    cc: [snd?.cwnd, snd?.ssthresh, snd?.inFlight, caState],
    queues: [snd?.unsent, recvQ],
    outOfOrder: rcv?.outOfOrder.slice(0, TOLD) ?? [],
    srttMs: rtt?.srttMs,
  };
}

function seenMore(view: ConnectionView, { rcv, rtt }: ConnectionRecord): Record<string, unknown> {
  const { cc, buffers } = view;
  return {
    wnd: view.snd?.wnd,
    cc: [cc.cwnd, cc.ssthresh, cc.flight, cc.state],
    queues: [buffers.snd.unsent, buffers.rcv.used],
    outOfOrder: rcv === null ? [] : buffers.ooo,
    srttMs: rtt?.srttMs === null ? null : view.rtt.srttMs,
  };
}

function sameTimers(record: ConnectionRecord, view: ConnectionView, now: number): void {
  const armed = view.timers.map((timer) => timer.timer).sort();
  assert.deepEqual(armed, record.timers.map((timer) => timer.name).sort(), `${record.id}: timers`);
  for (const timer of record.timers) {
    const other = view.timers.find((one) => one.timer === timer.name);
    const remaining = ((other?.dueAt ?? 0) - now) * 1e3;
    // Times of the log are rounded to the microsecond, twice.
    assert.ok(Math.abs(remaining - timer.remainingMs) < 0.003, `${record.id}: ${timer.name} is due`);
    if (timer.name === 'time-wait') assert.equal(other?.restarts, timer.restarts);
  }
}

function compare(stack: Stack, world: World, now: number): void {
  const records = stack.connections().filter((record) => record.state !== 'LISTEN');
  for (const record of records) {
    const view = world.connections.get(record.id);
    assert.ok(view !== undefined, `${record.id} is in no event`);
    assert.deepEqual(seen(view, record), said(record), `${record.id} at event ${world.n}`);
    if (record.snd?.wnd !== null) assert.deepEqual(seenMore(view, record), saidMore(record), record.id);
    sameTimers(record, view, now);
  }
  const open = [...world.connections.values()].filter((view) => view.closed === null);
  assert.equal(open.length, records.length, 'connections that are over');
}

/** One side of one seed; the other is watched with the next seed. */
function watchSeed(seed: number): Timeline {
  const late: { clock: Clock } = { clock: { now: 0 } };
  const clock: Clock = {
    get now() {
      return late.clock.now;
    },
  };
  const log = new CheckedLog(clock);
  const { recorder } = log;
  const builder = new WorldBuilder();
  const timeline = new Timeline([], 64);
  log.onEvent = (event) => {
    builder.add(event);
    timeline.add(event);
  };
  const side = seed % 2 === 0 ? 'a' : 'b';
  runSeed(seed, {
    [side === 'a' ? 'traceA' : 'traceB']: recorder,
    prepared: (run) => {
      late.clock = run.world.clock;
      const { stack } = run[side];
      run.world.afterEveryEvent(() => {
        log.check();
        compare(stack, builder.world, (run.world.clock.now - recorder.origin) / 1e6);
      });
    },
  });
  log.check();
  return timeline;
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}: the world of the events is the stack's`, () => {
    const timeline = watchSeed(seed);
    // Any moment again, from the nearest snapshot and from the beginning.
    const { events } = timeline;
    const builder = new WorldBuilder();
    for (const [index, event] of events.entries()) {
      builder.add(event);
      if (index % 50 === 0) assert.deepEqual(timeline.at(event.n), builder.world);
    }
  });
}

test('a reducer that forgets one event is found out', () => {
  // The check above would be worth nothing if it did not see this.
  const events = watchSeed(3).events;
  const whole = new WorldBuilder();
  const without = new WorldBuilder();
  const left = events.findLast((event) => event.ev === 'snd:window');
  for (const event of events) {
    whole.add(event);
    if (event !== left) without.add(event);
  }
  assert.notDeepEqual(without.world, whole.world);
});
