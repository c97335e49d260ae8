import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frame } from '../../../src/wire/frame.ts';
import { address, checksum, Harness, OWN, PEER, pattern } from './harness.ts';

function frameOf(headerLength: number, ring: Uint8Array, start: number, length: number): Frame {
  const frame = new Frame();
  frame.source = address(OWN);
  frame.destination = address(PEER);
  frame.protocol = 6;
  frame.tos = 0x12;
  frame.ttl = 61;
  frame.headerLength = headerLength;
  frame.header.set(pattern(headerLength - 20, 99), 20);
  frame.payload = ring;
  frame.payloadStart = start;
  frame.payloadLength = Math.min(length, ring.length - start);
  frame.wrappedLength = length - frame.payloadLength;
  return frame;
}

test('RFC 791 §3.1: the header, with DF and identification 0 (A16, RFC 6864 §4.1)', () => {
  const harness = new Harness();
  assert.equal(harness.ip.send(frameOf(40, pattern(10), 0, 10)), true);
  const packet = harness.sent[0] as Uint8Array;
  assert.deepEqual([...packet.subarray(0, 10)], [0x45, 0x12, 0, 50, 0, 0, 0x40, 0, 61, 6]);
  assert.deepEqual([...packet.subarray(12, 20)], [10, 9, 0, 2, 10, 9, 0, 1]);
  assert.equal(checksum(packet.subarray(0, 20)), 0);
  assert.equal(harness.counters.packetsSent, 1);
  assert.equal(harness.counters.bytesSent, 50);
});

test('ID-04, RFC 6864 §4.3: never fragments what has DF', () => {
  const harness = new Harness();
  harness.ip.send(frameOf(40, pattern(2000), 0, 1461));
  assert.equal(harness.sent.length, 0);
  assert.equal(harness.count('PKT_TOO_BIG'), 1);
  harness.ip.send(frameOf(40, pattern(2000), 0, 1460));
  assert.equal(harness.sent.length, 1);
});

test('RFC 791 §3.2: fragments of a payload that wraps hold every byte once', () => {
  for (const mtu of [68, 576, 1500]) {
    for (const [headerLength, ringLength, start, length] of [
      [60, 4096, 0, 3000],
      [60, 4096, 3000, 4000],
      [28, 4096, 4095, 4096],
      [120, 256, 100, 256],
      [20, 65_536, 60_000, 65_515],
    ] as const) {
      const harness = new Harness({ mtu });
      const ring = pattern(ringLength, 5);
      const frame = frameOf(headerLength, ring, start, length);
      frame.dontFragment = false;
      harness.ip.send(frame);
      const got: number[] = [];
      for (const packet of harness.sent) {
        assert.ok(packet.length <= mtu);
        const view = new DataView(packet.buffer);
        assert.deepEqual([packet[1], packet[8], packet[9]], [0x12, 61, 6]);
        assert.equal(checksum(packet.subarray(0, 20)), 0);
        assert.equal((view.getUint16(6) & 0x1fff) * 8, got.length);
        got.push(...packet.subarray(20));
        assert.equal((view.getUint16(6) & 0x2000) !== 0, got.length < headerLength - 20 + length);
      }
      const wanted = Array.from({ length }, (_, i) => ring[(start + i) % ringLength]);
      assert.deepEqual(got, [...frame.header.subarray(20, headerLength), ...wanted]);
      assert.equal(harness.counters.packetsSent, harness.sent.length);
    }
  }
});

test('ID-03, RFC 6864 §4.3: identifications do not repeat within two minutes, and then sending is refused', () => {
  const harness = new Harness();
  const frame = frameOf(28, pattern(1), 0, 1);
  frame.dontFragment = false;
  const lastUse = new Map<number, number>();
  let sent = 0;
  for (let minute = 0; minute < 8; minute++) {
    for (let i = 0; i < 25_000; i++) {
      harness.ip.send(frame);
      const packet = harness.sent.pop();
      if (packet === undefined) continue;
      sent++;
      const id = new DataView(packet.buffer).getUint16(4);
      assert.ok(harness.clock.now - (lastUse.get(id) ?? -Infinity) >= 120_000_000, `${id} came back early`);
      lastUse.set(id, harness.clock.now);
    }
    harness.clock.now += 60_000_000;
  }
  assert.equal(harness.count('IP_ID_EXHAUSTED'), 200_000 - sent);
  assert.equal(sent, 4 * 32_768);
});

test('A16: identifications to two destinations start at unrelated points', () => {
  const harness = new Harness();
  const frame = frameOf(28, pattern(1), 0, 1);
  frame.dontFragment = false;
  const starts = new Set<number>();
  for (let i = 1; i < 20; i++) {
    frame.destination = address(`10.9.0.${i + 2}`);
    harness.ip.send(frame);
    starts.add(new DataView((harness.sent.pop() as Uint8Array).buffer).getUint16(4));
  }
  const sorted = [...starts].sort((a, b) => a - b);
  assert.ok(sorted.length > 15);
  assert.ok((sorted.at(-1) as number) - (sorted[0] as number) > 1000);
});
