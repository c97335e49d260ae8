import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Device, DeviceListener } from '../../../src/device/device.ts';
import { loadNative, type Native } from '../../../src/device/native.ts';
import { type TunDescription, TunDevice } from '../../../src/device/tun.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, Packet } from '../../../src/wire/packet.ts';

const BUILT = existsSync(new URL('../../../build/fourwave.node', import.meta.url));
const skip = !BUILT && process.env['CI'] !== 'true' ? 'the native addon is not built' : false;

const PLAIN: TunDescription = {
  ...{ name: 'pair', peer: '10.9.0.1/24', mtu: 1500, netns: null, queues: [] },
  ...{ vnetHeader: false, offload: [], diagnosis: -1, raw: -1 },
};
const OFFLOAD: TunDescription = { ...PLAIN, vnetHeader: true, offload: ['csum', 'tso4'] };

/** Two devices over a socket pair, which keeps packets apart as a TUN does. */
function pair(description: TunDescription): [TunDevice, TunDevice, Native] {
  const native = loadNative();
  const [a, b] = native.socketPair();
  return [
    new TunDevice({ ...description, queues: [a] }, native),
    new TunDevice({ ...description, queues: [b] }, native),
    native,
  ];
}

interface Got {
  readonly bytes: Uint8Array;
  readonly gsoSize: number;
  readonly checksum: number;
  readonly start: number;
}

/** Takes all that comes, up to `budget` packets a call. */
class Sink implements DeviceListener {
  readonly packets: Got[] = [];
  readonly failures: Error[] = [];
  calls = 0;
  writables = 0;
  budget = Infinity;
  private readonly device: Device;
  private readonly packet = new Packet();

  constructor(device: Device) {
    this.device = device;
    device.attach(this);
  }

  readable(): void {
    this.calls++;
    for (let left = this.budget; left > 0 && this.device.receive(this.packet); left--) {
      const { bytes, start, end, gsoSize, checksum } = this.packet;
      this.packets.push({ bytes: bytes.slice(start, end), gsoSize, checksum, start });
    }
  }

  writable(): void {
    this.writables++;
  }

  failed(error: Error): void {
    this.failures.push(error);
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(condition(), 'what was waited for did not happen');
}

function frameOf(
  header: number[],
  payload: Uint8Array,
  start: number,
  length: number,
  wrapped: number,
): Frame {
  const frame = new Frame();
  frame.header.set(header);
  frame.headerLength = header.length;
  frame.payload = payload;
  frame.payloadStart = start;
  frame.payloadLength = length;
  frame.wrappedLength = wrapped;
  return frame;
}

describe('TunDevice over a socket pair', { skip }, () => {
  test('a frame goes out as one packet: header, payload, wrapped payload', async () => {
    const [a, b] = pair(PLAIN);
    new Sink(a);
    const sink = new Sink(b);
    const ring = Uint8Array.from([10, 11, 12, 13, 14, 15, 16, 17]);
    assert.equal(a.send(frameOf([1, 2, 3], ring, 5, 3, 2)), true);
    assert.equal(a.send(frameOf([9], ring, 0, 0, 0)), true);
    await until(() => sink.packets.length === 2);
    assert.deepEqual([...(sink.packets[0] as Got).bytes], [1, 2, 3, 15, 16, 17, 10, 11]);
    assert.deepEqual([...(sink.packets[1] as Got).bytes], [9]);
    assert.equal(sink.calls, 1, 'both came in one batch');
    assert.ok(
      sink.packets.every((packet) => packet.start % 16 === 0 && packet.checksum === CHECKSUM_UNVERIFIED),
    );
    await Promise.all([a.close(), b.close()]);
  });

  test('another frame with a header slab of its own is not confused with the first', async () => {
    const [a, b] = pair(PLAIN);
    new Sink(a);
    const sink = new Sink(b);
    a.send(frameOf([1], new Uint8Array(0), 0, 0, 0));
    a.send(frameOf([2], new Uint8Array(0), 0, 0, 0));
    await until(() => sink.packets.length === 2);
    assert.deepEqual(
      sink.packets.map((packet) => packet.bytes[0]),
      [1, 2],
    );
    await Promise.all([a.close(), b.close()]);
  });

  test('the virtio header carries gso size and partial checksum, in front of an aligned packet', async () => {
    const [a, b] = pair(OFFLOAD);
    assert.equal(a.checksumOffload, true);
    assert.equal(a.segmentationLimit, 65_535);
    new Sink(a);
    const sink = new Sink(b);
    const big = new Uint8Array(60_000).fill(7);
    const frame = frameOf(new Array<number>(40).fill(1), big, 0, big.length, 0);
    frame.gsoSize = 1448;
    frame.needsChecksum = true;
    a.send(frame);
    a.send(frameOf(new Array<number>(40).fill(2), big, 0, 10, 0));
    await until(() => sink.packets.length === 2);
    const [first, second] = sink.packets as [Got, Got];
    assert.deepEqual([first.bytes.length, first.gsoSize, first.checksum], [60_040, 1448, CHECKSUM_PARTIAL]);
    assert.deepEqual([second.bytes.length, second.gsoSize, second.checksum], [50, 0, CHECKSUM_UNVERIFIED]);
    assert.ok(first.start % 16 === 0 && second.start % 16 === 0);
    await Promise.all([a.close(), b.close()]);
  });

  test('a virtio header that asks for what was not offered drops the packet and counts it', async () => {
    const [plain, b, native] = pair(PLAIN);
    await b.close();
    const [x, y] = native.socketPair();
    const sender = new TunDevice({ ...PLAIN, queues: [x] }, native);
    const receiver = new TunDevice({ ...OFFLOAD, queues: [y] }, native);
    new Sink(sender);
    const sink = new Sink(receiver);
    // gso_type 4 (TCPv6), then a good one.
    sender.send(frameOf([0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0x45], new Uint8Array(0), 0, 0, 0));
    sender.send(frameOf([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x46], new Uint8Array(0), 0, 0, 0));
    await until(() => sink.packets.length === 1);
    assert.deepEqual([...(sink.packets[0] as Got).bytes], [0x46]);
    assert.equal(receiver.malformed, 1);
    await Promise.all([plain.close(), sender.close(), receiver.close()]);
  });

  test('EAGAIN keeps the frame, stops the sender, and says when to go on; nothing is lost or reordered', async () => {
    const [a, b] = pair(OFFLOAD);
    const source = new Sink(a);
    const header = new Array<number>(40).fill(0);
    const payload = new Uint8Array(30_000);
    let sent = 0;
    const next = (): boolean => {
      header[39] = sent;
      payload[0] = sent++;
      const frame = frameOf(header, payload, 0, payload.length, 0);
      frame.gsoSize = 1000 + sent;
      frame.needsChecksum = true;
      return a.send(frame);
    };
    while (next()) assert.ok(sent < 100, 'the socket never fills');
    assert.equal(a.writable, false);
    const refused = frameOf(header, payload, 0, 1, 0);
    assert.equal(a.send(refused), false, 'the contract is to wait');
    assert.equal(a.dropped, 1);
    payload.fill(255); // What was refused was copied.
    header.fill(255);

    const sink = new Sink(b);
    await until(() => source.writables === 1 && sink.packets.length === sent);
    assert.equal(a.writable, true);
    for (const [index, packet] of sink.packets.entries()) {
      assert.equal(packet.bytes.length, 30_040);
      assert.deepEqual([packet.bytes[39], packet.bytes[40]], [index, index]);
      // Of the refused one, too, for which nothing else has a place.
      assert.deepEqual([packet.gsoSize, packet.checksum], [1001 + index, CHECKSUM_PARTIAL]);
    }
    assert.equal(next(), true);
    await until(() => sink.packets.length === sent);
    assert.equal(source.writables, 1, 'told once');
    await Promise.all([a.close(), b.close()]);
  });

  test('what the stack leaves in a batch is there the next time, and is not overwritten', async () => {
    const [a, b] = pair(PLAIN);
    new Sink(a);
    const sink = new Sink(b);
    sink.budget = 3;
    for (let i = 0; i < 10; i++) a.send(frameOf([i, i, i], new Uint8Array(0), 0, 0, 0));
    await until(() => sink.packets.length === 3);
    a.send(frameOf([10, 10, 10], new Uint8Array(0), 0, 0, 0));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sink.calls, 1, 'not called again while packets wait');
    sink.budget = Infinity;
    sink.readable();
    await until(() => sink.packets.length === 11);
    assert.deepEqual(
      sink.packets.map((packet) => packet.bytes[2]),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    await Promise.all([a.close(), b.close()]);
  });

  test('a batch ends at 64 packets; the loop returns for the rest', async () => {
    const [a, b] = pair(PLAIN);
    const source = new Sink(a);
    const sink = new Sink(b);
    let sent = 0;
    while (sent < 100 && a.send(frameOf([sent], new Uint8Array(0), 0, 0, 0))) sent++;
    assert.ok(sent > 64, `the socket took ${sent} packets`);
    await until(() => sink.packets.length >= sent);
    assert.equal(sink.calls, 2);
    assert.equal(source.failures.length, 0);
    await Promise.all([a.close(), b.close()]);
  });

  test('poll reads without the event loop', async () => {
    const [a, b] = pair(PLAIN);
    new Sink(a);
    const sink = new Sink(b);
    assert.equal(b.poll(), false);
    a.send(frameOf([1], new Uint8Array(0), 0, 0, 0));
    assert.equal(b.poll(), true);
    assert.equal(b.poll(), true, 'an untaken batch is not overwritten');
    sink.readable();
    assert.equal(sink.packets.length, 1);
    assert.equal(b.poll(), false);
    await Promise.all([a.close(), b.close()]);
  });

  test('the far end gone is a failure, told once; close is idempotent and silent', async () => {
    const [a, b] = pair(PLAIN);
    const sink = new Sink(b);
    await a.close();
    await until(() => sink.failures.length > 0);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sink.failures.length, 1);
    const failure = sink.failures[0] as Error & { code: string; cure: string };
    assert.match(failure.message, /is gone/);
    assert.ok(failure.cure.length > 0 && failure.code.length > 0);
    await Promise.all([b.close(), b.close(), a.close()]);
    assert.equal(b.send(new Frame()), true, 'after close frames vanish');
    assert.equal(b.receive(new Packet()), false);
  });

  test('lengths outside of the memory are refused, not read', () => {
    const native = loadNative();
    const [a, b] = native.socketPair();
    const device = new TunDevice({ ...PLAIN, queues: [a] }, native);
    new Sink(device);
    const outside = frameOf([1], new Uint8Array(10), 5, 6, 0);
    device.send(outside);
    const negative = frameOf([1], new Uint8Array(10), -1, 5, 0);
    device.send(negative);
    assert.equal(device.dropped, 2);
    native.closeDescriptor(b);
    return device.close();
  });

  test('descriptors and text cross a socket pair', () => {
    const native = loadNative();
    const [a, b] = native.socketPair();
    const [x, y] = native.socketPair();
    assert.deepEqual(native.receiveDescriptors(b), { text: '', fds: [] });
    native.sendDescriptors(a, 'hello', [x, y]);
    const { text, fds } = native.receiveDescriptors(b);
    assert.equal(text, 'hello');
    assert.equal(fds.length, 2);
    native.sendDescriptors(fds[0] as number, 'through the copy', []);
    assert.equal(native.receiveDescriptors(y).text, 'through the copy');
    for (const fd of [a, b, x, y, ...fds]) native.closeDescriptor(fd);
    assert.throws(() => native.sendDescriptors(a, 'closed', []), {
      errno: 9,
      syscall: 'sendmsg(SCM_RIGHTS)',
    });
  });
});
