import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device, DeviceListener } from '../../../src/device/device.ts';
import { memoryLink } from '../../../src/device/memory-link.ts';
import { type PacketDevice, packetDevice } from '../../../src/device/packet-device.ts';
import { MAX_PACKET_LENGTH } from '../../../src/device/packet-queue.ts';
import { ImpairedDevice, type ImpairedDeviceOptions } from '../../../src/sim/impaired-device.ts';
import type { Impairments } from '../../../src/sim/impairments.ts';
import { onesSum, readSegment, write16 } from '../../../src/sim/packet-reader.ts';
import { World } from '../../../src/sim/world.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { Packet } from '../../../src/wire/packet.ts';
import { pattern } from '../../support/pattern.ts';
import { address, decodePacket, encodePacket, type PacketFields } from '../../support/segment.ts';

/** A correct packet from the peer whose sequence number is `seq`. */
function packet(seq: number, length = 10, more: Partial<PacketFields> = {}): Uint8Array {
  return encodePacket({
    source: address('10.9.0.1'),
    destination: address('10.9.0.2'),
    sourcePort: 40000,
    destinationPort: 7,
    seq,
    ack: 5,
    flags: 'PA',
    window: 1000,
    up: 0,
    optionBytes: new Uint8Array(0),
    payload: pattern(seq, length),
    ttl: 64,
    tos: 0,
    ipOptions: new Uint8Array(0),
    checksumError: 0,
    dataOffset: null,
    ...more,
  });
}

function seqOf(bytes: Uint8Array): number {
  return readSegment(bytes, false)?.seq ?? -1;
}

interface Arrival {
  /** µs. */
  readonly time: number;
  readonly bytes: Uint8Array;
}

/** An impaired device in virtual time: what came out at both of its ends. */
class Bench<Inner extends Device> implements DeviceListener {
  readonly world = new World();
  readonly inner: Inner;
  readonly device: ImpairedDevice;
  /** What the stack got. */
  readonly inbound: Arrival[] = [];
  /** How often the stack was told that packets wait. */
  told = 0;
  failure: Error | null = null;
  private readonly packet = new Packet();

  constructor(inner: Inner, options: Omit<ImpairedDeviceOptions, 'timeline'>) {
    const { world } = this;
    this.inner = inner;
    this.device = new ImpairedDevice(inner, {
      timeline: { now: () => world.clock.now, at: (time, run) => world.at(time, run) },
      ...options,
    });
    this.device.attach(this);
  }

  readable(): void {
    this.told++;
    while (this.device.receive(this.packet)) {
      const { bytes, start, end, gsoSize } = this.packet;
      assert.equal(gsoSize, 0, 'the stack gets no super-packets');
      this.inbound.push({ time: this.world.clock.now, bytes: bytes.slice(start, end) });
    }
  }

  writable(): void {}

  failed(error: Error): void {
    this.failure = error;
  }

  send(bytes: Uint8Array): void {
    const frame = new Frame();
    frame.header.set(bytes.subarray(0, 40));
    frame.headerLength = 40;
    // Wrapped, as the end of a ring is: both pieces must arrive.
    const half = (bytes.length - 40) >> 1;
    frame.payload = new Uint8Array(bytes.length);
    frame.payload.set(bytes.subarray(40, 40 + half), bytes.length - half);
    frame.payload.set(bytes.subarray(40 + half), 0);
    frame.payloadView = new DataView(frame.payload.buffer);
    frame.payloadStart = bytes.length - half;
    frame.payloadLength = half;
    frame.wrappedLength = bytes.length - 40 - half;
    assert.equal(this.device.send(frame), true);
  }

  /** Sequence numbers of what the stack got, in that order. */
  get seqs(): number[] {
    return this.inbound.map(({ bytes }) => seqOf(bytes));
  }

  get times(): number[] {
    return this.inbound.map(({ time }) => time);
  }
}

type PacketBench = Bench<PacketDevice> & { readonly outbound: Arrival[] };

/** With a program at the far end. */
function bench(
  impairments: Impairments = {},
  inner: PacketDevice = packetDevice(),
  options: Omit<ImpairedDeviceOptions, 'timeline'> = {},
): PacketBench {
  const made = Object.assign(new Bench(inner, { impairments, ...options }), { outbound: [] as Arrival[] });
  inner.onPacket((bytes) => made.outbound.push({ time: made.world.clock.now, bytes }));
  return made;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** `count` packets from the peer, `every` µs apart. */
function injectEach(made: PacketBench, count: number, every: number): void {
  for (const seq of range(count)) {
    made.inner.inject(packet(seq));
    made.world.run(every);
  }
}

describe('ImpairedDevice without impairments', () => {
  it('hands every packet on, byte for byte, at once, both ways', () => {
    const made = bench();
    const sent = [packet(1), packet(2, 1001), packet(3, 0)];
    for (const bytes of sent) {
      made.inner.inject(bytes);
      made.send(bytes);
    }
    made.world.run(0);
    assert.deepEqual(
      made.inbound.map(({ bytes }) => bytes),
      sent,
    );
    assert.deepEqual(
      made.outbound.map(({ bytes }) => bytes),
      sent,
    );
    assert.equal(made.world.clock.now, 0);
    assert.deepEqual([made.device.inbound.delivered, made.device.outbound.delivered], [3, 3]);
  });

  it('offers neither checksums nor super-packets, whatever the device inside can do', () => {
    const { device } = bench({}, packetDevice({ mtu: 9000, offload: 'tso4' }));
    assert.deepEqual([device.checksumOffload, device.segmentationLimit], [false, 0]);
    assert.deepEqual([device.mtu, device.name, device.writable], [9000, 'packets', true]);
  });

  it('shows every packet from both sides before anything happens to it', () => {
    const made = bench({ loss: 1 });
    const seen: string[] = [];
    made.device.onPacket = (bytes, direction) => seen.push(`${direction} ${seqOf(bytes)}`);
    made.inner.inject(packet(1));
    made.send(packet(2));
    assert.deepEqual(seen, ['in 1', 'out 2']);
  });

  it('passes a failure of the device on', () => {
    let failed = (_: Error): void => assert.fail('not attached');
    const inner = Object.assign(Object.create(packetDevice()) as PacketDevice, {
      attach: (listener: DeviceListener) => {
        failed = (error) => listener.failed(error);
      },
    });
    const made = new Bench(inner, {});
    failed(new Error('gone'));
    assert.equal(made.failure?.message, 'gone');
  });
});

describe('ImpairedDevice loses, delays, copies, reorders', () => {
  it('loses the given share, each direction by its own', () => {
    const made = bench({}, packetDevice(), { inbound: { loss: 0.1 }, outbound: { loss: 0.5 } });
    for (const seq of range(1000)) made.send(packet(seq));
    injectEach(made, 1000, 1);
    const { inbound, outbound } = made.device;
    assert.deepEqual([inbound.sent, outbound.sent], [1000, 1000]);
    assert.ok(inbound.lost > 60 && inbound.lost < 140, `${inbound.lost} of 1000`);
    assert.ok(outbound.lost > 430 && outbound.lost < 570, `${outbound.lost} of 1000`);
    assert.equal(made.inbound.length, 1000 - inbound.lost);
    assert.equal(made.outbound.length, 1000 - outbound.lost);
  });

  it('draws the same for the same seed and something else for another', () => {
    const survivors = (seed: number): number[] => {
      const made = bench({ loss: 0.3 }, packetDevice(), { seed });
      injectEach(made, 100, 1);
      return made.seqs;
    };
    assert.deepEqual(survivors(5), survivors(5));
    assert.notDeepEqual(survivors(5), survivors(6));
  });

  it('delays by the given time and keeps the order under jitter', () => {
    const still = bench({ delay: 20_000 });
    injectEach(still, 3, 1000);
    still.world.run(50_000);
    assert.deepEqual(still.times, [20_000, 21_000, 22_000]);
    const shaky = bench({ delay: 20_000, jitter: 10_000 });
    injectEach(shaky, 100, 10);
    shaky.world.run(50_000);
    assert.deepEqual(shaky.seqs, range(100));
    const late = shaky.times.map((time, index) => time - 10 * index);
    assert.ok(Math.min(...late) >= 20_000 && Math.max(...late) < 30_000 && Math.max(...late) > 25_000);
  });

  it('lets later packets overtake those that reordering holds back', () => {
    const made = bench({ reordering: 0.1, reorderDelay: 1000 });
    injectEach(made, 500, 100);
    made.world.run(1000);
    const { seqs, times } = made;
    assert.deepEqual(
      seqs.toSorted((a, b) => a - b),
      range(500),
    );
    const late = seqs.filter((seq, place) => (times[place] as number) > seq * 100);
    assert.equal(late.length, made.device.inbound.reordered);
    assert.ok(late.length > 25 && late.length < 80, `${late.length} of 500`);
    assert.notDeepEqual(seqs, range(500));
    for (const [place, seq] of seqs.entries()) assert.ok((times[place] as number) <= seq * 100 + 1000);
  });

  it('copies whole packets', () => {
    const made = bench({ duplication: 0.2 });
    injectEach(made, 500, 1);
    const { duplicated } = made.device.inbound;
    assert.ok(duplicated > 60 && duplicated < 140, `${duplicated} of 500`);
    assert.equal(made.inbound.length, 500 + duplicated);
    for (const { bytes } of made.inbound) assert.deepEqual(bytes, packet(seqOf(bytes)));
  });

  it('flips one bit of a copy, which a checksum catches', () => {
    const made = bench({ corruption: 1 });
    const sent = packet(1, 100);
    const kept = sent.slice();
    made.inner.inject(sent);
    made.send(sent);
    made.world.run(0);
    assert.deepEqual(sent, kept);
    for (const { bytes } of [...made.inbound, ...made.outbound]) {
      const flipped = bytes.reduce((bits, byte, at) => {
        const difference = byte ^ (kept[at] as number);
        return bits + difference.toString(2).replaceAll('0', '').length;
      }, 0);
      assert.equal(flipped, 1);
      assert.throws(() => readSegment(bytes, false));
    }
    assert.deepEqual([made.inbound.length, made.outbound.length], [1, 1]);
  });

  it('takes up new impairments for the packets that come later', () => {
    const made = bench({ delay: 5000 });
    made.inner.inject(packet(1));
    made.device.impair({ loss: 1 }, { delay: 1000 });
    made.inner.inject(packet(2));
    made.send(packet(3));
    made.world.run(10_000);
    assert.deepEqual([made.seqs, made.times], [[1], [5000]]);
    assert.deepEqual(
      made.outbound.map(({ time, bytes }) => [time, seqOf(bytes)]),
      [[1000, 3]],
    );
    assert.throws(() => made.device.impair({ loss: 2 }), /^RangeError: loss must be 0 … 1, not 2$/);
  });
});

describe('ImpairedDevice: rate and queues', () => {
  it('spaces packets by the rate and drops what the queue has no room for', () => {
    // 1,000 bytes take 1 ms; three fit: the one that leaves and two that wait.
    const made = bench({ rate: 8_000_000, queueBytes: 3000 });
    for (const seq of range(6)) made.inner.inject(packet(seq, 960));
    made.world.run(10_000);
    assert.deepEqual([made.seqs, made.times], [range(3), [1000, 2000, 3000]]);
    assert.equal(made.device.inbound.queueDropped, 3);
    made.inner.inject(packet(9, 960));
    made.world.run(10_000);
    assert.deepEqual([made.seqs.at(-1), made.times.at(-1)], [9, 11_000]);
  });

  it('keeps no more packets than its queue holds for a stack that does not take them', () => {
    const inner = packetDevice({ queueLength: 10_000 });
    const world = new World();
    const timeline = {
      now: () => world.clock.now,
      at: (time: number, run: () => void) => world.at(time, run),
    };
    const device = new ImpairedDevice(inner, { timeline });
    device.attach({ readable() {}, writable() {}, failed() {} });
    for (const seq of range(5000)) inner.inject(packet(seq));
    world.run(0);
    assert.deepEqual([device.inbound.sent, device.inbound.delivered], [5000, 4096]);
    assert.equal(device.inbound.overflowed, 5000 - 4096);
  });

  it('waits for a device that is full, in order, and drops beyond the bound', () => {
    const [near, far] = memoryLink({ queueLength: 4 });
    const made = new Bench(near, {});
    const got: number[] = [];
    const into = new Packet();
    const drain = (): void => {
      while (far.receive(into)) got.push(seqOf(into.bytes.slice(into.start, into.end)));
    };
    let listening = false;
    far.attach({ readable: () => listening && drain(), writable() {}, failed() {} });
    for (const seq of range(5000)) made.send(packet(seq));
    made.world.run(0);
    // Four are in the link, the rest waits as far as it may.
    assert.equal(made.device.outbound.overflowed, 5000 - 4096 - 4);
    listening = true;
    drain();
    made.world.run(0);
    drain();
    assert.deepEqual(got, range(4100));
    assert.equal(near.dropped, 0);
  });

  it('tells the stack once for a batch that came at one moment', () => {
    const inner = packetDevice();
    const seqs = range(5);
    for (const seq of seqs) inner.inject(packet(seq));
    const timeline = { now: () => 0, at: (_: number, run: () => void) => run() };
    const device = new ImpairedDevice(inner, { timeline });
    const got: number[] = [];
    let told = 0;
    const into = new Packet();
    const readable = (): void => {
      told++;
      while (device.receive(into)) got.push(seqOf(into.bytes.slice(into.start, into.end)));
    };
    device.attach({ readable, writable() {}, failed() {} });
    assert.deepEqual([told, got], [1, seqs]);
    inner.inject(packet(9));
    assert.deepEqual([told, got.at(-1)], [2, 9]);
  });
});

describe('ImpairedDevice: an aim at one packet', () => {
  const aimed = (seq: number, aim: NonNullable<ReturnType<NonNullable<Impairments['aim']>>>) =>
    bench({ delay: 1000, aim: (bytes) => (seqOf(bytes) === seq ? aim : undefined) });

  it('drop: this one is lost and no other', () => {
    const made = aimed(2, { drop: true });
    injectEach(made, 5, 10);
    made.world.run(5000);
    assert.deepEqual([made.seqs, made.device.inbound.lost], [[0, 1, 3, 4], 1]);
  });

  it('delay: later packets overtake it and are not held back', () => {
    const made = aimed(1, { delay: 25 });
    injectEach(made, 5, 10);
    made.world.run(5000);
    assert.deepEqual(made.seqs, [0, 2, 3, 1, 4]);
    assert.deepEqual(made.times, [1000, 1020, 1030, 1035, 1040]);
  });

  it('copies: each at its time, beside the packet itself', () => {
    const made = aimed(0, { copies: [5, 500] });
    injectEach(made, 2, 10);
    made.world.run(5000);
    assert.deepEqual(
      [made.seqs, made.times],
      [
        [0, 0, 1, 0],
        [1000, 1005, 1010, 1500],
      ],
    );
    assert.equal(made.device.inbound.duplicated, 2);
  });

  it('counts the packets of each direction from 0', () => {
    const indices: number[] = [];
    const aim = (_: Uint8Array, index: number): undefined => void indices.push(index);
    const made = bench({}, packetDevice(), { inbound: { aim } });
    made.send(packet(1));
    for (const seq of range(3)) made.inner.inject(packet(seq));
    assert.deepEqual(indices, [0, 1, 2]);
  });

  it('pass: what it is false for is lost', () => {
    const made = bench({ pass: (_, index) => index % 2 === 0 });
    injectEach(made, 6, 1);
    assert.deepEqual(made.seqs, [0, 2, 4]);
  });
});

describe('ImpairedDevice.inject', () => {
  it('brings a packet to either end now, whatever the link does to others', () => {
    const made = bench({ loss: 1, delay: 1_000_000 });
    made.device.inject(packet(1), 'in');
    made.device.inject(packet(2), 'out');
    made.world.run(0);
    assert.deepEqual(made.seqs, [1]);
    assert.deepEqual(
      made.outbound.map(({ bytes }) => bytes),
      [packet(2)],
    );
    assert.deepEqual([made.device.inbound.sent, made.device.outbound.sent], [0, 0]);
  });
});

describe('ImpairedDevice: offloads end at it', () => {
  it('splits a super-packet into segments whose numbers, flags and checksums are right', () => {
    const made = bench({}, packetDevice({ mtu: 1500, offload: 'tso4' }));
    const whole = packet(1000, 10_000, { flags: 'FPAC' });
    made.inner.inject(whole, { gsoSize: 1448, checksum: 'partial' });
    made.world.run(0);
    assert.equal(made.inbound.length, Math.ceil(10_000 / 1448));
    const segments = made.inbound.map(({ bytes }) => decodePacket(bytes));
    let next = 1000;
    for (const [place, segment] of segments.entries()) {
      assert.equal(segment?.seq, next);
      assert.deepEqual(segment?.payload, pattern(1000, 10_000).subarray(next - 1000, next - 1000 + 1448));
      const last = place === segments.length - 1;
      assert.equal(segment?.flags, last ? 'FPA' : place === 0 ? 'AC' : 'A');
      next += segment?.payload.length ?? 0;
    }
    const identifications = made.inbound.map(
      ({ bytes }) => ((bytes[4] as number) << 8) | (bytes[5] as number),
    );
    const first = identifications[0] as number;
    assert.deepEqual(
      identifications,
      identifications.map((_, place) => first + place),
    );
    // Independently of the decoder: the reader throws for a wrong checksum of either header.
    for (const { bytes } of made.inbound) assert.ok(readSegment(bytes, false) !== null);
    assert.equal(next, 11_000);
  });

  it('each piece of a super-packet meets its own fate', () => {
    const inner = packetDevice({ mtu: 1500, offload: 'tso4' });
    const made = bench({ pass: (_, index) => index !== 1 }, inner);
    made.inner.inject(packet(0, 3000), { gsoSize: 1000, checksum: 'partial' });
    made.world.run(0);
    assert.deepEqual(made.seqs, [0, 2000]);
  });

  it('completes the checksum of a packet that holds only a partial one', () => {
    const made = bench({}, packetDevice({ mtu: 1500, offload: 'tso4' }));
    const whole = packet(7, 500);
    const partial = whole.slice();
    const pseudo = onesSum(whole, 12, 20, 6 + whole.length - 20);
    write16(partial, 36, pseudo);
    made.inner.inject(partial, { checksum: 'partial' });
    made.world.run(0);
    assert.deepEqual(
      made.inbound.map(({ bytes }) => bytes),
      [whole],
    );
  });

  it('carries the largest packet there is', () => {
    const made = bench({}, packetDevice({ mtu: MAX_PACKET_LENGTH }));
    const largest = packet(1, MAX_PACKET_LENGTH - 40);
    made.inner.inject(largest);
    made.send(largest);
    made.world.run(0);
    assert.deepEqual([made.inbound[0]?.bytes, made.outbound[0]?.bytes], [largest, largest]);
  });
});

describe('ImpairedDevice.close', () => {
  it('closes the device inside; what is still under way arrives nowhere', async () => {
    const made = bench({ delay: 1000 });
    made.inner.inject(packet(1));
    made.send(packet(2));
    await made.device.close();
    made.world.run(10_000);
    made.send(packet(3));
    made.device.inject(packet(4), 'in');
    assert.deepEqual([made.inbound, made.outbound], [[], []]);
    assert.equal(made.inner.inject(packet(5)), false);
    assert.equal(made.told, 0);
    await made.device.close();
  });
});
