/**
 * The same streams over the three kinds of device: the same bytes arrive, and what is on the wire, super-packets
 * cut into their segments, could have come from a stack without offload.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OFFLOADS, type Offload } from '../../src/device/memory-link.ts';
import type { SentPacket } from '../../src/sim/link.ts';
import { completeTcpChecksum, read32, write32 } from '../../src/sim/packet-reader.ts';
import { type Run, runSeed } from './support/run.ts';
import { isOrderly } from './support/scenario.ts';
import { WireWatch } from './support/wire-watch.ts';

/** Each seed runs three times, and each packet is read once more. */
const SEEDS = Math.ceil(Number(process.env['FOURWAVE_SEEDS'] ?? 5000) / 50);
const FIRST = Number(process.env['FOURWAVE_FIRST_SEED'] ?? 1);

/** Its connections send super-packets. */
const SUPER = 7;

interface Outcome {
  /** What both applications of every connection that ends in order have read, bytes. */
  readonly read: readonly number[];
  readonly watch: WireWatch;
}

/** Streams are compared byte by byte inside of the run. */
function outcome(seed: number, offload: Offload, seen = (packet: SentPacket): SentPacket => packet): Outcome {
  let run: Run | null = null;
  const watch = new WireWatch();
  const scenario = runSeed(seed, {
    offload,
    prepared(prepared) {
      run = prepared;
      for (const host of [prepared.a, prepared.b]) {
        const before = host.device.onSent;
        host.device.onSent = (packet: SentPacket) => {
          before?.(packet);
          watch.sent(seen(packet), host.device.mtu);
        };
      }
    },
  });
  if (watch.breach !== null) throw watch.breach;
  const { pairs } = run as unknown as Run;
  const orderly = pairs.filter(({ plan }) => isOrderly(scenario, plan));
  return { read: orderly.flatMap(({ client, server }) => [client.received, server.received]), watch };
}

test(`off, csum and tso4 deliver the same, seeds ${FIRST} to ${FIRST + SEEDS - 1}; MUST-14, MUST-16, MUST-34`, () => {
  let superPackets = 0;
  let partial = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const [off, csum, tso4] = OFFLOADS.map((offload) => {
      try {
        return outcome(seed, offload);
      } catch (error) {
        throw new Error(`seed ${seed}, offload ${offload}: ${(error as Error).message}`, { cause: error });
      }
    }) as [Outcome, Outcome, Outcome];
    assert.deepEqual(csum.read, off.read, `seed ${seed}, csum`);
    assert.deepEqual(tso4.read, off.read, `seed ${seed}, tso4`);
    assert.deepEqual([off.watch.superPackets, csum.watch.superPackets, off.watch.partial], [0, 0, 0]);
    superPackets += tso4.watch.superPackets;
    partial += csum.watch.partial;
  }
  assert.ok(
    superPackets > SEEDS && partial > 10 * SEEDS,
    `${superPackets} super-packets, ${partial} partial sums`,
  );
});

test('it would notice a gso_size that is too large, and a gap', () => {
  const larger = (packet: SentPacket): SentPacket =>
    packet.gsoSize === 0 ? packet : { ...packet, gsoSize: packet.gsoSize + 1 };
  assert.throws(() => outcome(SUPER, 'tso4', larger), /at an M/);
  const later = (packet: SentPacket): SentPacket => {
    if (packet.gsoSize === 0) return packet;
    const bytes = packet.bytes.slice();
    write32(bytes, 24, read32(bytes, 24) + 70_000);
    completeTcpChecksum(bytes);
    return { ...packet, bytes, needsChecksum: false };
  };
  assert.throws(() => outcome(SUPER, 'tso4', later), /a gap of/);
});
