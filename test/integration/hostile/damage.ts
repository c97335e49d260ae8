/** Captures read, damaged in ways that a seed decides, and written again. */

import { readFileSync, writeFileSync } from 'node:fs';
import { foldChecksum, sumBytes } from '../../../src/wire/checksum.ts';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** Whole IP packets, nothing before them. */
const LINKTYPE_RAW = 101;
const TCP = 6;
const ICMP = 1;

export type Random = () => number;

/** Numbers in [0, 1) from a seed: the same in every run. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

function below(random: Random, end: number): number {
  return Math.floor(random() * end);
}

function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T;
}

/** The packets of a pcap file of this machine's byte order. */
export function readPcap(file: string): Uint8Array[] {
  const bytes = readFileSync(file);
  const packets: Uint8Array[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    packets.push(Uint8Array.from(bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length)));
    at += RECORD_HEADER + length;
  }
  return packets;
}

export function writePcap(file: string, packets: readonly Uint8Array[]): void {
  const header = Buffer.alloc(FILE_HEADER);
  header.writeUInt32LE(0xa1b2c3d4);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0x4_0000, 16);
  header.writeUInt32LE(LINKTYPE_RAW, 20);
  const records = packets.flatMap((packet, i) => {
    const record = Buffer.alloc(RECORD_HEADER);
    record.writeUInt32LE(1);
    record.writeUInt32LE(i, 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  writeFileSync(file, Buffer.concat([header, ...records]));
}

/** Makes the checksums of a packet right, as far as its lengths allow. */
export function mendChecksums(packet: Uint8Array): Uint8Array {
  const header = ((packet[0] ?? 0) & 0xf) * 4;
  if (header < 20 || packet.length < header) return packet;
  putChecksum(packet, 10, 0, header, 0);
  const payload = packet.length - header;
  if (packet[9] === TCP && payload >= 20) {
    putChecksum(packet, header + 16, header, packet.length, sumBytes(packet, 12, 20, TCP + payload));
  } else if (packet[9] === ICMP && payload >= 8) putChecksum(packet, header + 2, header, packet.length, 0);
  return packet;
}

function putChecksum(packet: Uint8Array, at: number, start: number, end: number, sum: number): void {
  packet[at] = 0;
  packet[at + 1] = 0;
  const checksum = foldChecksum(sumBytes(packet, start, end, sum));
  packet[at] = checksum >> 8;
  packet[at + 1] = checksum & 0xff;
}

/** Where lengths and what decides about them stand; from the end of the IP header where `tcp`. */
const FIELDS = [
  { tcp: false, at: 0, values: [0x40, 0x44, 0x46, 0x4f, 0x05, 0x65] },
  { tcp: false, at: 2, values: [0, 0x01, 0x05, 0x7f, 0xff] },
  { tcp: false, at: 3, values: [0, 1, 19, 20, 21, 39, 40, 41, 0xff] },
  { tcp: false, at: 6, values: [0x1f, 0x20, 0x3f, 0x40, 0x80, 0xe0] },
  { tcp: false, at: 7, values: [1, 2, 0x80, 0xff] },
  { tcp: false, at: 9, values: [0, 1, 4, 6, 17, 41, 255] },
  { tcp: true, at: 12, values: [0, 0x10, 0x40, 0x5f, 0x60, 0xf0] },
  { tcp: true, at: 13, values: [0, 0x01, 0x03, 0x07, 0x29, 0x3f, 0xff] },
  { tcp: true, at: 14, values: [0, 1, 0xff] },
  { tcp: true, at: 19, values: [0, 1, 0xff] },
  { tcp: true, at: 20, values: [0, 1, 2, 3, 5, 8, 19, 0xff] },
  { tcp: true, at: 21, values: [0, 1, 2, 3, 9, 11, 40, 0xff] },
  { tcp: true, at: 25, values: [0, 1, 0x80, 0xff] },
] as const;

export function cutShort(packet: Uint8Array, random: Random): Uint8Array {
  return packet.slice(0, 1 + below(random, packet.length));
}

export function flipBits(packet: Uint8Array, random: Random): Uint8Array {
  const damaged = packet.slice();
  // Mostly in the headers: that is where decisions are made.
  const reach = random() < 0.8 ? Math.min(60, packet.length) : packet.length;
  for (let left = 1 + below(random, 8); left > 0; left--) {
    const at = below(random, reach);
    damaged[at] = (damaged[at] as number) ^ (1 << below(random, 8));
  }
  return damaged;
}

export function changeLengths(packet: Uint8Array, random: Random): Uint8Array {
  const damaged = packet.slice();
  for (let left = 1 + below(random, 2); left > 0; left--) {
    const { tcp, at, values } = oneOf(random, FIELDS);
    const place = (tcp ? ((packet[0] ?? 0) & 0xf) * 4 : 0) + at;
    if (place < damaged.length) damaged[place] = oneOf<number>(random, values);
  }
  return damaged;
}

/** The order is changed, some are left out, some come several times. */
export function shuffle(packets: readonly Uint8Array[], random: Random): Uint8Array[] {
  return packets
    .flatMap((packet) => Array.from({ length: below(random, 4) }, () => packet))
    .map((packet) => ({ packet, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ packet }) => packet);
}
