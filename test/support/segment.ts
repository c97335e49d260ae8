/**
 * IPv4 and TCP packets from fields, and fields from packets, for tests: on purpose without the codecs
 * of src/wire, which are under test. Numbers are unsigned and not relative.
 */

import assert from 'node:assert/strict';

/** In the order in which flags are written: `SA`, `FPA`, `RA`. */
const FLAG_LETTERS = 'FSRPAUEC';
const FLAG_BITS = new Map([...FLAG_LETTERS].map((letter, bit) => [letter, 1 << bit]));

export interface TcpOptions {
  mss?: number;
  wscale?: number;
  sackPermitted?: boolean;
  /** [TSval, TSecr] */
  timestamps?: readonly [number, number];
  /** [left, right) edges. */
  sack?: readonly (readonly [number, number])[];
}

export interface PacketFields {
  source: number;
  destination: number;
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  /** Letters of {@link FLAG_LETTERS} in any order. */
  flags: string;
  window: number;
  up: number;
  /** Bytes of options, a multiple of 4 or padded with zeros to one. */
  optionBytes: Uint8Array;
  payload: Uint8Array;
  ttl: number;
  tos: number;
  ipOptions: Uint8Array;
  /** Lies: added to what is right. */
  checksumError: number;
  dataOffset: number | null;
}

/** A segment that the stack has sent. */
export interface DecodedSegment {
  source: number;
  destination: number;
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  flags: string;
  window: number;
  up: number;
  options: TcpOptions;
  /** Kinds of its options in their order, NOP and EOL left out. */
  kinds: number[];
  headerLength: number;
  payload: Uint8Array;
  ttl: number;
  tos: number;
  dontFragment: boolean;
  packet: Uint8Array;
}

export function onesSum(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i++) sum += (bytes[i] as number) << (i & 1 ? 0 : 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

export function address(text: string): number {
  return text.split('.').reduce((value, part) => ((value << 8) | Number(part)) >>> 0, 0);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The options as bytes, packed without any padding between them, as no usual stack does. */
export function optionBytes(options: TcpOptions, raw: readonly number[] = []): Uint8Array {
  const bytes: number[] = [];
  const put = (value: number, size: number): void => {
    for (let shift = 8 * (size - 1); shift >= 0; shift -= 8) bytes.push((value >>> shift) & 0xff);
  };
  if (options.mss !== undefined) {
    bytes.push(2, 4);
    put(options.mss, 2);
  }
  if (options.sackPermitted === true) bytes.push(4, 2);
  if (options.timestamps !== undefined) {
    bytes.push(8, 10);
    for (const stamp of options.timestamps) put(stamp, 4);
  }
  if (options.wscale !== undefined) bytes.push(3, 3, options.wscale);
  if (options.sack !== undefined) {
    bytes.push(5, 2 + 8 * options.sack.length);
    for (const edge of options.sack.flat()) put(edge, 4);
  }
  return Uint8Array.from([...bytes, ...raw]);
}

/** An IPv4 packet around any payload. */
export function ipPacket(
  fields: Pick<PacketFields, 'source' | 'destination' | 'ttl' | 'tos' | 'ipOptions'>,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const headerLength = 20 + Math.ceil(fields.ipOptions.length / 4) * 4;
  const packet = new Uint8Array(headerLength + payload.length);
  const view = viewOf(packet);
  packet[0] = 0x40 | (headerLength / 4);
  packet[1] = fields.tos;
  view.setUint16(2, packet.length);
  packet[8] = fields.ttl;
  packet[9] = protocol;
  view.setUint32(12, fields.source);
  view.setUint32(16, fields.destination);
  packet.set(fields.ipOptions, 20);
  view.setUint16(10, ~onesSum(packet.subarray(0, headerLength)) & 0xffff);
  packet.set(payload, headerLength);
  return packet;
}

function tcpSum(source: number, destination: number, segment: Uint8Array): number {
  const pseudo = new Uint8Array(12);
  const view = viewOf(pseudo);
  view.setUint32(0, source);
  view.setUint32(4, destination);
  pseudo[9] = 6;
  view.setUint16(10, segment.length);
  return onesSum(segment, onesSum(pseudo));
}

/** The packet that these fields describe. */
export function encodePacket(fields: PacketFields): Uint8Array {
  const headerLength = 20 + Math.ceil(fields.optionBytes.length / 4) * 4;
  assert.ok(headerLength <= 60, `${fields.optionBytes.length} bytes of options do not fit`);
  const segment = new Uint8Array(headerLength + fields.payload.length);
  const view = viewOf(segment);
  view.setUint16(0, fields.sourcePort);
  view.setUint16(2, fields.destinationPort);
  view.setUint32(4, fields.seq);
  view.setUint32(8, fields.ack);
  segment[12] = (fields.dataOffset ?? headerLength / 4) << 4;
  let flags = 0;
  for (const letter of fields.flags) {
    const bit = FLAG_BITS.get(letter);
    assert.ok(bit !== undefined, `there is no flag ${letter}`);
    flags |= bit;
  }
  segment[13] = flags;
  view.setUint16(14, fields.window);
  view.setUint16(18, fields.up);
  segment.set(fields.optionBytes, 20);
  segment.set(fields.payload, headerLength);
  const checksum = ~tcpSum(fields.source, fields.destination, segment) & 0xffff;
  view.setUint16(16, checksum ^ fields.checksumError);
  return ipPacket(fields, 6, segment);
}

/**
 * The TCP segment in a packet that the stack sent, or null for another protocol. All that must hold
 * for every packet is asserted: lengths, both checksums, options well formed, zeros after EOL
 * (MUST-2, MUST-68, MUST-69), the MSS option on SYNs only (MUST-65), reserved bits zero.
 */
export function decodePacket(packet: Uint8Array): DecodedSegment | null {
  const view = viewOf(packet);
  assert.ok(packet.length >= 20, 'an IP header is there');
  assert.equal((packet[0] as number) >> 4, 4, 'IP version');
  const start = ((packet[0] as number) & 0xf) * 4;
  assert.equal(view.getUint16(2), packet.length, 'total length');
  assert.equal(onesSum(packet.subarray(0, start)), 0xffff, 'IP checksum');
  if (packet[9] !== 6) return null;
  assert.equal(view.getUint16(6) & 0x3fff, 0, 'not a fragment');
  const segment = packet.subarray(start);
  const source = view.getUint32(12);
  const destination = view.getUint32(16);
  assert.equal(tcpSum(source, destination, segment), 0xffff, 'TCP checksum');
  const tcp = viewOf(segment);
  const headerLength = ((segment[12] as number) >> 4) * 4;
  assert.ok(headerLength >= 20 && headerLength <= segment.length, `TCP header of ${headerLength} bytes`);
  assert.equal((segment[12] as number) & 0xf, 0, 'reserved bits');
  const bits = segment[13] as number;
  const flags = [...FLAG_LETTERS].filter((_, bit) => ((bits >> bit) & 1) === 1).join('');
  const { options, kinds } = decodeOptions(segment.subarray(20, headerLength));
  assert.ok(!kinds.includes(2) || flags.includes('S'), 'MUST-65: the MSS option is for SYNs');
  return {
    source,
    destination,
    sourcePort: tcp.getUint16(0),
    destinationPort: tcp.getUint16(2),
    seq: tcp.getUint32(4),
    ack: tcp.getUint32(8),
    flags,
    window: tcp.getUint16(14),
    up: tcp.getUint16(18),
    options,
    kinds,
    headerLength,
    payload: segment.slice(headerLength),
    ttl: packet[8] as number,
    tos: packet[1] as number,
    dontFragment: (view.getUint16(6) & 0x4000) !== 0,
    packet,
  };
}

const OPTION_LENGTHS: Record<number, number> = { 2: 4, 3: 3, 4: 2, 8: 10 };

function decodeOptions(bytes: Uint8Array): { options: TcpOptions; kinds: number[] } {
  const options: TcpOptions = {};
  const kinds: number[] = [];
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at] as number;
    if (kind === 0) {
      assert.ok(
        bytes.subarray(at).every((byte) => byte === 0),
        'MUST-69: zeros after the end of options',
      );
      break;
    }
    if (kind === 1) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    assert.ok(length >= 2 && at + length <= bytes.length, `MUST-68: option ${kind} of ${length} bytes`);
    assert.equal(length, OPTION_LENGTHS[kind] ?? length, `length of option ${kind}`);
    kinds.push(kind);
    if (kind === 2) options.mss = view.getUint16(at + 2);
    if (kind === 3) options.wscale = bytes[at + 2] as number;
    if (kind === 4) options.sackPermitted = true;
    if (kind === 5) options.sack = sackBlocks(view, at + 2, at + length);
    if (kind === 8) options.timestamps = [view.getUint32(at + 2), view.getUint32(at + 6)];
    at += length;
  }
  return { options, kinds };
}

function sackBlocks(view: DataView, start: number, end: number): [number, number][] {
  assert.equal((end - start) % 8, 0, 'SACK blocks are pairs');
  const blocks: [number, number][] = [];
  for (let at = start; at < end; at += 8) blocks.push([view.getUint32(at), view.getUint32(at + 4)]);
  return blocks;
}
