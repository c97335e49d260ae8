/** One IP over a link that keeps what is sent; packets are forged byte by byte, without src/wire. */

import { Counters } from '../../../src/base/counters.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { REASON, type ReasonName } from '../../../src/base/reasons.ts';
import { copyFrame } from '../../../src/device/packet-queue.ts';
import { LocalAddresses } from '../../../src/ip/addresses.ts';
import { Ip } from '../../../src/ip/ip.ts';
import type { Link } from '../../../src/ip/link.ts';
import { IcmpError, type Ipv4Header } from '../../../src/ip/protocol.ts';
import type { Frame } from '../../../src/wire/frame.ts';
import { Packet } from '../../../src/wire/packet.ts';

export const OWN = '10.9.0.2';
export const PEER = '10.9.0.1';

export function address(text: string): number {
  return text.split('.').reduce((value, part) => (value << 8) | Number(part), 0);
}

/** RFC 1071 §1, the plain way. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += (bytes[i] as number) << (i & 1 ? 0 : 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

export interface Forged {
  source?: string;
  destination?: string;
  protocol?: number;
  id?: number;
  /** Bytes. */
  offset?: number;
  mf?: boolean;
  df?: boolean;
  ttl?: number;
  tos?: number;
  options?: number[];
  payload?: Uint8Array | number[];
  /** Lies. */
  ihl?: number;
  totalLength?: number;
  version?: number;
  badChecksum?: boolean;
  trailing?: number;
}

const HONEST = {
  source: PEER,
  destination: OWN,
  protocol: 6,
  id: 0,
  offset: 0,
  mf: false,
  df: false,
  ttl: 64,
  tos: 0,
  options: [] as number[],
  payload: [] as Uint8Array | number[],
  version: 4,
  badChecksum: false,
  trailing: 0,
};

export function packetOf(fields: Forged): Uint8Array {
  const all = { ...HONEST, ...fields };
  const headerLength = 20 + Math.ceil(all.options.length / 4) * 4;
  const ihl = all.ihl ?? headerLength / 4;
  const bytes = new Uint8Array(headerLength + all.payload.length + all.trailing).fill(0xee);
  const view = new DataView(bytes.buffer);
  bytes.fill(0, 0, headerLength);
  view.setUint8(0, (all.version << 4) | ihl);
  view.setUint8(1, all.tos);
  view.setUint16(2, all.totalLength ?? headerLength + all.payload.length);
  view.setUint16(4, all.id);
  view.setUint16(6, (all.df ? 0x4000 : 0) | (all.mf ? 0x2000 : 0) | (all.offset / 8));
  view.setUint8(8, all.ttl);
  view.setUint8(9, all.protocol);
  view.setInt32(12, address(all.source));
  view.setInt32(16, address(all.destination));
  bytes.set(all.options, 20);
  bytes.set(all.payload, headerLength);
  view.setUint16(10, checksum(bytes.subarray(0, Math.min(ihl * 4, bytes.length))) ^ Number(all.badChecksum));
  return bytes;
}

/** An ICMP message with a right checksum. */
export function icmpOf(type: number, code: number, body: Uint8Array | number[], rest = 0): Uint8Array {
  const bytes = new Uint8Array(8 + body.length);
  bytes[0] = type;
  bytes[1] = code;
  new DataView(bytes.buffer).setInt32(4, rest);
  bytes.set(body, 8);
  new DataView(bytes.buffer).setUint16(2, checksum(bytes));
  return bytes;
}

export function echoOf(data: Uint8Array | number[]): Uint8Array {
  return icmpOf(8, 0, data, 0x1234_0001);
}

export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);
}

/** What a sender's or a router's fragmentation makes of one packet. */
export function fragmentsOf(fields: Forged, step: number): Uint8Array[] {
  const payload = Uint8Array.from(fields.payload ?? []);
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < payload.length; offset += step) {
    const end = Math.min(offset + step, payload.length);
    parts.push(
      packetOf({ ...fields, offset, mf: end < payload.length, payload: payload.subarray(offset, end) }),
    );
  }
  return parts;
}

export interface Delivered {
  payload: Uint8Array;
  source: number;
  tos: number;
  ttl: number;
}

export class Harness {
  readonly clock = { now: 1_000_000 };
  readonly counters = new Counters();
  readonly sent: Uint8Array[] = [];
  readonly delivered: Delivered[] = [];
  readonly errors: IcmpError[] = [];
  readonly dropped: number[] = [];
  readonly ip: Ip;
  readonly link: Link & { writable: boolean };
  private readonly packet = new Packet();

  constructor(options: { mtu?: number; address?: string[]; loopback?: boolean } = {}) {
    const sent = this.sent;
    this.link = {
      mtu: options.mtu ?? 1500,
      checksumOffload: false,
      segmentationLimit: 0,
      writable: true,
      send(frame: Frame): boolean {
        const bytes = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
        copyFrame(frame, bytes);
        sent.push(bytes);
        return this.writable;
      },
    };
    this.ip = new Ip({
      device: this.link,
      addresses: new LocalAddresses(options.address ?? [`${OWN}/24`]),
      counters: this.counters,
      clock: this.clock,
      random: new SeededRandom(7),
      trace: { packetDropped: (_packet, reason) => this.dropped.push(reason) },
      loopback: options.loopback ?? false,
    });
    this.ip.register(6, {
      receive: (packet: Packet, ip: Ipv4Header) => {
        const payload = packet.bytes.slice(ip.payloadStart, ip.payloadEnd);
        this.delivered.push({ payload, source: ip.source, tos: ip.tos, ttl: ip.ttl });
      },
      icmpError: (error) => this.errors.push(Object.assign(new IcmpError(), error)),
    });
  }

  /** Gives one packet to IP, inside larger memory as a device has it; the rest of the memory is junk. */
  receive(bytes: Uint8Array): void {
    const memory = new Uint8Array(bytes.length + 40).fill(0xcc);
    memory.set(bytes, 10);
    this.packet.setMemory(memory, new DataView(memory.buffer));
    this.packet.start = 10;
    this.packet.end = 10 + bytes.length;
    this.packet.gsoSize = 0;
    this.packet.checksum = 0;
    this.ip.receive(this.packet);
  }

  /** Phases 2 and 4; returns what came out since the last call. */
  turn(): Uint8Array[] {
    this.ip.expire();
    this.ip.transmit();
    return this.sent.splice(0);
  }

  count(name: ReasonName): number {
    return this.counters.byReason[REASON[name]] as number;
  }
}
