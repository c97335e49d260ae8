/** A line that comes in → the bytes of its packet. */

import { parseAddress } from '../wire/address.ts';
import { fromHex, onesSum, pseudoSum, write16, write32 } from './bytes.ts';
import { flagBits } from './flags.ts';
import type { Flow } from './flow.ts';
import { optionLength } from './option-length.ts';
import type { IcmpLine, IpInfo, TcpLine, TcpOption } from './script.ts';

export interface Addresses {
  readonly local: string;
  readonly remote: string;
}

const IP_HEADER = 20;
const TCP_HEADER = 20;
const ICMP_HEADER = 8;
/** Of the quoted segment: what RFC 792 asks for. */
const QUOTED_TCP = 8;
const TTL = 255;
const FAST_OPEN_MAGIC = [0xf9, 0x89];
const ECN_BITS = { noecn: 0, ect1: 1, ect0: 2, ect01: 2, ce: 3 } as const;
const MTU_AT = 6;

export function buildTcp(line: TcpLine, flow: Flow, { local, remote }: Addresses): Uint8Array {
  const options = (line.options ?? []).flatMap((option) => optionBytes(option, flow));
  const payload = flow.payload(line);
  const packet = new Uint8Array(IP_HEADER + TCP_HEADER + options.length + payload.length);
  const at = IP_HEADER;
  write16(packet, at, flow.remotePort);
  write16(packet, at + 2, flow.localPort);
  write32(packet, at + 4, flow.remoteSeq(line.seq));
  if (line.flags.includes('.')) write32(packet, at + 8, flow.localSeq(line.ack ?? 0));
  packet[at + 12] = ((TCP_HEADER + options.length) / 4) << 4;
  packet[at + 13] = flagBits(line.flags);
  write16(packet, at + 14, line.win ?? 0);
  write16(packet, at + 18, line.urg);
  packet.set(options, at + TCP_HEADER);
  packet.set(payload, at + TCP_HEADER + options.length);
  writeIp(packet, { source: remote, destination: local, protocol: 6, info: line.ip });
  write16(packet, at + 16, ~onesSum(packet, at, packet.length, pseudoSum(packet, at)) & 0xffff);
  return packet;
}

/** An error about a segment that the stack has sent. */
export function buildIcmp(line: IcmpLine, flow: Flow, { local, remote }: Addresses): Uint8Array {
  const packet = new Uint8Array(IP_HEADER + ICMP_HEADER + IP_HEADER + QUOTED_TCP);
  const { seq, length } = line.quoted ?? { seq: 0, length: 0 };
  const quoted = new Uint8Array(IP_HEADER + QUOTED_TCP);
  write16(quoted, IP_HEADER, flow.localPort);
  write16(quoted, IP_HEADER + 2, flow.remotePort);
  write32(quoted, IP_HEADER + 4, flow.localSeq(seq));
  const info: IpInfo = { ecn: null, tos: null, ttl: null };
  writeIp(quoted, {
    source: local,
    destination: remote,
    protocol: 6,
    info,
    length: IP_HEADER + TCP_HEADER + length,
  });
  const at = IP_HEADER;
  packet[at] = line.type;
  packet[at + 1] = line.code;
  if (line.mtu !== null) write16(packet, at + MTU_AT, line.mtu);
  packet.set(quoted, at + ICMP_HEADER);
  write16(packet, at + 2, ~onesSum(packet, at, packet.length) & 0xffff);
  writeIp(packet, { source: remote, destination: local, protocol: 1, info });
  return packet;
}

interface IpFields {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly info: IpInfo;
  /** Without it: that of the packet. */
  readonly length?: number;
}

function writeIp(packet: Uint8Array, fields: IpFields): void {
  const { tos, ecn, ttl } = fields.info;
  packet[0] = 0x45;
  packet[1] = (tos ?? 0) | (ecn === null ? 0 : ECN_BITS[ecn]);
  write16(packet, 2, fields.length ?? packet.length);
  packet[8] = ttl ?? TTL;
  packet[9] = fields.protocol;
  write32(packet, 12, parseAddress(fields.source) as number);
  write32(packet, 16, parseAddress(fields.destination) as number);
  write16(packet, 10, ~onesSum(packet, 0, IP_HEADER) & 0xffff);
}

function optionBytes(option: TcpOption, flow: Flow): number[] {
  switch (option.kind) {
    case 'eol':
      return [0];
    case 'nop':
      return [1];
    case 'other':
      return [option.code, option.length, ...fromHex(option.data)];
    default:
      return [KINDS[option.kind], optionLength(option), ...valueBytes(option, flow)];
  }
}

const KINDS = { mss: 2, wscale: 3, sackOK: 4, sack: 5, TS: 8, FO: 34, FOEXP: 254 } as const;

/** What stands behind kind and length. */
function valueBytes(option: TcpOption, flow: Flow): number[] {
  switch (option.kind) {
    case 'mss':
      return bytes16(option.value ?? 0);
    case 'wscale':
      return [option.value ?? 0];
    case 'sack':
      return option.blocks.flat().flatMap((edge) => bytes32(flow.localSeq(edge)));
    case 'TS':
      return [...bytes32(option.val ?? 0), ...bytes32(flow.echo(option.ecr ?? 0))];
    case 'FO':
      return cookieBytes(option.cookie, flow);
    case 'FOEXP':
      return [...FAST_OPEN_MAGIC, ...cookieBytes(option.cookie, flow)];
    default:
      return [];
  }
}

function cookieBytes(cookie: string | null, flow: Flow): number[] {
  return fromHex(flow.cookie(cookie ?? ''));
}

function bytes16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function bytes32(value: number): number[] {
  return [...bytes16(value >>> 16), ...bytes16(value & 0xffff)];
}
