import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASON } from '../../../src/base/reasons.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, CHECKSUM_VALID, Packet } from '../../../src/wire/packet.ts';
import { readVirtioHeader, writeVirtioHeader } from '../../../src/wire/virtio.ts';

function read(header: number[], bodyLength = 60): { verdict: number; packet: Packet } {
  const memory = new Uint8Array(3 + 10 + bodyLength);
  memory.set(header, 3);
  const packet = new Packet();
  packet.setMemory(memory, new DataView(memory.buffer));
  packet.start = 3;
  packet.end = Math.min(memory.length, 3 + header.length + bodyLength);
  packet.gsoSize = 999;
  return { verdict: readVirtioHeader(packet), packet };
}

test('a plain, a vouched-for and a partial checksum', () => {
  const cases: [number, number][] = [
    [0, CHECKSUM_UNVERIFIED],
    [2, CHECKSUM_VALID],
    [1, CHECKSUM_PARTIAL],
    [3, CHECKSUM_PARTIAL],
  ];
  for (const [flags, state] of cases) {
    const { verdict, packet } = read([flags, 0, 0, 0, 0, 0, 20, 0, 16, 0]);
    assert.equal(verdict, REASON.ACCEPTED);
    assert.equal(packet.checksum, state);
    assert.equal(packet.start, 13);
    assert.equal(packet.gsoSize, 0);
  }
});

test('a super-packet, with and without ECN', () => {
  for (const type of [1, 0x81]) {
    const { verdict, packet } = read([1, type, 40, 0, 0xb4, 5, 20, 0, 16, 0]);
    assert.equal(verdict, REASON.ACCEPTED);
    assert.equal(packet.gsoSize, 1460);
  }
});

test('headers that lie', () => {
  const bad = [
    [0, 1, 40, 0, 0, 0, 0, 0, 0, 0],
    [0, 4, 40, 0, 9, 0, 0, 0, 0, 0],
    [0, 3, 40, 0, 9, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0, 43, 0, 16, 0],
    [1, 0, 0, 0, 0, 0, 255, 255, 255, 255],
  ];
  for (const header of bad) assert.equal(read(header).verdict, REASON.DEVICE_ERROR, String(header));
  assert.equal(read([1, 0, 0, 0, 0, 0, 42, 0, 16, 0]).verdict, REASON.ACCEPTED);
  assert.equal(read([0, 0, 0, 0, 0, 0, 0, 0, 0], 0).verdict, REASON.DEVICE_ERROR);
});

test('what is written for a frame', () => {
  const view = new DataView(new ArrayBuffer(12));
  const bytes = (): number[] => [...new Uint8Array(view.buffer, 1, 10)];
  const frame = new Frame();
  frame.headerLength = 52;
  writeVirtioHeader(frame, view, 1, false);
  assert.deepEqual(bytes(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  frame.needsChecksum = true;
  writeVirtioHeader(frame, view, 1, false);
  assert.deepEqual(bytes(), [1, 0, 0, 0, 0, 0, 20, 0, 16, 0]);
  frame.gsoSize = 1448;
  writeVirtioHeader(frame, view, 1, true);
  assert.deepEqual(bytes(), [1, 0x81, 52, 0, 0xa8, 5, 20, 0, 16, 0]);
});
