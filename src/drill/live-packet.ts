/** What the stack sent: bytes → fields, with everything checked that no script line names. */

import { formatAddress } from '../wire/address.ts';
import { onesSum, pseudoSum, read16, read32, toHex } from './bytes.ts';
import { flagLetters } from './flags.ts';
import type { TcpOption } from './script.ts';

const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const IP_HEADER = 20;
const TCP_HEADER = 20;
const FAST_OPEN = 34;
const EXPERIMENTAL = 254;
const FAST_OPEN_MAGIC = 'f989';

interface LiveIp {
  /** µs, on the stack's clock. */
  readonly time: number;
  readonly tos: number;
  readonly ttl: number;
  readonly source: string;
  readonly destination: string;
}

/** Numbers as on the wire. */
export interface LiveTcp extends LiveIp {
  readonly protocol: 'tcp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: string;
  readonly win: number;
  readonly urg: number;
  readonly options: readonly TcpOption[];
  readonly payload: Uint8Array;
}

export interface LiveIcmp extends LiveIp {
  readonly protocol: 'icmp';
  readonly type: number;
  readonly code: number;
}

/** A packet that no stack may send: `problem` says why. */
export interface BrokenPacket {
  readonly protocol: 'broken';
  readonly time: number;
  readonly problem: string;
}

export type LivePacket = LiveTcp | LiveIcmp | BrokenPacket;

export function readLivePacket(bytes: Uint8Array, time: number): LivePacket {
  const broken = (problem: string): BrokenPacket => ({ protocol: 'broken', time, problem });
  if (bytes.length < IP_HEADER || bytes[0] !== 0x45) return broken('it has no IPv4 header of 20 bytes');
  if (read16(bytes, 2) !== bytes.length) {
    return broken(`its total length is ${read16(bytes, 2)}, but it has ${bytes.length} bytes`);
  }
  if (onesSum(bytes, 0, IP_HEADER) !== 0xffff) return broken('its IP checksum is wrong');
  if ((read16(bytes, 6) & 0x3fff) !== 0) return broken('it is a fragment');
  const ip: LiveIp = {
    time,
    tos: bytes[1] as number,
    ttl: bytes[8] as number,
    source: formatAddress(read32(bytes, 12) | 0),
    destination: formatAddress(read32(bytes, 16) | 0),
  };
  if (bytes[9] === PROTOCOL_TCP) return readTcp(bytes, ip) ?? broken('its TCP header or checksum is wrong');
  if (bytes[9] !== PROTOCOL_ICMP || bytes.length < IP_HEADER + 8) return broken('it is neither TCP nor ICMP');
  if (onesSum(bytes, IP_HEADER, bytes.length) !== 0xffff) return broken('its ICMP checksum is wrong');
  return { protocol: 'icmp', ...ip, type: bytes[IP_HEADER] as number, code: bytes[IP_HEADER + 1] as number };
}

/** Null when a length or the checksum is wrong. */
function readTcp(bytes: Uint8Array, ip: LiveIp): LiveTcp | null {
  const at = IP_HEADER;
  if (bytes.length < at + TCP_HEADER) return null;
  const end = at + ((bytes[at + 12] as number) >> 4) * 4;
  if (end < at + TCP_HEADER || end > bytes.length) return null;
  if (onesSum(bytes, at, bytes.length, pseudoSum(bytes, at)) !== 0xffff) return null;
  const options = readOptions(bytes.subarray(at + TCP_HEADER, end));
  if (options === null) return null;
  return {
    protocol: 'tcp',
    ...ip,
    sourcePort: read16(bytes, at),
    destinationPort: read16(bytes, at + 2),
    seq: read32(bytes, at + 4),
    ack: read32(bytes, at + 8),
    flags: flagLetters(bytes[at + 13] as number),
    win: read16(bytes, at + 14),
    urg: read16(bytes, at + 18),
    options,
    payload: bytes.subarray(end),
  };
}

/** Null when a length is wrong. */
function readOptions(bytes: Uint8Array): TcpOption[] | null {
  const options: TcpOption[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at] as number;
    if (kind <= 1) {
      options.push({ kind: kind === 0 ? 'eol' : 'nop' });
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) return null;
    options.push(readOption(kind, bytes.subarray(at, at + length)));
    at += length;
  }
  return options;
}

function readOption(code: number, bytes: Uint8Array): TcpOption {
  const known = KNOWN[`${code}/${bytes.length}`];
  if (known !== undefined) return known(bytes);
  if (code === 5 && bytes.length % 8 === 2 && bytes.length > 2)
    return { kind: 'sack', blocks: readBlocks(bytes) };
  if (code === FAST_OPEN) return { kind: 'FO', cookie: toHex(bytes.subarray(2)) };
  const data = toHex(bytes.subarray(2));
  if (code === EXPERIMENTAL && data.startsWith(FAST_OPEN_MAGIC))
    return { kind: 'FOEXP', cookie: data.slice(4) };
  return { kind: 'other', code, length: bytes.length, data };
}

/** By kind and length. */
const KNOWN: Readonly<Record<string, ((bytes: Uint8Array) => TcpOption) | undefined>> = {
  '2/4': (bytes) => ({ kind: 'mss', value: read16(bytes, 2) }),
  '3/3': (bytes) => ({ kind: 'wscale', value: bytes[2] as number }),
  '4/2': () => ({ kind: 'sackOK' }),
  '8/10': (bytes) => ({ kind: 'TS', val: read32(bytes, 2), ecr: read32(bytes, 6) }),
};

function readBlocks(bytes: Uint8Array): [number, number][] {
  const blocks: [number, number][] = [];
  for (let at = 2; at < bytes.length; at += 8) blocks.push([read32(bytes, at), read32(bytes, at + 4)]);
  return blocks;
}
