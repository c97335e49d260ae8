/** The fault layer as a device: what costs nothing, what is split, what a tape sees of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { virtualClock } from '../../../src/base/virtual-clock.ts';
import type { Device, DeviceListener } from '../../../src/device/device.ts';
import { copyFrame } from '../../../src/device/packet-queue.ts';
import { splitSuperPacket } from '../../../src/device/split-super-packet.ts';
import { FaultDevice } from '../../../src/faults/fault-device.ts';
import { clockTimeline } from '../../../src/faults/timeline.ts';
import {
  splitSuperPacket as independent,
  SIM_CWR,
  SIM_FIN,
  SIM_PSH,
} from '../../../src/sim/packet-reader.ts';
import { replay } from '../../../src/stack/replay.ts';
import { RecordingTape } from '../../../src/stack/tape.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { CHECKSUM_PARTIAL, Packet } from '../../../src/wire/packet.ts';
import { bytes, drain, FaultyWorld, MS, SECOND } from './support.ts';

const TOTAL = 60_000;

/** The largest segment that the stack and its peer got. */
function largest(world: FaultyWorld, at: 'ours' | 'theirs'): number {
  return Math.max(
    ...world[at]
      .eventsSince(0, 1e5)
      .filter(({ ev }) => ev === 'seg:received')
      .map(({ data }) => Number(data['segs'])),
  );
}

function exchange(world: FaultyWorld): void {
  const { ours, theirs } = world.open();
  world.server.write(ours, bytes(TOTAL));
  world.client.write(theirs, bytes(TOTAL));
  const got = [0, 0] as [number, number];
  for (let round = 0; round < 400 && Math.min(...got) < TOTAL; round++) {
    world.run(10 * MS);
    got[0] += drain(world.server, ours).length;
    got[1] += drain(world.client, theirs).length;
  }
  assert.deepEqual(got, [TOTAL, TOTAL]);
}

test('without a rule super-packets pass in both directions', () => {
  const world = new FaultyWorld({ offload: 'tso4' });
  exchange(world);
  assert.ok(largest(world, 'ours') > 1);
  assert.ok(largest(world, 'theirs') > 1);
});

test('while a rule can match, super-packets of its direction are split, and only of it', () => {
  const inbound = new FaultyWorld({ offload: 'tso4', rules: ['drop in where urg'] });
  exchange(inbound);
  assert.equal(largest(inbound, 'ours'), 1);
  assert.ok(largest(inbound, 'theirs') > 1);
  const outbound = new FaultyWorld({ offload: 'tso4', rules: ['drop out where urg'] });
  exchange(outbound);
  assert.ok(largest(outbound, 'ours') > 1);
  assert.equal(largest(outbound, 'theirs'), 1);
});

test('when the last rule is over, offload is back', () => {
  const world = new FaultyWorld({ offload: 'tso4', rules: ['drop in where syn times 1', 'drop out for 1s'] });
  exchange(world);
  assert.ok(largest(world, 'ours') > 1);
  assert.ok(largest(world, 'theirs') > 1);
});

test('sums are complete before the rules run: nothing that passes is taken for corrupt', () => {
  const world = new FaultyWorld({ offload: 'csum', rules: ['drop both where urg'] });
  exchange(world);
  for (const recorder of [world.ours, world.theirs]) {
    const reasons = recorder.eventsSince(0, 1e5).map(({ data }) => data['reason']);
    assert.ok(!reasons.includes('TCP_CSUM'));
  }
});

test('rules are per wire segment: one of a super-packet is lost, and only that one is sent again', () => {
  const world = new FaultyWorld({ offload: 'tso4', rules: ['drop out where nth(data)==5'] });
  exchange(world);
  assert.deepEqual(
    world.fates().map((fate) => fate.split('+')[1]),
    ['1448'],
  );
});

test('a super-packet is cut as another implementation cuts it: FIN and PSH last, CWR first, sums right', () => {
  const header = 40;
  const packet = new Uint8Array(header + 3_001);
  packet.set(bytes(3_001), header);
  packet.set([
    0x45,
    0,
    packet.length >> 8,
    packet.length & 255,
    0,
    9,
    0x40,
    0,
    64,
    6,
    0,
    0,
    10,
    9,
    0,
    1,
    10,
    9,
    0,
    2,
  ]);
  packet.set([0, 7, 0, 8, 0xff, 0xff, 0xff, 0x00, 1, 2, 3, 4, 0x50, SIM_FIN | SIM_PSH | SIM_CWR | 0x10], 20);
  const pieces = splitSuperPacket(packet, 1_000);
  assert.deepEqual(pieces, independent(packet, 1_000));
  assert.deepEqual(
    pieces.map((piece) => piece.length - header),
    [1_000, 1_000, 1_000, 1],
  );
});

test('rules lie outside of the tape: a recorded run with faults replays byte for byte without them', () => {
  const tape = new RecordingTape();
  const world = new FaultyWorld({
    tape,
    offload: 'tso4',
    rules: ['drop both prob 0.15', 'delay both 5ms jitter 5ms', 'dup in where data times 2 after 1ms'],
  });
  const sent: string[] = [];
  const { device } = world;
  const send = device.send.bind(device);
  device.send = (frame) => {
    const packet = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
    copyFrame(frame, packet);
    sent.push(Buffer.from(packet).toString('hex'));
    return send(frame);
  };
  const { ours, theirs } = world.open();
  world.client.write(theirs, bytes(20_000));
  world.run(5 * SECOND);
  assert.equal(drain(world.server, ours).length, 20_000);
  assert.ok(world.fates().some((fate) => fate.includes('dropped')));
  const again: string[] = [];
  replay(tape.recording, {
    onPacket: (packet) => {
      again.push(Buffer.from(packet).toString('hex'));
    },
  });
  assert.ok(sent.length > 10);
  assert.deepEqual(again, sent);
});

test('a device that is full holds the stack back, and nothing is lost', () => {
  const clock = virtualClock(SECOND);
  const taken: number[] = [];
  let room = 3;
  let listener: DeviceListener | null = null;
  const full: Device = {
    ...{ name: 'full', mtu: 1_500, checksumOffload: true, segmentationLimit: 65_535 },
    get writable() {
      return room > 0;
    },
    attach: (told) => {
      listener = told;
    },
    receive: () => false,
    send: (frame) => {
      taken.push(frame.headerLength + frame.payloadLength);
      return --room > 0;
    },
    close: () => Promise.resolve(),
  };
  const device = new FaultDevice(full, { timeline: clockTimeline(clock), seed: 1, trace: null });
  let told = 0;
  device.attach({ readable() {}, writable: () => told++, failed() {} });
  device.faults.add('mutate out where data set ttl=60');
  assert.equal(device.send(superPacket(10_000, 1_000)), false);
  assert.deepEqual(taken, [1_040, 1_040, 1_040]);
  assert.equal(device.writable, false);
  room = 5;
  (listener as DeviceListener | null)?.writable();
  assert.equal(told, 0, 'the stack waits as long as something of before waits');
  room = 5;
  (listener as DeviceListener | null)?.writable();
  assert.equal(told, 1);
  assert.equal(taken.length, 10);
});

test('no packet makes a rule throw, whatever is in it', () => {
  const clock = virtualClock(SECOND);
  const queue: Uint8Array[] = [];
  let gsoSize = 0;
  const inner: Device = {
    ...{ name: 'any', mtu: 1_500, checksumOffload: true, segmentationLimit: 65_535, writable: true },
    attach() {},
    receive: (packet) => {
      const bytes = queue.shift();
      if (bytes === undefined) return false;
      packet.setMemory(bytes, new DataView(bytes.buffer));
      packet.start = 0;
      packet.end = bytes.length;
      packet.gsoSize = gsoSize;
      packet.checksum = CHECKSUM_PARTIAL;
      return true;
    },
    send: () => true,
    close: () => Promise.resolve(),
  };
  const device = new FaultDevice(inner, { timeline: clockTimeline(clock), seed: 1, trace: null });
  device.attach({ readable() {}, writable() {}, failed() {} });
  for (const rule of EVERY_VERB) device.faults.add(rule);
  // Often enough IPv4 and TCP at the beginning, so that what follows is looked at.
  const packet = fc
    .tuple(fc.boolean(), fc.integer({ min: 0, max: 15 }), fc.uint8Array({ maxLength: 200 }))
    .map(([likely, words, rest]) => {
      const bytes = Uint8Array.from(rest);
      if (likely && bytes.length > 9) {
        bytes[0] = 0x40 | words;
        bytes[6] = 0x40;
        bytes[7] = 0;
        bytes[9] = 6;
      }
      return bytes;
    });
  const received = new Packet();
  fc.assert(
    fc.property(packet, fc.integer({ min: 0, max: 20 }), (bytes, size) => {
      gsoSize = size;
      queue.push(bytes.slice());
      while (device.receive(received));
      const frame = new Frame();
      frame.headerLength = Math.min(bytes.length, 100);
      frame.header.set(bytes.subarray(0, frame.headerLength));
      frame.payload = bytes;
      frame.payloadStart = frame.headerLength;
      frame.payloadLength = bytes.length - frame.headerLength;
      frame.gsoSize = size;
      frame.needsChecksum = true;
      device.send(frame);
      clock.advanceBy(MS);
    }),
    { numRuns: 500 },
  );
});

const EVERY_VERB = [
  'mutate both where tcp set seq+=1, ack=5, win=0, flags+=urg, ttl-=1, urg=3, mss=1, wscale=1, tsval=1',
  'copy both as all',
  'dup both after 1ms prob 0.3',
  'corrupt both prob 0.2',
  'delay both 1ms jitter 2ms prob 0.3',
  'reorder both gap 1 prob 0.2',
  'rate both 1mbit queue 5',
  'reset both where nth==3 || retrans',
  'hold both where up>2 && mss>1 as f1 prob 0.1',
  'drop both where state==CLOSED && peer-state!=LISTEN && idle>1ms && (end>3 || ack==u+1)',
];

/** A super-packet as TCP makes one. */
function superPacket(length: number, gsoSize: number): Frame {
  const frame = new Frame();
  frame.header.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1]);
  frame.header.set([0, 7, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10], 20);
  frame.headerLength = 40;
  frame.payload = bytes(length);
  frame.payloadLength = length;
  frame.gsoSize = gsoSize;
  frame.needsChecksum = true;
  return frame;
}
