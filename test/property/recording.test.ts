/** Recordings: any run replays to the byte and to the event; no file makes the readers do anything but say so. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.ts';
import { virtualClock } from '../../src/base/virtual-clock.ts';
import { memoryLink } from '../../src/device/memory-link.ts';
import { FaultDevice } from '../../src/faults/fault-device.ts';
import { lookupIn } from '../../src/faults/stack-lookup.ts';
import { clockTimeline } from '../../src/faults/timeline.ts';
import { runWith } from '../../src/replay/compare.ts';
import { Histories } from '../../src/replay/history.ts';
import { TapedRecorder } from '../../src/replay/taped-recorder.ts';
import { Replay } from '../../src/stack/replay.ts';
import { Stack } from '../../src/stack/stack.ts';
import { RecordingTape } from '../../src/stack/tape.ts';
import { EVENT_CLOSED, EVENT_OPENED, EVENT_PEER_CLOSED, EVENT_WRITABLE } from '../../src/tcp/events.ts';
import type { Tcb } from '../../src/tcp/tcb.ts';
import type { LogEvent } from '../../src/trace/log-event.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { parseAddress } from '../../src/wire/address.ts';

const SECOND = 1_000_000;
const TOTAL = 20_000;
const RULES: readonly (readonly string[])[] = [
  [],
  ['drop out where len>0 prob 0.2'],
  ['drop in prob 0.1', 'dup out prob 0.1'],
  ['delay in prob 0.3 7ms', 'corrupt in prob 0.05'],
  ['reorder in where data prob 0.2 gap 2', 'mutate out where fin set win=0 times 1'],
  ['hold out where fin as f1', 'copy in where syn as old'],
];
const OFFLOADS = ['off', 'csum', 'tso4'] as const;

interface Run {
  readonly recording: Uint8Array;
  readonly events: LogEvent[];
  readonly sent: number;
}

/** A server that echoes over a link with faults is recorded. */
function record(seed: number, rules: readonly string[], offload: (typeof OFFLOADS)[number]): Run {
  const clock = virtualClock(SECOND);
  const [near, far] = memoryLink({ offload });
  const tape = new RecordingTape({ faults: rules, seed });
  const log = new TapedRecorder(tape, { clock });
  const events: LogEvent[] = [];
  log.onEvent = () => events.push(log.latest as LogEvent);
  const timeline = clockTimeline(clock);
  const device = new FaultDevice(near, { timeline, seed, trace: log });
  device.tape = {
    offTheWire: (bytes) => tape.offTheWire(clock.now, bytes),
    fromRules: () => tape.fromRules(),
  };
  const config = { msl: '1s' };
  const common = { clock, config };
  const address = '10.9.0.2/24';
  const server = new Stack({
    ...common,
    ...{ device, address, random: new SeededRandom(seed), trace: log, record: tape },
  });
  const client = new Stack({
    ...common,
    device: far,
    address: '10.9.0.1/24',
    random: new SeededRandom(-seed),
  });
  device.faults.bind(lookupIn(server));
  for (const rule of rules) device.faults.add(rule);
  echo(server);
  talk(client, seed);
  clock.advanceBy(20 * SECOND);
  // Somebody looks at the other end.
  server.tcp.forEachConnection((tcb) => {
    log.note('peer:state', { state: 'CLOSED', source: 'observed', between: [log.elapsed, log.elapsed] }, tcb);
  });
  if (rules.some((rule) => rule.startsWith('hold'))) {
    device.faults.add('release f1');
    device.faults.add('inject old');
  }
  server.configure({ 'ack.delay': '20ms' });
  clock.advanceBy(200 * SECOND);
  void server.close();
  tape.end();
  void client.close();
  return { recording: tape.recording, events, sent: events.filter(({ ev }) => ev === 'seg:sent').length };
}

function echo({ tcp }: Stack): void {
  const buffer = new Uint8Array(4096);
  const owner = (tcb: Tcb, events: number): void => {
    if ((events & EVENT_CLOSED) !== 0) return;
    for (;;) {
      const count = tcp.receiveInto(tcb, buffer, 0, Math.min(buffer.length, tcb.writable));
      if (count === 0) break;
      tcp.send(tcb, buffer, 0, count);
    }
    if (tcb.peerClosed && tcb.readable === 0) tcp.shutdown(tcb);
  };
  tcp.listen(
    { address: 0, port: 7, backlog: 5 },
    { connectionsWaiting: (listener) => void tcp.accept(listener, { connectionEvents: owner }) },
  );
}

function talk({ tcp }: Stack, seed: number): void {
  let written = 0;
  const buffer = new Uint8Array(4096);
  const owner = (tcb: Tcb, events: number): void => {
    if ((events & EVENT_CLOSED) !== 0) return;
    if (written < TOTAL && (events & (EVENT_OPENED | EVENT_WRITABLE)) !== 0) {
      const rest = new Uint8Array(TOTAL - written).fill(seed);
      const half = rest.length >> 1;
      written += tcp.send(tcb, rest, 0, half);
      written += tcp.sendOwned(tcb, rest, half, rest.length);
      if (written === TOTAL) tcp.shutdown(tcb);
    }
    while (tcp.receiveInto(tcb, buffer, 0, buffer.length) > 0);
    if ((events & EVENT_PEER_CLOSED) !== 0 && tcb.readable === 0) tcp.close(tcb);
  };
  const peerAddress = parseAddress('10.9.0.2') as number;
  tcp.connect({ localAddress: 0, localPort: 0, peerAddress, peerPort: 7 }, { connectionEvents: owner });
}

/** The replay's whole log. */
function replayed(recording: Uint8Array): { run: Replay; events: LogEvent[] } {
  const events: LogEvent[] = [];
  const run = new Replay(recording, {
    log: (clock) => {
      const log = new TraceRecorder({ clock });
      log.onEvent = () => events.push(log.latest as LogEvent);
      return log;
    },
  });
  while (run.step());
  return { run, events };
}

for (const [index, rules] of RULES.entries()) {
  for (const offload of OFFLOADS) {
    const name = rules.length === 0 ? 'no faults' : rules.join('; ');
    test(`a run replays to the byte and the event, with its own faults too: ${name}, offload ${offload}`, () => {
      const seed = 10 * index + OFFLOADS.indexOf(offload) + 1;
      const { recording, events, sent } = record(seed, rules, offload);
      assert.ok(sent > 3);
      const again = replayed(recording);
      assert.equal(again.run.difference, null, again.run.difference?.text);
      assert.equal(again.run.ending, 'whole');
      assert.deepEqual(again.events, events);
      const without = new Replay(recording, {});
      while (without.step());
      assert.deepEqual([without.difference, without.packets], [null, again.run.packets]);
      // A draw is for each packet: the same ones are hit.
      if (rules.every((rule) => !/^(hold|copy|delay|reorder|dup)/.test(rule))) {
        assert.equal(runWith(recording, rules).common, null);
      }
      assert.equal(runWith(recording, []).common === null, !events.some(({ ev }) => ev === 'wire:fate'));
    });
  }
}

test('a recording that is changed or cut anywhere is replayed, found to differ, or refused: nothing else', () => {
  const { recording } = record(3, ['drop in prob 0.1'], 'off');
  const random = new SeededRandom(99);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < 45; round++) {
    const bytes = recording.slice(0, round % 3 === 0 ? random.nextInt(recording.length) : recording.length);
    const changes = round % 3 === 0 ? 0 : 1 + random.nextInt(20);
    for (let i = 0; i < changes && bytes.length > 0; i++)
      bytes[random.nextInt(bytes.length)] = random.nextInt(256);
    const outcome = (read: () => string): string => {
      try {
        return read();
      } catch (error) {
        assert.ok(error instanceof Error);
        return 'refused';
      }
    };
    const first = outcome(() => (replayed(bytes).run.difference === null ? 'same' : 'differs'));
    outcomes.set(first, (outcomes.get(first) ?? 0) + 1);
    outcome(() => String(runWith(bytes, ['drop out where fin times 1']).common));
    outcome(() => String(new Histories(bytes).of('c1', '')?.turns.length));
  }
  assert.deepEqual([...outcomes.keys()].sort(), ['differs', 'refused', 'same']);
});
