/** Rings of packets between threads, and the bells that wake who waits. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../../src/base/random.ts';
import { Exchange, exchangeMemory } from '../../../src/device/exchange.ts';
import { PacketRing, ringSize } from '../../../src/device/packet-ring.ts';
import { CHECKSUM_PARTIAL, type ChecksumState, Packet } from '../../../src/wire/packet.ts';

const CAPACITY = 4096;

function packetOf(bytes: Uint8Array, gsoSize = 0, checksum: ChecksumState = 0): Packet {
  const packet = new Packet();
  packet.setMemory(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  packet.end = bytes.length;
  packet.gsoSize = gsoSize;
  packet.checksum = checksum;
  return packet;
}

const textOf = (packet: Packet): string =>
  Buffer.from(packet.bytes.subarray(packet.start, packet.end)).toString('latin1');

describe('PacketRing', () => {
  test('20,000 packets of random lengths come out as they went in, in order, whatever fits when', () => {
    const random = new SeededRandom(3);
    const memory = new SharedArrayBuffer(ringSize(CAPACITY));
    const writer = new PacketRing(memory, 0, CAPACITY);
    const reader = new PacketRing(memory, 0, CAPACITY);
    const expected: { text: string; gsoSize: number; checksum: number }[] = [];
    const out = new Packet();
    let refused = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = new Uint8Array(random.nextInt(random.nextInt(4) === 0 ? 1500 : 100));
      random.fill(bytes);
      const [gsoSize, checksum] = [random.nextInt(9000), random.nextInt(3) as ChecksumState];
      const packet = packetOf(bytes, gsoSize, checksum);
      if (writer.push(packet)) expected.push({ text: textOf(packet), gsoSize, checksum });
      else refused++;
      for (let takes = random.nextInt(3); takes > 0 && reader.take(out); takes--) {
        const { gsoSize: gso, checksum: sum } = out;
        assert.deepEqual({ text: textOf(out), gsoSize: gso, checksum: sum }, expected.shift());
      }
      if (random.nextInt(2) === 0) reader.release();
    }
    while (reader.take(out)) assert.equal(textOf(out), expected.shift()?.text);
    assert.deepEqual(expected, []);
    assert.equal(reader.waiting, false);
    assert.ok(refused > 100, 'it was full at times');
  });

  test('what is lent stays where it is until it is given back', () => {
    const memory = new SharedArrayBuffer(ringSize(CAPACITY));
    const ring = new PacketRing(memory, 0, CAPACITY);
    const kilobyte = packetOf(new Uint8Array(1000).fill(1));
    assert.ok(ring.push(kilobyte));
    const lent = new Packet();
    assert.ok(ring.take(lent));
    const other = packetOf(new Uint8Array(1000).fill(2));
    while (ring.push(other));
    assert.ok(lent.bytes.subarray(lent.start, lent.end).every((byte) => byte === 1));
    ring.release();
    assert.ok(ring.push(packetOf(new Uint8Array(900))), 'room again');
  });

  test('a packet that cannot fit is refused, and the ring goes on', () => {
    const ring = new PacketRing(new SharedArrayBuffer(ringSize(CAPACITY)), 0, CAPACITY);
    assert.equal(ring.push(packetOf(new Uint8Array(CAPACITY))), false);
    assert.ok(ring.push(packetOf(new Uint8Array(10))));
  });
});

describe('Exchange', () => {
  test('three workers: each gets what was handed to it, from both others', () => {
    const memory = exchangeMemory(3);
    const workers = [0, 1, 2].map((own) => new Exchange(memory, own, 3));
    for (const [from, worker] of workers.entries()) {
      for (const to of [0, 1, 2]) {
        if (to !== from) worker.handOver(packetOf(Buffer.from(`${from} to ${to}`), 7, CHECKSUM_PARTIAL), to);
      }
    }
    for (const [own, worker] of workers.entries()) {
      const got: string[] = [];
      const packet = new Packet();
      while (worker.take(packet)) {
        assert.deepEqual([packet.gsoSize, packet.checksum], [7, CHECKSUM_PARTIAL]);
        got.push(textOf(packet));
      }
      worker.release();
      const others = [0, 1, 2].filter((from) => from !== own);
      assert.deepEqual(
        got.sort(),
        others.map((from) => `${from} to ${own}`),
      );
      assert.equal(worker.waiting, false);
    }
  });

  test('who waits is woken, again and again, and also for what came just before', async () => {
    const memory = exchangeMemory(2);
    const [sender, receiver] = [new Exchange(memory, 0, 2), new Exchange(memory, 1, 2)];
    const packet = new Packet();
    let got = 0;
    sender.handOver(packetOf(new Uint8Array(40)), 1);
    receiver.listen(() => {
      while (receiver.take(packet)) got++;
      receiver.release();
    });
    // Node does not stay awake for a wait of this kind.
    const awake = setInterval(() => {}, 1000);
    for (let i = 1; i <= 50; i++) {
      const end = performance.now() + 5000;
      while (got < i && performance.now() < end) await sleep(0);
      assert.equal(got, i);
      if (i % 2 === 0) await sleep(1);
      sender.handOver(packetOf(new Uint8Array(40)), 1);
    }
    receiver.stop();
    clearInterval(awake);
    assert.deepEqual([sender.handedOver, sender.lost], [51, 0]);
  });

  test('without room a packet is lost, and counted', () => {
    const exchange = new Exchange(exchangeMemory(2), 0, 2);
    const packet = packetOf(new Uint8Array(60_000));
    for (let i = 0; i < 10; i++) exchange.handOver(packet, 1);
    assert.ok(exchange.lost >= 5 && exchange.lost < 10, String(exchange.lost));
  });
});
