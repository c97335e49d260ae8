/**
 * The codecs of src/wire: each input goes to one of them. Nothing throws, nothing outside of the
 * packet has a say, the result is what the plain parsers of reference.ts say, and what is written is
 * read back.
 */

import assert from 'node:assert/strict';
import { REASON, REASONS } from '../../../src/base/reasons.ts';
import { toSeq } from '../../../src/base/seq.ts';
import * as wire from '../../../src/wire/index.ts';
import { ByteReader } from '../support/byte-reader.ts';
import { joined, plainIpv4, plainOptions, plainSum, pseudoHeader } from '../support/reference.ts';

const SYN = 0x02;

/** `bytes` as a packet whose memory ends with them, or with `fill` on both sides. */
function packetOf(bytes: Uint8Array, fill: number | null): wire.Packet {
  const margin = fill === null ? 0 : 16;
  const memory = new Uint8Array(bytes.length + 2 * margin).fill(fill ?? 0);
  memory.set(bytes, margin);
  const packet = new wire.Packet();
  packet.setMemory(memory, new DataView(memory.buffer));
  packet.start = margin;
  packet.end = margin + bytes.length;
  return packet;
}

/** What `read` finds in memory that ends with the packet; the same must come out of other surroundings. */
function everywhere<T>(bytes: Uint8Array, read: (packet: wire.Packet) => T): T {
  const found = read(packetOf(bytes, null));
  for (const fill of [0x00, 0xff])
    assert.deepEqual(read(packetOf(bytes, fill)), found, `surrounded by ${fill}`);
  return found;
}

/** With the checksum field at `at` made right for `length` bytes, preceded by `before`. */
function summed(
  bytes: Uint8Array<ArrayBuffer>,
  at: number,
  length: number,
  before: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  if (at + 2 > bytes.length) return bytes;
  const view = new DataView(bytes.buffer);
  view.setUint16(at, 0);
  view.setUint16(at, ~plainSum(joined(before, bytes.subarray(0, length))) & 0xffff);
  return bytes;
}

function ipv4(input: ByteReader): void {
  const honest = input.u8() !== 0xff;
  let bytes = input.rest();
  if (honest) bytes = summed(bytes, wire.IPV4_CHECKSUM, Math.min(bytes.length, ((bytes[0] ?? 0) & 15) * 4));
  const found = everywhere(bytes, (packet) => {
    const header = new wire.Ipv4Header();
    const at = packet.start;
    const reason = wire.readIpv4Header(packet, header);
    if (reason !== REASON.ACCEPTED) return { reason };
    const { payloadStart, payloadEnd, ...fields } = header;
    return { reason, ...fields, start: payloadStart - at, end: payloadEnd - at, cut: packet.end - at };
  });
  const expected = plainIpv4(bytes);
  assert.equal(REASONS[found.reason]?.name, expected ?? 'ACCEPTED');
  if (expected !== null) return;
  const view = new DataView(bytes.buffer);
  assert.deepEqual(found, {
    reason: REASON.ACCEPTED,
    source: view.getInt32(12),
    destination: view.getInt32(16),
    protocol: bytes[9],
    ttl: bytes[8],
    tos: bytes[1],
    identification: view.getUint16(4),
    fragmentOffset: (view.getUint16(6) & 0x1fff) * 8,
    moreFragments: ((bytes[6] as number) & 0x20) !== 0,
    dontFragment: ((bytes[6] as number) & 0x40) !== 0,
    headerLength: ((bytes[0] as number) & 15) * 4,
    start: ((bytes[0] as number) & 15) * 4,
    end: view.getUint16(2),
    cut: view.getUint16(2),
  });
}

/** The options that a segment carries, in the shape of `plainOptions`. */
function optionsOf(seg: wire.Segment): ReturnType<typeof plainOptions> {
  return {
    mss: seg.mss,
    windowScale: seg.windowScale,
    sackPermitted: seg.sackPermitted,
    timestamps: seg.hasTimestamps ? [seg.tsVal, seg.tsEcr] : null,
    sack: [...seg.sackEdges.subarray(0, 2 * seg.sackCount)],
    bad: seg.badOptions,
  };
}

function headerAround(packet: wire.Packet): wire.Ipv4Header {
  const header = new wire.Ipv4Header();
  header.source = 0x0a090001;
  header.destination = 0x0a090002;
  header.payloadStart = packet.start;
  header.payloadEnd = packet.end;
  return header;
}

function plainTcp(bytes: Uint8Array, checked: boolean): string | null {
  const headerLength = ((bytes[12] ?? 0) >> 4) * 4;
  if (bytes.length < 20 || headerLength < 20 || headerLength > bytes.length) return 'TCP_HEADER';
  const pseudo = pseudoHeader(0x0a090001, 0x0a090002, bytes.length);
  if (checked && plainSum(joined(pseudo, bytes)) !== 0xffff) return 'TCP_CSUM';
  const view = new DataView(bytes.buffer);
  return view.getUint16(0) === 0 || view.getUint16(2) === 0 ? 'TCP_HEADER' : null;
}

function tcp(input: ByteReader): void {
  const mode = input.u8();
  const gsoSize = (mode & 4) === 0 ? 0 : input.u16();
  let bytes: Uint8Array<ArrayBuffer> = input.rest();
  const pseudo = pseudoHeader(0x0a090001, 0x0a090002, bytes.length);
  const checksum = mode & 1 ? wire.CHECKSUM_UNVERIFIED : wire.CHECKSUM_PARTIAL;
  if ((mode & 2) === 0) bytes = summed(bytes, wire.TCP_CHECKSUM, bytes.length, pseudo);
  const found = everywhere(bytes, (packet) => {
    packet.checksum = checksum;
    packet.gsoSize = gsoSize;
    const seg = new wire.Segment();
    const at = packet.start;
    const reason = wire.readTcpHeader(packet, headerAround(packet), seg);
    if (reason !== REASON.ACCEPTED) return { reason, seg: null, options: null };
    const { localPort, peerPort, seq, ack, flags, wnd, up, segments, len } = seg;
    const fields = { localPort, peerPort, seq, ack, flags, wnd, up, segments, len };
    return { reason, seg: { ...fields, data: seg.dataStart - at }, options: optionsOf(seg) };
  });
  const expected = plainTcp(bytes, checksum === wire.CHECKSUM_UNVERIFIED);
  assert.equal(REASONS[found.reason]?.name, expected ?? 'ACCEPTED');
  if (expected !== null) return;
  const view = new DataView(bytes.buffer);
  const data = ((bytes[12] as number) >> 4) * 4;
  const flags = bytes[13] as number;
  const length = bytes.length - data;
  assert.deepEqual(found.options, plainOptions(bytes.subarray(20, data), (flags & SYN) !== 0));
  assert.deepEqual(found.seg, {
    localPort: view.getUint16(2),
    peerPort: view.getUint16(0),
    seq: view.getInt32(4),
    ack: view.getInt32(8),
    flags,
    wnd: view.getUint16(14),
    up: view.getUint16(18),
    segments: gsoSize > 0 && length > gsoSize ? Math.ceil(length / gsoSize) : 1,
    len: length + (flags & 1) + ((flags >> 1) & 1),
    data,
  });
}

function options(input: ByteReader): void {
  const flags = input.u8();
  const bytes = input.rest();
  const found = everywhere(bytes, (packet) => {
    const seg = new wire.Segment();
    seg.flags = flags;
    // What an earlier segment has left there must not shine through.
    seg.mss = 1;
    seg.sackCount = 3;
    seg.hasTimestamps = true;
    seg.badOptions = true;
    wire.readTcpOptions(packet.view, packet.start, packet.end, seg);
    return optionsOf(seg);
  });
  assert.deepEqual(found, plainOptions(bytes, (flags & SYN) !== 0));
}

function icmp(input: ByteReader): void {
  const honest = input.u8() !== 0xff;
  let bytes = input.rest();
  if (honest) bytes = summed(bytes, wire.ICMP_CHECKSUM, bytes.length);
  const reason = everywhere(bytes, (packet) => wire.checkIcmp(packet, headerAround(packet)));
  const right = plainSum(bytes) === 0xffff;
  assert.equal(REASONS[reason]?.name, bytes.length < 8 ? 'ICMP_SHORT' : right ? 'ACCEPTED' : 'ICMP_CSUM');
  if (bytes.length < wire.ICMP_HEADER_LENGTH) return;
  const typeAndCode = (bytes[0] as number) * 256 + (bytes[1] as number);
  wire.writeIcmpHeader(new DataView(bytes.buffer), 0, bytes.length, typeAndCode);
  const written = packetOf(bytes, null);
  assert.equal(wire.checkIcmp(written, headerAround(written)), REASON.ACCEPTED, 'written by us');
}

function virtio(input: ByteReader): void {
  const bytes = input.rest();
  const found = everywhere(bytes, (packet) => {
    const at = packet.start;
    const reason = wire.readVirtioHeader(packet);
    const { checksum, gsoSize } = packet;
    return { accepted: reason === REASON.ACCEPTED, moved: packet.start - at, checksum, gsoSize };
  });
  if (!found.accepted) return;
  assert.equal(found.moved, wire.VIRTIO_HEADER_LENGTH);
  const view = new DataView(bytes.buffer);
  const type = view.getUint8(1) & 0x7f;
  assert.ok(type === 0 || (type === 1 && view.getUint16(4, true) > 0), `a super-packet of type ${type}`);
  assert.equal(found.gsoSize, type === 0 ? 0 : view.getUint16(4, true));
  if ((view.getUint8(0) & 1) === 0) return;
  const field = view.getUint16(6, true) + view.getUint16(8, true);
  assert.ok(field + 2 <= bytes.length - wire.VIRTIO_HEADER_LENGTH, 'a checksum field outside of the packet');
}

function checksums(input: ByteReader): void {
  const [cut, word] = [input.u8(), input.u16()];
  const bytes = input.rest();
  const plain = ~plainSum(bytes) & 0xffff;
  const middle = bytes.length === 0 ? 0 : cut % bytes.length;
  const found = everywhere(bytes, ({ bytes: memory, view, start, end }) => {
    const whole = wire.foldChecksum(wire.sumView(view, start, end, 0));
    assert.equal(wire.foldChecksum(wire.sumBytes(memory, start, end, 0)), whole, 'bytes and view');
    const first = wire.sumView(view, start, start + middle, 0);
    const second =
      middle % 2 === 0
        ? wire.sumView(view, start + middle, end, first)
        : wire.sumBytesOdd(memory, start + middle, end, first);
    assert.equal(wire.foldChecksum(second), whole, `in two parts, cut at ${middle}`);
    return whole;
  });
  // Zero has two forms in ones' complement.
  assert.equal(found % 0xffff, plain % 0xffff);
  if (bytes.length < 2 || plainSum(bytes) === 0) return;
  const view = new DataView(bytes.buffer);
  const before = view.getUint16(0);
  view.setUint16(0, word);
  const updated = wire.updateChecksum(found, before, word);
  assert.equal(updated % 0xffff, (~plainSum(bytes) & 0xffff) % 0xffff, 'RFC 1624');
}

function addresses(input: ByteReader): void {
  const text = String.fromCharCode(...input.rest());
  const cidr = wire.parseCidr(text);
  if (cidr !== null) {
    const again = wire.parseCidr(wire.formatCidr(cidr));
    assert.deepEqual(again, cidr);
    assert.ok(cidr.prefixLength >= 0 && cidr.prefixLength <= 32);
    assert.ok(wire.inPrefix(cidr.address, cidr.address, cidr.prefixLength));
  }
  const address = wire.parseAddress(text);
  if (address !== null) assert.equal(wire.formatAddress(address), text, 'one way to write an address');
}

/** A segment from fields, written by our writers into a frame, goes through our readers unchanged. */
function writers(input: ByteReader): void {
  const frame = new wire.Frame();
  const fields = new wire.TcpFields();
  fields.sourcePort = input.u16() || 1;
  fields.destinationPort = input.u16() || 1;
  fields.seq = toSeq(input.i32());
  fields.ack = toSeq(input.i32());
  fields.flags = input.u8();
  fields.wnd = input.u16();
  fields.up = input.u16();
  frame.source = input.i32();
  frame.destination = input.i32();
  frame.tos = input.u8();
  wire.writeTcpHeader(frame, fields);
  const expected = writeOptions(input, frame, fields.flags);
  const wrapped = input.u8();
  const payload = input.rest();
  frame.payload = payload;
  frame.payloadView = new DataView(payload.buffer);
  frame.wrappedLength = wrapped % (payload.length + 1);
  frame.payloadStart = frame.wrappedLength;
  frame.payloadLength = payload.length - frame.wrappedLength;
  wire.writeTcpChecksum(frame, false);
  wire.writeIpv4Header(frame, frame.headerLength + payload.length, 7, wire.IPV4_DONT_FRAGMENT);
  const pieces = [payload.subarray(frame.wrappedLength), payload.subarray(0, frame.wrappedLength)];
  const packet = packetOf(joined(frame.header.subarray(0, frame.headerLength), ...pieces), 0xaa);
  const header = new wire.Ipv4Header();
  const seg = new wire.Segment();
  assert.equal(wire.readIpv4Header(packet, header), REASON.ACCEPTED);
  assert.equal(wire.readTcpHeader(packet, header, seg), REASON.ACCEPTED);
  assert.deepEqual(
    [seg.peerPort, seg.localPort, seg.seq, seg.ack, seg.flags, seg.wnd, seg.up, header.tos],
    [
      fields.sourcePort,
      fields.destinationPort,
      fields.seq,
      fields.ack,
      fields.flags,
      fields.wnd,
      fields.up,
      frame.tos,
    ],
  );
  assert.deepEqual([seg.peerAddress, seg.localAddress], [frame.source, frame.destination]);
  assert.deepEqual(seg.bytes.slice(seg.dataStart, seg.dataEnd), joined(...pieces));
  assert.deepEqual(optionsOf(seg), expected);
}

/** Writes options by the input's bits, and says what must be read. */
function writeOptions(input: ByteReader, frame: wire.Frame, flags: number): ReturnType<typeof plainOptions> {
  const which = input.u8();
  const isSyn = (flags & SYN) !== 0;
  const expected = plainOptions(new Uint8Array(0), isSyn);
  const { view } = frame;
  let at = wire.FRAME_TCP_OPTIONS;
  if (which & 1) {
    const mss = input.u16();
    at = wire.writeMssOption(view, at, mss);
    if (isSyn) expected.mss = mss;
  }
  if (which & 2) {
    const shift = input.u8() % 15;
    at = wire.writeWindowScaleOption(view, at, shift);
    if (isSyn) expected.windowScale = shift;
  }
  if (which & 4) {
    at = wire.writeSackPermittedOption(view, wire.writeNopOption(view, at));
    expected.sackPermitted = isSyn;
  }
  if (which & 8) {
    expected.timestamps = [input.i32(), input.i32()];
    at = wire.writeTimestampsOption(view, at, ...expected.timestamps);
  }
  const room = wire.MAX_OPTIONS_LENGTH - (at - wire.FRAME_TCP_OPTIONS);
  const blocks = Math.min(which >> 5, Math.floor((room - 2) / wire.SACK_BLOCK_LENGTH), 4);
  if (blocks > 0) {
    const edges = Int32Array.from({ length: 8 }, () => input.i32());
    at = wire.writeSackOption(view, at, edges, blocks);
    expected.sack = [...edges.subarray(0, 2 * blocks)];
  }
  wire.endTcpHeader(frame, at);
  return expected;
}

const CODECS = [ipv4, tcp, options, icmp, virtio, checksums, addresses, writers] as const;

export function fuzz(data: Uint8Array): void {
  const input = new ByteReader(data);
  input.of(CODECS)(input);
}
