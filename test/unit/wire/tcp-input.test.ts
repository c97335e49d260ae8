import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASON } from '../../../src/base/reasons.ts';
import { Ipv4Header } from '../../../src/wire/ipv4.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_VALID, Packet } from '../../../src/wire/packet.ts';
import { ACK, FIN, Segment, SYN } from '../../../src/wire/segment.ts';
import { readTcpHeader } from '../../../src/wire/tcp-header.ts';
import { padOptions, readTcpOptions } from '../../../src/wire/tcp-options.ts';

interface Fields {
  sourcePort?: number;
  destinationPort?: number;
  dataOffset?: number;
  reserved?: number;
  flags?: number;
  options?: number[];
  data?: number[];
  length?: number;
  wrongChecksum?: boolean;
}

/** A segment alone in junk memory, summed the plain way over the pseudo-header 1.2.3.4 → 5.6.7.8. */
function segmentOf(fields: Fields): { packet: Packet; ip: Ipv4Header } {
  const options = fields.options ?? [];
  const data = fields.data ?? [];
  const whole = 20 + options.length + data.length;
  const length = fields.length ?? whole;
  const memory = new Uint8Array(7 + whole + 60).fill(0xff);
  const view = new DataView(memory.buffer);
  memory.fill(0, 7, 7 + whole);
  view.setUint16(7, fields.sourcePort ?? 1000);
  view.setUint16(9, fields.destinationPort ?? 80);
  view.setUint32(11, 0x80000001);
  view.setUint32(15, 0xffffffff);
  view.setUint8(19, ((fields.dataOffset ?? 5 + options.length / 4) << 4) | (fields.reserved ?? 0));
  view.setUint8(20, fields.flags ?? ACK);
  view.setUint16(21, 0xfffe);
  memory.set(options, 27);
  memory.set(data, 27 + options.length);
  let sum = 0x0102 + 0x0304 + 0x0506 + 0x0708 + 6 + length;
  for (let i = 0; i < length; i++) sum += (memory[7 + i] as number) << (i & 1 ? 0 : 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  if (length >= 18) view.setUint16(23, (~sum & 0xffff) ^ (fields.wrongChecksum ? 0x100 : 0));
  const packet = new Packet();
  packet.setMemory(memory, view);
  packet.end = 7 + length;
  const ip = new Ipv4Header();
  ip.source = 0x01020304;
  ip.destination = 0x05060708;
  ip.payloadStart = 7;
  ip.payloadEnd = 7 + length;
  return { packet, ip };
}

function read(fields: Fields): { verdict: number; seg: Segment } {
  const { packet, ip } = segmentOf(fields);
  const seg = new Segment();
  return { verdict: readTcpHeader(packet, ip, seg), seg };
}

/** Reads options alone, on a SYN. */
function options(bytes: number[], flags = SYN): Segment {
  const seg = new Segment();
  seg.flags = flags;
  const memory = Uint8Array.from([...bytes, 2, 4, 0x77, 0x77, 3, 3, 9]);
  readTcpOptions(new DataView(memory.buffer), 0, bytes.length, seg);
  return seg;
}

test('RFC 9293 §3.1: fields, data and numbers beyond 2^31', () => {
  const { verdict, seg } = read({ data: [1, 2, 3], flags: ACK | FIN });
  assert.equal(verdict, REASON.ACCEPTED);
  assert.equal(seg.seq, 0x80000001 | 0);
  assert.equal(seg.ack, -1);
  assert.equal(seg.wnd, 0xfffe);
  assert.equal(seg.peerAddress, 0x01020304);
  assert.equal(seg.localAddress, 0x05060708);
  assert.equal(seg.peerPort, 1000);
  assert.equal(seg.localPort, 80);
  assert.equal(seg.len, 4);
  assert.equal(seg.segments, 1);
});

test('B01 data offset lies', () => {
  for (const dataOffset of [0, 1, 4, 6, 15]) assert.equal(read({ dataOffset }).verdict, REASON.TCP_HEADER);
  assert.equal(read({ dataOffset: 6, data: [1, 1, 1, 0] }).verdict, REASON.ACCEPTED);
});

test('B02 segments of 0 to 19 bytes', () => {
  for (let length = 0; length < 20; length++) assert.equal(read({ length }).verdict, REASON.TCP_HEADER);
});

test('B03, B04 illegal option lengths: the rest is ignored (MUST-7)', () => {
  const mss = [2, 4, 5, 0xb4];
  for (const bad of [[0xff, 0], [0xff, 1], [0xff, 3], [0xff, 255], [0xff], [2], [8], [5]]) {
    const seg = options([...mss, ...bad]);
    assert.equal(seg.badOptions, true, String(bad));
    assert.equal(seg.mss, 1460);
  }
  for (const bad of [
    [0xff, 0, 1, 1],
    [2, 3, 1],
    [3, 4, 1, 1],
    [4, 3, 0],
    [8, 9, 0, 0, 0, 0, 0, 0, 0],
  ]) {
    const seg = options([...bad, ...mss]);
    assert.equal(seg.badOptions, true);
    assert.equal(seg.mss, -1);
    assert.equal(read({ flags: SYN, options: [0xff, 0, 0, 0] }).verdict, REASON.ACCEPTED);
  }
});

test('RFC 9293 §3.2: unknown options are skipped (MUST-6), at any alignment (MUST-64)', () => {
  for (let nops = 0; nops < 4; nops++) {
    const seg = options([
      ...new Array<number>(nops).fill(1),
      253,
      5,
      9,
      9,
      9,
      2,
      4,
      5,
      0xb4,
      3,
      3,
      7,
      4,
      2,
      1,
    ]);
    assert.equal(seg.mss, 1460);
    assert.equal(seg.windowScale, 7);
    assert.equal(seg.sackPermitted, true);
    assert.equal(seg.badOptions, false);
  }
  assert.equal(options([0, 2, 4, 5, 0xb4]).mss, -1, 'nothing behind the end of the list');
  assert.equal(options([2, 4, 5]).mss, -1, 'nothing from behind the header');
});

test('B05, B09 an MSS of 0 and a shift of 255 are handed on as they are', () => {
  assert.equal(options([2, 4, 0, 0]).mss, 0);
  assert.equal(options([3, 3, 255]).windowScale, 255);
});

test('B07 the first of two options of a kind counts', () => {
  const seg = options([2, 4, 0, 100, 2, 4, 0, 200, 3, 3, 1, 3, 3, 2]);
  assert.equal(seg.mss, 100);
  assert.equal(seg.windowScale, 1);
  const stamps = (value: number): number[] => [8, 10, 0, 0, 0, value, 0, 0, 0, value];
  assert.equal(options([...stamps(1), ...stamps(2)]).tsVal, 1);
  const block = (value: number): number[] => [5, 10, 0, 0, 0, value, 0, 0, 1, value];
  const sack = options([...block(1), ...block(2)], ACK);
  assert.equal(sack.sackCount, 1);
  assert.equal(sack.sackEdges[0], 1);
});

test('B08 SACK options of illegal length are ignored, those of legal length are read whole', () => {
  for (const length of [2, 3, 9, 11, 12, 17, 35, 42]) {
    const seg = options([5, length, ...new Array<number>(48).fill(1)], ACK);
    assert.equal(seg.sackCount, 0, String(length));
    assert.equal(seg.badOptions, true);
  }
  for (const count of [1, 2, 3, 4]) {
    const seg = options([5, 2 + 8 * count, ...new Array<number>(8 * count).fill(0xff)], ACK);
    assert.equal(seg.sackCount, count);
    assert.equal(seg.sackEdges[2 * count - 1], -1);
  }
});

test('RFC 7323 §2.2, RFC 2018 §2: options of a SYN elsewhere are ignored; what is absent is reset', () => {
  const seg = options([2, 4, 5, 0xb4, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
  assert.equal(seg.hasTimestamps, true);
  seg.flags = ACK;
  readTcpOptions(new DataView(Uint8Array.from([2, 4, 5, 0xb4, 3, 3, 7, 4, 2, 0xff, 0]).buffer), 0, 9, seg);
  assert.deepEqual(
    [seg.mss, seg.windowScale, seg.sackPermitted, seg.hasTimestamps, seg.tsVal, seg.tsEcr, seg.badOptions],
    [-1, -1, false, false, 0, 0, false],
  );
});

test('B10 a wrong checksum; not looked at when the device vouches for it or has yet to fill it', () => {
  const { packet, ip } = segmentOf({ data: [1], wrongChecksum: true });
  assert.equal(readTcpHeader(packet, ip, new Segment()), REASON.TCP_CSUM);
  for (const checksum of [CHECKSUM_PARTIAL, CHECKSUM_VALID] as const) {
    packet.checksum = checksum;
    assert.equal(readTcpHeader(packet, ip, new Segment()), REASON.ACCEPTED);
  }
});

test('B11 every combination of control bits is read as it is', () => {
  for (let flags = 0; flags < 256; flags++) {
    const { verdict, seg } = read({ flags });
    assert.equal(verdict, REASON.ACCEPTED);
    assert.equal(seg.flags, flags);
    assert.equal(seg.len, (flags & 1) + ((flags >> 1) & 1));
  }
});

test('B12 reserved bits are ignored', () => {
  const { verdict, seg } = read({ reserved: 0x0f, data: [7] });
  assert.equal(verdict, REASON.ACCEPTED);
  assert.equal(seg.dataLength, 1);
  assert.equal(seg.flags, ACK);
});

test('B14 port 0', () => {
  assert.equal(read({ sourcePort: 0 }).verdict, REASON.TCP_HEADER);
  assert.equal(read({ destinationPort: 0 }).verdict, REASON.TCP_HEADER);
});

test('a super-packet counts as its segments', () => {
  const cases: [number, number, number][] = [
    [10, 4, 3],
    [8, 4, 2],
    [4, 4, 1],
    [3, 4, 1],
    [9, 0, 1],
  ];
  for (const [length, gsoSize, segments] of cases) {
    const { packet, ip } = segmentOf({ data: new Array<number>(length).fill(1) });
    packet.gsoSize = gsoSize;
    const seg = new Segment();
    assert.equal(readTcpHeader(packet, ip, seg), REASON.ACCEPTED);
    assert.equal(seg.segments, segments);
    assert.equal(seg.gsoSize, segments > 1 ? gsoSize : 0);
  }
});

test('RFC 9293 §3.1 (MUST-69): padding is zero bytes up to the next word', () => {
  const memory = new Uint8Array(50).fill(0xff);
  for (const [offset, end] of [
    [40, 40],
    [41, 44],
    [43, 44],
    [44, 44],
  ] as const) {
    memory.fill(0xff);
    assert.equal(padOptions(new DataView(memory.buffer), 40, offset), end);
    assert.deepEqual([...memory.subarray(offset, end)], new Array(end - offset).fill(0));
    assert.equal(memory[end], 0xff);
  }
});
