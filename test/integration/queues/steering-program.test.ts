/** The kernel's steering program and src/wire/steering.ts choose the same queue for every packet. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.ts';
import { loadNative } from '../../../src/device/native.ts';
import { keyAsRandom } from '../../../src/device/steering-key.ts';
import { Packet } from '../../../src/wire/packet.ts';
import { Steering } from '../../../src/wire/steering.ts';
import { skipWithout } from '../../support/running-stack.ts';

const random = new SeededRandom(6);
const RUNS = 4000;

/** Random bytes that are often, but not always, a whole packet of one of the kinds that are told apart. */
function randomPacket(): Uint8Array {
  const bytes = new Uint8Array(20 + random.nextInt(100));
  random.fill(bytes);
  bytes[0] = 0x40 | (random.nextInt(4) === 0 ? random.nextInt(16) : 5);
  bytes[9] = [1, 1, 6, 6, 17, random.nextInt(256)][random.nextInt(6)] as number;
  // Seven of eight are no fragment.
  if (random.nextInt(8) !== 0) bytes.set([random.nextInt(2) * 0x40, 0], 6);
  const icmp = (bytes[0] & 15) * 4;
  if (bytes[9] === 1 && icmp + 28 < bytes.length) {
    bytes[icmp] = [3, 11, 12, 8, 0, 5][random.nextInt(6)] as number;
    bytes[icmp + 8] = 0x45;
    bytes[icmp + 8 + 9] = random.nextInt(4) === 0 ? 17 : 6;
    if (random.nextInt(4) !== 0) bytes.set([0x40, 0], icmp + 8 + 6);
  }
  return bytes;
}

function load(bytes: Uint8Array): Packet {
  const packet = new Packet();
  packet.setMemory(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  packet.start = 0;
  packet.end = bytes.length;
  return packet;
}

describe('steering program', { skip: skipWithout() }, () => {
  for (const queues of [2, 3, 16]) {
    test(`${RUNS} packets of all kinds find the queue of ${queues} that we compute`, () => {
      const key = { low: random.nextUint32(), high: random.nextUint32() };
      const steering = new Steering(keyAsRandom(key), queues);
      const packets = Array.from({ length: RUNS }, randomPacket);
      const ours = packets.map((bytes) => steering.queueOfPacket(load(bytes)));
      const kernels = loadNative().testSteering({ keyLow: key.low, keyHigh: key.high, queues }, packets);
      assert.deepEqual(kernels, ours);
      const used = new Set(ours);
      assert.equal(used.size, queues, 'every queue has got some');
    });
  }
});
