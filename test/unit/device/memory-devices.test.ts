import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device, DeviceListener } from '../../../src/device/device.ts';
import { loopback } from '../../../src/device/loopback.ts';
import { memoryLink } from '../../../src/device/memory-link.ts';
import { packetDevice } from '../../../src/device/packet-device.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, Packet } from '../../../src/wire/packet.ts';

function watcher(log: string[], name = ''): DeviceListener {
  return {
    readable: () => void log.push(`${name}readable`),
    writable: () => void log.push(`${name}writable`),
    failed: (error) => void log.push(`${name}failed ${error.message}`),
  };
}

/** A frame whose header counts up from `first` and whose payload wraps round a ring. */
function frame(first: number, headerLength = 40, piece = 0, wrapped = 0): Frame {
  const made = new Frame();
  for (let i = 0; i < headerLength; i++) made.header[i] = first + i;
  made.headerLength = headerLength;
  const ring = new Uint8Array(Math.max(200, piece + 8));
  ring.forEach((_, i) => {
    ring[i] = i;
  });
  made.payload = ring;
  made.payloadStart = ring.length - piece;
  made.payloadLength = piece;
  made.wrappedLength = wrapped;
  return made;
}

function take(device: Device): Uint8Array | null {
  const packet = new Packet();
  return device.receive(packet) ? packet.bytes.slice(packet.start, packet.end) : null;
}

describe('memoryLink', () => {
  it('carries a flattened copy across, both pieces of the payload in order', () => {
    const [a, b] = memoryLink();
    const sent = frame(1, 40, 100, 5);
    assert.equal(a.send(sent), true);
    const expected = [
      ...sent.header.subarray(0, 40),
      ...sent.payload.subarray(100, 200),
      ...sent.payload.subarray(0, 5),
    ];
    sent.header.fill(0);
    sent.payload.fill(0);
    assert.deepEqual([...(take(b) as Uint8Array)], expected);
    assert.equal(take(b), null);
    assert.equal(take(a), null);
  });

  it('says readable once until the queue was found empty', () => {
    const [a, b] = memoryLink();
    const log: string[] = [];
    b.attach(watcher(log));
    a.send(frame(1));
    a.send(frame(2));
    assert.deepEqual(log, ['readable']);
    take(b);
    take(b);
    a.send(frame(3));
    assert.deepEqual(log, ['readable'], 'not found empty yet');
    take(b);
    assert.equal(take(b), null);
    a.send(frame(4));
    assert.deepEqual(log, ['readable', 'readable']);
  });

  it('has three modes, as a TUN: nothing, checksums alone, super-packets', () => {
    const modes = (['off', 'csum', 'tso4'] as const).map((offload) => {
      const [{ checksumOffload, segmentationLimit }] = memoryLink({ offload });
      return [checksumOffload, segmentationLimit];
    });
    assert.deepEqual(modes, [
      [false, 0],
      [true, 0],
      [true, 65_535],
    ]);
    assert.throws(() => memoryLink({ offload: 'none' as 'off' }), /offload must be 'off', 'csum' or 'tso4'/);
  });

  it('tells a listener that comes late', () => {
    const [a, b] = memoryLink();
    a.send(frame(1));
    const log: string[] = [];
    b.attach(watcher(log));
    assert.deepEqual(log, ['readable']);
  });

  it('is bounded: says stop with the last that fits, and writable when the far end has read', () => {
    const [a, b] = memoryLink({ queueLength: 2 });
    const log: string[] = [];
    a.attach(watcher(log, 'a '));
    assert.equal(a.send(frame(1)), true);
    assert.equal(a.send(frame(2)), false);
    assert.equal(a.writable, false);
    a.send(frame(3));
    assert.equal(a.dropped, 1, 'a sender that does not stop loses the packet');
    take(b);
    assert.equal(a.writable, false, 'a lent packet still takes its place');
    take(b);
    assert.equal(take(b), null);
    assert.deepEqual(log, ['a writable']);
    assert.equal(a.writable, true);
    assert.equal(a.send(frame(4)), true);
    assert.equal(take(b)?.[0], 4);
  });

  it('keeps lent packets intact until the queue was found empty, then recycles their memory', () => {
    const [a, b] = memoryLink({ queueLength: 3 });
    const first = new Packet();
    const second = new Packet();
    a.send(frame(10));
    a.send(frame(20));
    b.receive(first);
    a.send(frame(30));
    b.receive(second);
    assert.equal(first.bytes[0], 10);
    assert.equal(second.bytes[0], 20);
    b.receive(second);
    b.receive(second);
    a.send(frame(40));
    const again = new Packet();
    b.receive(again);
    assert.ok(again.bytes === first.bytes || again.bytes === second.bytes, 'recycled');
  });

  it('has no offload with off, and with tso4 carries gso_size and the partial checksum', () => {
    const [plain] = memoryLink({ offload: 'off', mtu: 576 });
    assert.deepEqual([plain.mtu, plain.checksumOffload, plain.segmentationLimit], [576, false, 0]);
    const [a, b] = memoryLink({ offload: 'tso4' });
    assert.deepEqual([a.mtu, a.checksumOffload, a.segmentationLimit], [1500, true, 65_535]);
    const big = frame(1, 40, 60_000);
    big.gsoSize = 1460;
    big.needsChecksum = true;
    a.send(big);
    a.send(frame(2));
    const packet = new Packet();
    b.receive(packet);
    assert.equal(packet.end - packet.start, 60_040);
    assert.equal(packet.gsoSize, 1460);
    assert.equal(packet.checksum, CHECKSUM_PARTIAL);
    assert.equal(packet.view.buffer, packet.bytes.buffer);
    b.receive(packet);
    assert.equal(packet.gsoSize, 0);
    assert.equal(packet.checksum, CHECKSUM_UNVERIFIED);
  });

  it('drops what is sent to a closed end and never blocks on it', async () => {
    const [a, b] = memoryLink({ queueLength: 1 });
    const log: string[] = [];
    a.attach(watcher(log));
    assert.equal(a.send(frame(1)), false);
    await b.close();
    assert.deepEqual(log, ['writable']);
    assert.equal(a.send(frame(2)), true);
    assert.equal(a.dropped, 1);
    assert.equal(take(b), null);
    await b.close();
  });

  it('refuses senseless options', () => {
    assert.throws(() => memoryLink({ mtu: 67 }), RangeError);
    assert.throws(() => memoryLink({ mtu: 65_536 }), RangeError);
    assert.throws(() => memoryLink({ queueLength: 0 }), RangeError);
    assert.throws(() => memoryLink({ offload: 'tso6' as 'off' }), TypeError);
  });
});

describe('loopback', () => {
  it('gives back what it was given', () => {
    const device = loopback();
    const log: string[] = [];
    device.attach(watcher(log));
    assert.equal(device.mtu, 65_535);
    device.send(frame(9));
    assert.deepEqual(log, ['readable']);
    assert.equal(take(device)?.[0], 9);
    assert.equal(take(device), null);
  });
});

describe('packetDevice', () => {
  it('injects copies up to 64 KiB and hands out fresh copies', () => {
    const device = packetDevice({ mtu: 1500 });
    const log: string[] = [];
    device.attach(watcher(log));
    const packet = new Uint8Array(65_535).fill(7);
    assert.equal(device.inject(packet), true);
    packet.fill(0);
    assert.deepEqual(log, ['readable']);
    assert.equal(take(device)?.[65_534], 7);
    assert.equal(device.inject(new Uint8Array(65_536)), false);
    const out: Uint8Array[] = [];
    device.onPacket((bytes) => out.push(bytes));
    const sent = frame(5);
    device.send(sent);
    sent.header.fill(0);
    assert.equal(out[0]?.[0], 5);
    assert.equal(out[0]?.length, 40);
  });

  it('bounds what was injected and not yet taken', () => {
    const device = packetDevice({ mtu: 1500, queueLength: 2 });
    assert.deepEqual(
      [1, 2, 3].map((n) => device.inject(Uint8Array.of(n))),
      [true, true, false],
    );
    assert.equal(device.dropped, 1);
  });

  it('completes a partial checksum in the copy and says what the stack had asked for', () => {
    const device = packetDevice({ mtu: 1500, offload: 'tso4' });
    assert.equal(device.segmentationLimit, 65_535);
    const sent = frame(0, 40, 3);
    sent.header.fill(0);
    sent.header[0] = 0x45;
    sent.header[9] = 6;
    sent.header[36] = 0x12; // the pseudo-header's sum, as the stack leaves it
    sent.header[37] = 0x34;
    sent.header[20] = 0xff;
    sent.payload.set([1, 2, 3], 197);
    sent.needsChecksum = true;
    sent.gsoSize = 1460;
    let info: unknown;
    let copy: Uint8Array = new Uint8Array();
    device.onPacket((bytes, about) => {
      copy = bytes;
      info = about;
    });
    device.send(sent);
    assert.deepEqual(info, { gsoSize: 1460, needsChecksum: true });
    // 1234 + ff00 + 0102 + 0300, folded and complemented
    let sum = 0x1234 + 0xff00 + 0x0102 + 0x0300;
    sum = (sum & 0xffff) + (sum >> 16);
    assert.equal(((copy[36] as number) << 8) | (copy[37] as number), ~sum & 0xffff);
    assert.equal(sent.header[36], 0x12, 'the frame itself is untouched');
  });

  it('presumes full segments of a super-packet that is injected without a word', () => {
    const device = packetDevice({ mtu: 1500, offload: 'tso4' });
    const big = new Uint8Array(10_000);
    big[0] = 0x45;
    big[9] = 6;
    big[32] = 0x80;
    device.inject(big);
    device.inject(big, { gsoSize: 500, checksum: 'partial' });
    const packet = new Packet();
    device.receive(packet);
    assert.deepEqual([packet.gsoSize, packet.checksum], [1448, CHECKSUM_UNVERIFIED]);
    device.receive(packet);
    assert.deepEqual([packet.gsoSize, packet.checksum], [500, CHECKSUM_PARTIAL]);
  });

  it('blocks and unblocks like a full TUN', () => {
    const device = packetDevice();
    const log: string[] = [];
    device.attach(watcher(log));
    device.block();
    assert.equal(device.writable, true, 'only a packet finds out');
    assert.equal(device.send(frame(1)), false);
    assert.equal(device.writable, false);
    device.unblock();
    device.unblock();
    assert.deepEqual(log, ['writable']);
    assert.equal(device.send(frame(1)), true);
  });
});
