/** What each table costs when it is as full as strangers can make it: the figures of docs/security.md. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '../../src/base/random.ts';
import { virtualClock } from '../../src/base/virtual-clock.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { ipPacket } from '../support/segment.ts';
import { ACK, FIN, OURS, RST, SYN, Wire } from '../support/wire.ts';
import { open } from '../support/wire-connection.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const KIB = 1024;
const MIB = 1024 * KIB;

function memory(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What `work` leaves behind, bytes; the figure is printed and must be below `most`. */
function costs(context: TestContext, what: string, most: number, work: () => unknown): void {
  const before = memory();
  const held = work();
  const used = memory() - before;
  context.diagnostic(`${what}: ${(used / MIB).toFixed(1)} MiB`);
  assert.ok(used < most, `${what}: ${used} bytes`);
  assert.ok(held !== undefined);
}

function quietWire(config: Record<string, string | number> = {}): Wire {
  const wire = new Wire({ random: new SeededRandom(1), config });
  wire.listen(7);
  // What comes out is nobody's.
  wire.device.onPacket(null);
  return wire;
}

test('a stack in which nothing happens yet: less than 1 MiB', (t) => {
  costs(t, 'an empty stack', MIB, () => quietWire());
});

test('C01: half-open connections at their cap for all listeners, 4096: less than 2 MiB', (t) => {
  const wire = quietWire();
  const ports = [7, 8, 9, 10, 11];
  for (const port of ports.slice(1)) wire.listen(port);
  costs(t, '4096 half-open connections', 2 * MIB, () => {
    for (let i = 0; i < 20_000; i++) {
      for (const port of ports) {
        wire.send({ source: 0x0a100000 + i, sourcePort: 4000, destinationPort: port, flags: SYN, seq: 1 });
      }
    }
    // Cookies begin by chance a little before the end.
    const held = wire.stack.tcp.stats.synReceived;
    assert.ok(held > 4000 && held <= 4096, `${held}`);
    return wire;
  });
});

test('TIME-WAIT, an eighth of timeWait.max, 32,768: less than 5 MiB', (t) => {
  const wire = new Wire({
    random: new SeededRandom(1),
    config: { 'lab.isn': 'fixed', 'timeWait.max': 32_768 },
  });
  wire.listen(7);
  wire.device.onPacket(null);
  costs(t, '32,768 in TIME-WAIT', 5 * MIB, () => {
    const ack = 1_000_001;
    for (let i = 0; i < 33_000; i++) {
      const ends = { source: 0x0a100000 + (i >> 14), sourcePort: 1024 + (i & 0x3fff), destinationPort: 7 };
      wire.send({ ...ends, flags: SYN, seq: 1 });
      wire.send({ ...ends, flags: ACK, seq: 2, ack });
      wire.stack.tcp.shutdown(wire.accepted.pop() as never);
      wire.stack.settle();
      wire.send({ ...ends, flags: FIN | ACK, seq: 2, ack: ack + 1 });
    }
    assert.equal(wire.stack.tcp.stats.timeWait, 32_768);
    return wire;
  });
});

test('10,000 idle connections of the 65,536 of connections.max: less than 4 KiB each', (t) => {
  const wire = new Wire({ random: new SeededRandom(1) });
  wire.listen(7);
  costs(t, '10,000 idle connections', 10_000 * 4 * KIB, () => {
    for (let i = 0; i < 10_000; i++) {
      open(wire, { source: 0x0a100000 + i, sourcePort: 4000, destinationPort: 7 });
    }
    assert.equal(wire.stack.tcp.stats.connections, 10_000);
    wire.take();
    return wire;
  });
});

test('A11: reassembly with all of its 64 datagrams: 4 MiB and a little', (t) => {
  const wire = quietWire();
  costs(t, '64 datagrams', 4.5 * MIB, () => {
    for (let i = 0; i < 1000; i++) {
      const header = { ttl: 64, tos: 0, ipOptions: new Uint8Array(0) };
      const ends = { source: 0x0a100000 + i, destination: OURS };
      const fragment = ipPacket({ ...header, ...ends }, 17, new Uint8Array(1400));
      const view = new DataView(fragment.buffer);
      view.setUint16(4, i);
      view.setUint16(6, 0x2000);
      view.setUint16(10, 0);
      let sum = 0;
      for (let at = 0; at < 20; at += 2) sum += view.getUint16(at);
      view.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
      wire.device.inject(fragment);
    }
    assert.ok(wire.counter('FRAG_LIMIT') >= 1000 - 64);
    return wire;
  });
});

test('the flight recorder, when 400 connections have said a lot: less than 24 MiB', (t) => {
  costs(t, 'flight recorder', 24 * MIB, () => {
    const recorder = new TraceRecorder({ clock: virtualClock(1) });
    const wire = new Wire({ random: new SeededRandom(1), trace: recorder });
    wire.listen(7);
    for (let i = 0; i < 400; i++) {
      const peer = open(wire, { source: 0x0a100000 + i, sourcePort: 4000, destinationPort: 7 });
      for (let k = 0; k < 200; k++) wire.send({ ...peer.ends, flags: ACK, seq: peer.seq, ack: peer.ack });
      wire.take();
      wire.send({ ...peer.ends, flags: RST, seq: peer.seq });
    }
    wire.accepted.length = 0;
    return recorder;
  });
});
