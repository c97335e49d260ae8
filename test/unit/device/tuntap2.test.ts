import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { Tuntap2Device, tuntap2 } from '../../../src/device/tuntap2.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { Packet } from '../../../src/wire/packet.ts';

/** What the package would give. */
class FakeTun extends Duplex {
  readonly name = 'tap7';
  mtu = 0;
  ipv4 = '';
  isUp = false;
  released = 0;
  readonly written: Uint8Array[] = [];
  release(): void {
    this.released++;
  }
  readonly callbacks: (() => void)[] = [];
  override _read(): void {}
  override _write(chunk: Uint8Array, _: string, done: () => void): void {
    this.written.push(chunk);
    this.callbacks.push(done);
  }
}

function attached(stream: FakeTun) {
  const device = new Tuntap2Device(stream, { peer: '10.9.0.1/24', mtu: 1400 });
  const calls = { readable: 0, writable: 0, failures: [] as Error[] };
  device.attach({
    readable: () => calls.readable++,
    writable: () => calls.writable++,
    failed: (error) => calls.failures.push(error),
  });
  return { device, calls };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

test('the interface is configured and brought up', () => {
  const stream = new FakeTun();
  const { device } = attached(stream);
  assert.deepEqual([stream.mtu, stream.ipv4, stream.isUp], [1400, '10.9.0.1/24', true]);
  assert.deepEqual([device.name, device.mtu, device.segmentationLimit], ['tap7', 1400, 0]);
});

test('each chunk is a packet, and each frame one chunk of its own memory', async () => {
  const stream = new FakeTun();
  const { device, calls } = attached(stream);
  stream.push(Uint8Array.from([1, 2, 3]));
  stream.push(Uint8Array.from([4]));
  await tick();
  assert.ok(calls.readable > 0);
  const packet = new Packet();
  assert.equal(device.receive(packet), true);
  assert.deepEqual([...packet.bytes.subarray(packet.start, packet.end)], [1, 2, 3]);
  assert.equal(device.receive(packet), true);
  assert.deepEqual([...packet.bytes.subarray(packet.start, packet.end)], [4]);
  assert.equal(device.receive(packet), false);

  const frame = new Frame();
  frame.header.set([9, 8]);
  frame.headerLength = 2;
  assert.equal(device.send(frame), true);
  frame.header.fill(0);
  assert.deepEqual([...(stream.written[0] as Uint8Array)], [9, 8]);
});

test('a stack that does not come pauses the stream; nothing is lost', async () => {
  const stream = new FakeTun();
  const { device, calls } = attached(stream);
  for (let i = 0; i < 300; i++) stream.push(Uint8Array.from([i & 0xff]));
  await tick();
  assert.equal(stream.isPaused(), true);
  const packet = new Packet();
  const seen: number[] = [];
  for (let round = 0; round < 5; round++) {
    while (device.receive(packet)) seen.push(packet.bytes[packet.start] as number);
    await tick();
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 300 }, (_, i) => i & 0xff),
  );
  assert.equal(device.dropped, 0);
  assert.equal(calls.failures.length, 0);
});

test('a full stream stops the sender until it drains', async () => {
  const stream = new FakeTun();
  const { device, calls } = attached(stream);
  const frame = new Frame();
  frame.payload = new Uint8Array(1400);
  frame.payloadLength = 1400;
  let sent = 1;
  while (device.send(frame)) sent++;
  assert.equal(device.writable, false);
  while (stream.callbacks.length > 0) {
    (stream.callbacks.shift() as () => void)();
    await tick();
  }
  assert.deepEqual([calls.writable, device.writable, stream.written.length], [1, true, sent]);
});

test('an error or the end is a failure, told once; close is idempotent', async () => {
  const stream = new FakeTun();
  const { device, calls } = attached(stream);
  stream.destroy(new Error('gone'));
  await tick();
  assert.deepEqual(
    calls.failures.map((error) => error.message),
    ['gone'],
  );
  await Promise.all([device.close(), device.close()]);
  assert.equal(stream.released, 1);

  const quiet = attached(new FakeTun());
  await quiet.device.close();
  await tick();
  assert.equal(quiet.calls.failures.length, 0);
});

test('the package is loaded when asked for, and missed with a clear error', async () => {
  const options = { peer: '10.9.0.1/24', mtu: 1500 };
  const missing = { code: 'ERR_TUNTAP2_MISSING', message: /not installed/ };
  await assert.rejects(tuntap2(options), missing);
  await assert.rejects(
    tuntap2(options, async () => ({ other: 1 })),
    missing,
  );
  const device = await tuntap2(options, async () => ({ default: { Tun: FakeTun } }));
  assert.equal(device.name, 'tap7');
});
