import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { REASON } from '../../src/base/reasons.ts';
import { toSeq } from '../../src/base/seq.ts';
import { copyFrame } from '../../src/device/packet-queue.ts';
import { Frame } from '../../src/wire/frame.ts';
import { Ipv4Header, readIpv4Header, writeIpv4Header } from '../../src/wire/ipv4.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, Packet } from '../../src/wire/packet.ts';
import { MAX_SACK_BLOCKS, Segment, SYN } from '../../src/wire/segment.ts';
import {
  endTcpHeader,
  FRAME_TCP_OPTIONS,
  readTcpHeader,
  TcpFields,
  writeTcpChecksum,
  writeTcpHeader,
} from '../../src/wire/tcp-header.ts';
import {
  writeMssOption,
  writeNopOption,
  writeSackOption,
  writeSackPermittedOption,
  writeTimestampsOption,
  writeWindowScaleOption,
} from '../../src/wire/tcp-options.ts';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const port = fc.integer({ min: 1, max: 65_535 });
const uint16 = fc.nat(65_535);

const segments = fc.record({
  source: int32,
  destination: int32,
  sourcePort: port,
  destinationPort: port,
  seq: int32,
  ack: int32,
  flags: fc.nat(255),
  wnd: uint16,
  up: uint16,
  tos: fc.nat(255),
  mss: uint16,
  shift: fc.nat(14),
  tsVal: int32,
  tsEcr: int32,
  edges: fc.array(int32, { minLength: 8, maxLength: 8 }),
  blocks: fc.nat(MAX_SACK_BLOCKS),
  ring: fc.uint8Array({ minLength: 1, maxLength: 400 }),
  head: fc.nat(),
  used: fc.nat(),
  nops: fc.nat(3),
  offload: fc.boolean(),
});

type Sample = typeof segments extends fc.Arbitrary<infer T> ? T : never;

function writeSample(sample: Sample, frame: Frame): void {
  frame.source = sample.source;
  frame.destination = sample.destination;
  frame.tos = sample.tos;
  const fields = new TcpFields();
  Object.assign(fields, { ...sample, seq: toSeq(sample.seq), ack: toSeq(sample.ack) });
  writeTcpHeader(frame, fields);
  let at = FRAME_TCP_OPTIONS;
  for (let i = 0; i < sample.nops; i++) at = writeNopOption(frame.view, at);
  if ((sample.flags & SYN) !== 0) {
    at = writeMssOption(frame.view, at, sample.mss);
    at = writeWindowScaleOption(frame.view, at, sample.shift);
    at = writeSackPermittedOption(frame.view, at);
    at = writeTimestampsOption(frame.view, at, sample.tsVal, sample.tsEcr);
  } else if (sample.blocks > 0) {
    at = writeSackOption(frame.view, at, Int32Array.from(sample.edges), sample.blocks);
  }
  endTcpHeader(frame, at);
  // A payload that wraps around in its ring.
  const length = sample.used % (sample.ring.length + 1);
  frame.payload = sample.ring;
  frame.payloadView = new DataView(sample.ring.buffer, sample.ring.byteOffset, sample.ring.length);
  frame.payloadStart = sample.head % sample.ring.length;
  frame.payloadLength = Math.min(length, sample.ring.length - frame.payloadStart);
  frame.wrappedLength = length - frame.payloadLength;
  writeTcpChecksum(frame, sample.offload);
  writeIpv4Header(frame, frame.headerLength + length, 77, 0x4000);
}

function flatten(frame: Frame, gap: number): Packet {
  const memory = new Uint8Array(gap + frame.headerLength + frame.payloadLength + frame.wrappedLength + 5);
  const length = copyFrame(frame, memory.subarray(gap));
  const packet = new Packet();
  packet.setMemory(memory, new DataView(memory.buffer));
  packet.start = gap;
  packet.end = gap + length;
  return packet;
}

test('RFC 9293 §3.1: what is written is read back, options and wrapped payload included', () => {
  fc.assert(
    fc.property(segments, fc.nat(5), (sample, gap) => {
      const frame = new Frame();
      writeSample(sample, frame);
      const packet = flatten(frame, gap);
      packet.checksum = sample.offload ? CHECKSUM_PARTIAL : CHECKSUM_UNVERIFIED;
      const ip = new Ipv4Header();
      const seg = new Segment();
      assert.equal(readIpv4Header(packet, ip), REASON.ACCEPTED);
      assert.equal(readTcpHeader(packet, ip, seg), REASON.ACCEPTED);
      assert.equal(seg.peerAddress, sample.source);
      assert.equal(seg.localAddress, sample.destination);
      assert.equal(seg.peerPort, sample.sourcePort);
      assert.equal(seg.localPort, sample.destinationPort);
      for (const name of ['seq', 'ack', 'flags', 'wnd', 'up'] as const) assert.equal(seg[name], sample[name]);
      const syn = (sample.flags & SYN) !== 0;
      assert.equal(seg.mss, syn ? sample.mss : -1);
      assert.equal(seg.windowScale, syn ? sample.shift : -1);
      assert.equal(seg.sackPermitted, syn);
      assert.equal(seg.hasTimestamps, syn);
      assert.equal(seg.tsVal, syn ? sample.tsVal : 0);
      assert.equal(seg.tsEcr, syn ? sample.tsEcr : 0);
      assert.equal(seg.sackCount, syn ? 0 : sample.blocks);
      for (let i = 0; i < 2 * seg.sackCount; i++) assert.equal(seg.sackEdges[i], sample.edges[i]);
      assert.equal(seg.badOptions, false);
      assert.equal(seg.congestionExperienced, (sample.tos & 3) === 3);
      const length = frame.payloadLength + frame.wrappedLength;
      const expected = Array.from(
        { length },
        (_, i) => sample.ring[(frame.payloadStart + i) % sample.ring.length],
      );
      assert.deepEqual([...seg.bytes.subarray(seg.dataStart, seg.dataEnd)], expected);
    }),
    { numRuns: 1000 },
  );
});

test('RFC 9293 §3.1 (MUST-3): each flipped bit of the segment is noticed', () => {
  fc.assert(
    fc.property(segments, fc.nat(), (sample, where) => {
      const frame = new Frame();
      writeSample({ ...sample, offload: false }, frame);
      const packet = flatten(frame, 0);
      const bit = 20 * 8 + (where % ((packet.end - 20) * 8));
      packet.bytes[bit >> 3] = (packet.bytes[bit >> 3] as number) ^ (0x80 >> (bit & 7));
      const ip = new Ipv4Header();
      assert.equal(readIpv4Header(packet, ip), REASON.ACCEPTED);
      assert.notEqual(readTcpHeader(packet, ip, new Segment()), REASON.ACCEPTED);
    }),
  );
});

test('no bytes make the readers throw or read past the end', () => {
  const memory = new Uint8Array(256);
  const packet = new Packet();
  packet.setMemory(memory, new DataView(memory.buffer));
  const ip = new Ipv4Header();
  const seg = new Segment();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, plausible) => {
      memory.fill(0xff);
      memory.set(bytes);
      packet.end = bytes.length;
      packet.checksum = CHECKSUM_PARTIAL;
      if (plausible && bytes.length >= 40) {
        ip.payloadStart = 20;
        ip.payloadEnd = bytes.length;
        if (readTcpHeader(packet, ip, seg) !== REASON.ACCEPTED) return;
        assert.ok(seg.dataStart <= seg.dataEnd && seg.dataEnd === bytes.length);
        assert.ok(seg.sackCount <= MAX_SACK_BLOCKS);
      } else if (readIpv4Header(packet, ip) === REASON.ACCEPTED) {
        assert.ok(ip.payloadStart <= ip.payloadEnd && ip.payloadEnd <= bytes.length);
      }
    }),
    { numRuns: 3000 },
  );
});
