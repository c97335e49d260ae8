/** The reducer on events made by hand: what no random run shows for certain. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { WorldBuilder, worldOf } from '../../../src/trace/world/reduce.ts';
import { Timeline } from '../../../src/trace/world/timeline.ts';
import { CLOSED, type ConnectionView, FLIGHT } from '../../../src/trace/world/types.ts';

/** Numbers events and gives each its own millisecond. */
class Script {
  readonly events: LogEvent[] = [];

  add(ev: LogEvent['ev'], data: object, more: Partial<LogEvent> = {}): this {
    const n = this.events.length + 1;
    this.events.push({ t: n / 1e3, n, ev, conn: 'c1', inc: 1, data: data as LogEvent['data'], ...more });
    return this;
  }

  sent(seg: number, seq: number, end: number, retransmission = false): this {
    const data = { flags: 'ACK', seq, end, len: end - seq, segs: 1, trigger: 'data', retransmission };
    return this.add('seg:sent', data, { seg });
  }

  window(una: number, nxt: number): this {
    return this.add('snd:window', { una, nxt, max: nxt, wnd: 1000, mss: 100 });
  }
}

function connection(events: readonly LogEvent[], until?: number): ConnectionView {
  const view = worldOf(events, until).connections.get('c1');
  assert.ok(view !== undefined);
  return view;
}

test('segments in flight: a rule marks its victim, a repetition takes its place, an ACK takes them out', () => {
  const script = new Script();
  script.window(1, 1).sent(1, 1, 101).sent(2, 101, 201);
  const fate = { dir: 'out', fate: 'dropped', by: 'rule#1', rule: 'drop out', len: 100, raw: {} };
  script.add('wire:fate', fate, { seg: 1 }).sent(3, 1, 101, true).window(101, 201);
  const { events } = script;
  const flight = (until: number) =>
    connection(events, until).inFlight.map(({ seg, copies, fate: end }) => [seg, copies, end]);
  assert.deepEqual(flight(3), [
    [1, 1, null],
    [2, 1, null],
  ]);
  assert.equal(connection(events, 3).snd?.nxt, 201, 'known before the window says so');
  assert.deepEqual(flight(4)[0], [1, 1, 'dropped']);
  assert.deepEqual(flight(5)[0], [3, 2, null]);
  assert.deepEqual(flight(6), [[2, 1, null]]);
  const { faults, sent } = connection(events);
  assert.deepEqual([faults[0]?.rule, faults[0]?.seg], ['drop out', 1]);
  assert.deepEqual(sent, { segs: 3, bytes: 300, retransmitted: 1 });
});

test('a timer is there from its setting to its end, and counts how often it was moved', () => {
  const script = new Script();
  const set = (afterMs: number, restart: boolean): Script =>
    script.add('timer:set', { timer: 'rto', afterMs, restart, backoff: 0, by: '' }, { cause: 7 });
  set(200, false);
  set(200, true);
  script.add('timer:fire', { timer: 'rto', backoff: 0 });
  set(400, false).add('timer:cancel', { timer: 'rto', by: '' });
  const timers = (until: number) => connection(script.events, until).timers;
  assert.deepEqual(timers(2), [
    { timer: 'rto', setAt: 0.002, dueAt: 0.202, backoff: 0, restarts: 1, n: 2, cause: 7 },
  ]);
  assert.deepEqual(timers(3), []);
  assert.equal(timers(4)[0]?.restarts, 0);
  assert.deepEqual(timers(5), []);
});

test('what was observed of the peer and what is inferred bear their label', () => {
  const script = new Script();
  script.add('peer:state', { state: 'ESTABLISHED', source: 'inferred' });
  script.add('peer:state', { state: 'CLOSE-WAIT', source: 'observed', recvQ: 3, sendQ: 0, between: [0, 1] });
  assert.equal(connection(script.events, 1).peerState?.source, 'inferred');
  const { state, source, recvQ } = connection(script.events).peerState ?? {};
  assert.deepEqual([state, source, recvQ], ['CLOSE-WAIT', 'observed', 3]);
});

test('memory is bounded: closed connections, segments in flight', () => {
  const closed = { reason: 'normal', error: null };
  const totals = { sent: { segs: 0, bytes: 0, retransmitted: 0 }, received: { segs: 0, bytes: 0 } };
  const script = new Script();
  for (let i = 1; i <= CLOSED + 5; i++)
    script.add('conn:closed', { ...closed, ...totals }, { conn: `c${i}` });
  const world = worldOf(script.events);
  assert.equal(world.connections.size, CLOSED);
  assert.equal(world.connections.has('c5'), false, 'the one that has been over longest');
  const flood = new Script();
  for (let i = 0; i < FLIGHT + 5; i++) flood.sent(i + 1, i, i + 1);
  assert.equal(connection(flood.events).inFlight.length, FLIGHT);
});

test('a snapshot stays as it was, whatever comes after', () => {
  const script = new Script().window(1, 1).sent(1, 1, 101);
  const builder = new WorldBuilder();
  for (const event of script.events) builder.add(event);
  const before = builder.snapshot();
  const copy = structuredClone(before);
  for (const event of new Script().sent(2, 101, 201).add('app:write', { bytes: 5 }).events)
    builder.add(event);
  new WorldBuilder(before).add(script.events[1] as LogEvent);
  assert.deepEqual(before, copy);
  assert.equal(builder.world.connections.get('c1')?.written, 5);
});

test('any moment by number or by time, also between events and beyond the end', () => {
  const script = new Script();
  for (let i = 0; i < 100; i++) script.add('app:write', { bytes: 1 });
  const log = script.events.filter(({ n }) => n % 10 !== 5);
  const timeline = new Timeline(log, 8);
  const written = (world: ReturnType<Timeline['at']>) => world.connections.get('c1')?.written ?? 0;
  assert.equal(written(timeline.at(0)), 0);
  assert.equal(written(timeline.at(15)), 13, 'the last event before one that is not there');
  assert.equal(written(timeline.atTime(0.0204)), 18);
  assert.equal(written(timeline.at(1e9)), 90);
  assert.equal(timeline.event(15), undefined);
  assert.equal(timeline.event(16)?.n, 16);
  assert.deepEqual(timeline.at(64), worldOf(log, 64));
});
