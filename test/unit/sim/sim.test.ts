import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventHeap } from '../../../src/sim/event-heap.ts';
import { FlowWatch } from '../../../src/sim/flow-watch.ts';
import { type Impairments, resolveImpairments } from '../../../src/sim/impairments.ts';
import { Link, type LinkOptions } from '../../../src/sim/link.ts';
import {
  completeTcpChecksum,
  onesSum,
  readSegment,
  splitSuperPacket,
  type WireSegment,
  write16,
} from '../../../src/sim/packet-reader.ts';
import { World } from '../../../src/sim/world.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { Packet } from '../../../src/wire/packet.ts';

/** A correct TCP packet with `length` bytes of payload, by hand. */
function tcpPacket(length: number, flags = 0x18, seq = 1000): Uint8Array {
  const packet = new Uint8Array(40 + length);
  packet.set([0x45, 0, 0, 0, 0, 7, 0x40, 0, 64, 6, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1]);
  write16(packet, 2, packet.length);
  write16(packet, 10, ~onesSum(packet, 0, 20) & 0xffff);
  packet.set([0, 7, 0x9c, 0x40, 0, 0, seq >> 8, seq & 0xff, 0, 0, 0, 5, 0x50, flags, 0xff, 0xff], 20);
  for (let i = 0; i < length; i++) packet[40 + i] = i & 0xff;
  completeTcpChecksum(packet);
  return packet;
}

function withTos(packet: Uint8Array, tos: number): Uint8Array {
  packet[1] = tos;
  write16(packet, 10, 0);
  write16(packet, 10, ~onesSum(packet, 0, 20) & 0xffff);
  return packet;
}

function frameOf(packet: Uint8Array): Frame {
  const frame = new Frame();
  frame.header.set(packet.subarray(0, 40));
  frame.headerLength = 40;
  frame.payload = packet;
  frame.payloadStart = 40;
  frame.payloadLength = packet.length - 40;
  return frame;
}

interface Arrival {
  time: number;
  bytes: Uint8Array;
  gsoSize: number;
}

/** Sends `packets` at time 0 and reports what arrives. */
function through(
  impairments: Impairments,
  packets: Uint8Array[],
  options: LinkOptions = {},
  seed = 1,
): { arrivals: Arrival[]; link: Link } {
  const world = new World({ seed });
  const link = new Link(world, { ...options, impairments });
  const arrivals: Arrival[] = [];
  const packet = new Packet();
  link.b.attach({
    readable() {
      while (link.b.receive(packet)) {
        const bytes = packet.bytes.slice(packet.start, packet.end);
        arrivals.push({ time: world.clock.now, bytes, gsoSize: packet.gsoSize });
      }
    },
    writable: () => undefined,
    failed: () => undefined,
  });
  for (const bytes of packets) link.a.send(frameOf(bytes));
  world.run(60_000_000);
  return { arrivals, link };
}

function numbered(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => tcpPacket(100, 0x18, 1000 + i));
}

describe('EventHeap', () => {
  it('gives events back by time, equal times in the order they came', () => {
    const heap = new EventHeap();
    const out: string[] = [];
    for (const [time, name] of [
      [5, 'a'],
      [1, 'b'],
      [5, 'c'],
      [0, 'd'],
      [5, 'e'],
      [1, 'f'],
    ] as const) {
      heap.push(time, () => out.push(name));
    }
    assert.equal(heap.earliest, 0);
    for (let run = heap.pop(); run !== null; run = heap.pop()) run();
    assert.equal(out.join(''), 'dbface');
    assert.equal(heap.earliest, Infinity);
  });
});

describe('Link', () => {
  it('delivers everything unchanged and in order after the delay', () => {
    const sent = numbered(50);
    const { arrivals } = through({ delay: 10_000, jitter: 5_000 }, sent);
    assert.deepEqual(
      arrivals.map((a) => a.bytes),
      sent,
    );
    assert.ok(arrivals.every((a) => a.time >= 10_000 && a.time < 15_000));
  });

  it('spaces packets by the rate and drops at the tail of a short queue', () => {
    // 140 bytes at 1.12 Mbit/s: one per ms
    const { arrivals } = through({ rate: 1_120_000 }, numbered(5));
    assert.deepEqual(
      arrivals.map((a) => a.time),
      [1_000, 2_000, 3_000, 4_000, 5_000],
    );
    const short = through({ rate: 1_120_000, queueBytes: 300 }, numbered(5));
    assert.equal(short.arrivals.length, 2);
    assert.equal(short.link.a.counts.queueDropped, 3);
  });

  it('loses, duplicates and reorders about as often as told', () => {
    const sent = numbered(2_000);
    const lossy = through({ loss: 0.1 }, sent).link.a.counts;
    assert.ok(lossy.lost > 140 && lossy.lost < 260, `${lossy.lost} lost`);
    assert.equal(lossy.delivered, 2_000 - lossy.lost);
    const double = through({ duplication: 0.1 }, sent);
    assert.equal(double.arrivals.length, 2_000 + double.link.a.counts.duplicated);
    assert.ok(double.link.a.counts.duplicated > 140);
    const mixed = through({ delay: 100, reordering: 0.2, reorderDelay: 5_000 }, sent).arrivals;
    const order = mixed.map((a) => readSegment(a.bytes, false)?.seq ?? 0);
    assert.equal(order.length, 2_000);
    assert.notDeepEqual(
      order,
      [...order].sort((x, y) => x - y),
    );
  });

  it('sets the congestion mark of what is ECN-capable: by chance, by aim, and behind a long queue', () => {
    const capable = numbered(400).map((bytes, i) => withTos(bytes, [0, 1, 2, 0xba][i % 4] as number));
    const tosOf = (arrivals: Arrival[]): (number | undefined)[] => arrivals.map(({ bytes }) => bytes[1]);
    const all = through({ mark: 1 }, capable);
    assert.deepEqual(tosOf(all.arrivals.slice(0, 4)), [0, 3, 3, 0xbb]);
    assert.equal(all.link.a.counts.marked, 300);
    for (const { bytes } of all.arrivals) assert.ok(readSegment(bytes, false));
    assert.equal(capable[1]?.[1], 1, 'the packet that was sent stays as it was');
    const some = through({ mark: 0.5 }, capable).link.a.counts.marked;
    assert.ok(some > 110 && some < 190, `${some} of 300`);
    const aimed = through({ aim: (_bytes, index) => ({ mark: index === 2 }) }, capable.slice(0, 4));
    assert.deepEqual(tosOf(aimed.arrivals), [0, 1, 3, 0xba]);
    // 140 bytes at 1.12 Mbit/s: one per ms; two are in the queue before the first mark.
    const queued = through({ rate: 1_120_000, markBytes: 280 }, capable.slice(0, 4));
    assert.deepEqual(tosOf(queued.arrivals), [0, 1, 3, 0xbb]);
    assert.throws(() => resolveImpairments({ mark: 1.1 }), RangeError);
  });

  it('flips exactly one bit, which the checksums catch', () => {
    const { arrivals, link } = through({ corruption: 1 }, numbered(300));
    assert.equal(link.a.counts.corrupted, 300);
    for (const { bytes } of arrivals) assert.throws(() => readSegment(bytes, false));
  });

  it('gives aimed faults the packet and its index', () => {
    const { arrivals } = through({ pass: (_bytes, index) => index !== 1 }, numbered(3));
    assert.equal(arrivals.length, 2);
  });

  it('does the same again with the same seed, and something else with another', () => {
    const wild = { delay: 1_000, jitter: 500, loss: 0.2, duplication: 0.2, corruption: 0.1 };
    const once = through(wild, numbered(100), {}, 5).arrivals;
    assert.deepEqual(through(wild, numbered(100), {}, 5).arrivals, once);
    assert.notDeepEqual(through(wild, numbered(100), {}, 6).arrivals, once);
  });

  it('splits super-packets into their wire segments, or keeps them whole', () => {
    const big = tcpPacket(2_500, 0x19);
    const world = new World();
    const received: { length: number; gsoSize: number; flags: number; seq: number }[] = [];
    for (const superPackets of ['split', 'whole'] as const) {
      const link = new Link(world, { offload: 'tso4', superPackets });
      const packet = new Packet();
      const frame = frameOf(big);
      frame.gsoSize = 1000;
      link.a.send(frame);
      world.run(1);
      while (link.b.receive(packet)) {
        const segment = readSegment(packet.bytes.slice(packet.start, packet.end), false);
        const { flags = 0, seq = 0, dataLength: length = 0 } = segment ?? {};
        received.push({ length, gsoSize: packet.gsoSize, flags, seq });
      }
    }
    assert.deepEqual(received, [
      { length: 1000, gsoSize: 0, flags: 0x10, seq: 1000 },
      { length: 1000, gsoSize: 0, flags: 0x10, seq: 2000 },
      { length: 500, gsoSize: 0, flags: 0x19, seq: 3000 },
      { length: 2500, gsoSize: 1000, flags: 0x19, seq: 1000 },
    ]);
  });

  it('stalls like a full device and comes back', () => {
    const world = new World();
    const link = new Link(world, { impairments: { stall: 1, stallTime: 700 } });
    const log: number[] = [];
    const ignore = () => undefined;
    link.a.attach({ readable: ignore, writable: () => log.push(world.clock.now), failed: ignore });
    assert.equal(link.a.send(frameOf(tcpPacket(1))), false);
    assert.equal(link.a.writable, false);
    world.run(5_000);
    assert.deepEqual(log, [700]);
    assert.equal(link.a.writable, true);
  });

  it('refuses senseless impairments', () => {
    assert.throws(() => resolveImpairments({ loss: 1.5 }), /loss must be 0 … 1/);
    assert.throws(() => resolveImpairments({ delay: -1 }), /delay must be ≥ 0/);
    assert.throws(() => resolveImpairments({ rate: Number.NaN }), RangeError);
  });
});

describe('World', () => {
  it('jumps from event to event and runs the checks after each', () => {
    const world = new World({ batch: false });
    const log: string[] = [];
    world.afterEveryEvent(() => log.push('check'));
    world.at(10, () => log.push('a'));
    world.at(10, () => log.push('b'));
    assert.equal(
      world.runUntil(() => log.includes('b'), 1_000),
      true,
    );
    assert.equal(world.clock.now, 10);
    assert.ok(log.lastIndexOf('check') > log.indexOf('b'));
    assert.ok(log.slice(log.indexOf('a'), log.indexOf('b')).includes('check'), log.join());
    assert.equal(
      world.runUntil(() => false, 1_000),
      false,
    );
    assert.equal(world.clock.now, 1_010);
    assert.equal(world.silent, true);
  });

  it('has a random stream of its own for every label', () => {
    const draw = (seed: number, label: string) => new World({ seed }).randomFor(label).nextUint32();
    assert.equal(draw(1, 'x'), draw(1, 'x'));
    assert.notEqual(draw(1, 'x'), draw(1, 'y'));
    assert.notEqual(draw(1, 'x'), draw(2, 'x'));
  });
});

describe('readSegment', () => {
  it('refuses what lies about itself', () => {
    const cases: [string, (packet: Uint8Array) => void][] = [
      [
        'version',
        (p) => {
          p[0] = 0x65;
        },
      ],
      ['total length', (p) => write16(p, 2, 39)],
      [
        'header checksum',
        (p) => {
          p[8] = 63;
        },
      ],
      [
        'TCP checksum',
        (p) => {
          p[45] = 99;
        },
      ],
      [
        'data offset',
        (p) => {
          p[32] = 0x40;
        },
      ],
    ];
    for (const [what, spoil] of cases) {
      const packet = tcpPacket(10);
      spoil(packet);
      assert.throws(() => readSegment(packet, false), Error, what);
    }
    const segment = readSegment(tcpPacket(10), false);
    assert.equal(segment?.seq, 1000);
    assert.equal(segment?.dataLength, 10);
  });

  it('splits so that every piece is a right packet and the bytes are all there', () => {
    const big = tcpPacket(5_001);
    const pieces = splitSuperPacket(big, 1460);
    const bytes = pieces.flatMap((piece) => {
      const segment = readSegment(piece, false) as WireSegment;
      return [...piece.subarray(segment.dataStart)];
    });
    assert.deepEqual(bytes, [...big.subarray(40)]);
  });
});

describe('FlowWatch', () => {
  const base = { source: 1, destination: 2, sourcePort: 3, destinationPort: 4 };
  const segment = (over: Partial<WireSegment>): WireSegment => ({
    ...base,
    seq: 0,
    ack: 0,
    flags: 0x10,
    window: 100,
    dataStart: 40,
    dataLength: 0,
    windowScale: -1,
    mss: -1,
    ...over,
  });
  const back = { source: 2, destination: 1, sourcePort: 4, destinationPort: 3 };

  it('notices a window that is taken back, and allows rounding', () => {
    const flows = new FlowWatch();
    assert.equal(flows.sent(segment({ flags: 2, windowScale: 7 })), null);
    assert.equal(flows.sent(segment({ ...back, flags: 0x12, windowScale: 2, ack: 1 })), null);
    assert.equal(flows.sent(segment({ seq: 1, ack: 1, window: 100 })), null);
    assert.equal(
      flows.sent(segment({ seq: 1, ack: 101, window: 99 })),
      null,
      'moved by 28 bytes back, in 128',
    );
    assert.match(flows.sent(segment({ seq: 1, ack: 101, window: 98 })) ?? '', /took back/);
  });

  it('notices data beyond the window and allows a probe', () => {
    const flows = new FlowWatch();
    flows.sent(segment({ flags: 2 }));
    flows.sent(segment({ ...back, flags: 0x12, ack: 1, window: 10 }));
    assert.equal(flows.sent(segment({ seq: 1, ack: 1, dataLength: 11 })), null);
    assert.match(flows.sent(segment({ seq: 1, ack: 1, dataLength: 12 })) ?? '', /beyond/);
  });
});
