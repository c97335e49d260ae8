/** A device that says anything at all in its virtio headers, through the native port into a stack. */

import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.ts';
import { REASON } from '../../../src/base/reasons.ts';
import { loadNative } from '../../../src/device/native.ts';
import { type TunDescription, TunDevice } from '../../../src/device/tun.ts';
import { NodeScheduler, systemClock } from '../../../src/stack/driver.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { testbed } from '../../support/peer.ts';

const BUILT = existsSync(new URL('../../../build/fourwave.node', import.meta.url));
const skip = !BUILT && process.env['CI'] !== 'true' ? 'the native addon is not built' : false;

const PLAIN: TunDescription = {
  ...{ name: 'pair', peer: '10.9.0.1/24', mtu: 1500, netns: null, queues: [] },
  ...{ vnetHeader: false, offload: [], diagnosis: -1, raw: -1 },
};
const PACKETS = 3000;

test('N16: virtio headers at random: hdr_len, gso_size, types, flags and offsets that cannot be; none throws', {
  skip,
}, async (t) => {
  const native = loadNative();
  const [near, far] = native.socketPair();
  const device = new TunDevice(
    { ...PLAIN, vnetHeader: true, offload: ['csum', 'tso4'], queues: [near] },
    native,
  );
  const source = new TunDevice({ ...PLAIN, queues: [far] }, native);
  const random = { fill: (bytes: Uint8Array) => void randomFillSync(bytes) };
  const stack = new Stack({ device, address: '10.9.0.2/24', clock: systemClock, random });
  const scheduler = new NodeScheduler(stack, systemClock);
  t.after(async () => {
    scheduler.stop();
    await stack.close();
    await source.close();
  });
  source.attach({ readable() {}, writable() {}, failed() {} });

  const draw = new SeededRandom(5);
  const frame = new Frame();
  const { peer } = testbed();
  let complete = 0;
  for (let i = 0; i < PACKETS; i++) {
    // Some are all chance, others ask for what exists: a type and flags that may be.
    const header = Uint8Array.from({ length: 10 }, () => (draw.nextInt(3) === 0 ? 0 : draw.nextInt(256)));
    if (i % 3 > 0) header.set([draw.nextInt(4), draw.nextInt(3)]);
    if (i % 3 > 1) header.set([20, 0, 16, 0], 6);
    const packet = peer.build({
      flags: i % 2 === 0 ? 'PA' : 'S',
      destinationPort: 9,
      data: draw.nextInt(1400),
    });
    const bytes = Uint8Array.from([...header, ...packet]).subarray(0, i % 50 === 0 ? draw.nextInt(30) : 1500);
    // A packet of no more than a header is none.
    if (bytes.length > 10) complete++;
    else if (bytes.length === 0) continue;
    frame.payload = bytes;
    frame.payloadLength = bytes.length;
    source.send(frame);
    while (!source.writable) await new Promise((resolve) => setImmediate(resolve));
  }
  const { counters } = stack;
  const seen = (): number => device.malformed + counters.packetsReceived;
  for (let i = 0; i < 5000 && seen() < complete; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(seen(), complete);
  assert.ok(device.malformed > PACKETS / 10 && counters.packetsReceived > PACKETS / 10);
  assert.equal(counters.byReason[REASON.DEVICE_ERROR], device.malformed);
  assert.equal(counters.byReason[REASON.PACKET_GUARD], 0);
  assert.deepEqual([stack.failure, stack.guarded], [null, null]);
});
