/**
 * The other end of up to one connection: what it knows, and packets that are honest where the input
 * does not say otherwise. Sequence numbers are chosen relative to what both ends believe, so that a
 * changed byte makes a nearly right segment of a nearly right one, in whatever state the connection is.
 */

import type { Tcb } from '../../../src/tcp/tcb.ts';
import { type DecodedSegment, encodePacket, type PacketFields } from '../../support/segment.ts';
import type { ByteReader } from './byte-reader.ts';
import { peerBytes } from './streams.ts';

export const STACK_ADDRESS = 0x0a090002;
const PEER_ADDRESS = 0x0a090001;
const LETTERS = 'FSRPAUEC';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;

const ISNS = [1000, 0x7fffff00, 0x80000000, 0xffffff00] as const;
const LENGTHS = [0, 1, 2, 8, 100, 256, 536, 1000, 1448, 1460, 1461, 4096, 9000, 20000, 40000, 65000] as const;
const WINDOWS = [65535, 0, 1, 2, 88, 536, 1460, 2920, 8192, 32767, 32768, 65534] as const;
const UNITS = [1, 1, 8, 536, 1460, 4096, 65535, 2 ** 20] as const;
const MSS_VALUES = [1460, 536, 0, 1, 48, 88, 1459, 8960, 65535] as const;
const TTLS = [64, 255, 1, 0] as const;

/** Bits of the byte that says what of a segment is not honest. */
export const SHAPE_SEQ = 0x07;
export const SHAPE_ACK = 0x38;
export const SHAPE_OPTIONS = 0x40;
export const SHAPE_EXTRAS = 0x80;

/** Bits of the byte that says which options there are. */
export const OPTION_MSS = 1;
export const OPTION_WINDOW_SCALE = 2;
export const OPTION_SACK_PERMITTED = 4;
export const OPTION_TIMESTAMPS = 8;
export const OPTION_SACK = 16;
export const OPTION_RAW = 32;
/** The timestamps that were agreed are left out. */
export const OPTION_NO_TIMESTAMPS = 64;

export interface Built {
  packet: Uint8Array;
  /** What the device says about the checksum, and payload bytes per wire segment. */
  checksum: 'unverified' | 'partial' | 'valid';
  gsoSize: number;
  /** The bytes in it are not all `peerByte`'s. */
  suspect: boolean;
}

export class FarEnd {
  readonly address: number;
  readonly port: number;
  stackPort = 7;
  isn: number;
  /** The next sequence number to send; absolute, int32. */
  nxt: number;
  /** The stack's ISS, when its SYN was seen; and one past the highest sequence number seen, int32. */
  iss: number | null = null;
  rcvNxt = 0;
  window = 65535;
  /** Both SYNs had the timestamps option. */
  timestamps = false;
  tsEcr = 0;
  private offeredTimestamps = false;

  constructor(index: number) {
    // The last two are one host and one port behind another; the first two differ in the port only.
    this.address = index === 3 ? PEER_ADDRESS + 4 : PEER_ADDRESS;
    this.port = 40000 + (index % 3);
    this.isn = ISNS[index % ISNS.length] as number;
    this.nxt = this.isn | 0;
  }

  /** Begins again: another incarnation, at a sequence number further on or back. */
  restart(offset: number): void {
    this.isn = (this.nxt + offset) >>> 0;
    this.nxt = this.isn | 0;
    this.timestamps = false;
    this.offeredTimestamps = false;
  }

  /** A segment that the stack has sent to this end. */
  take(segment: DecodedSegment): void {
    const syn = segment.flags.includes('S');
    const length = segment.payload.length + (syn ? 1 : 0) + (segment.flags.includes('F') ? 1 : 0);
    const end = (segment.seq + length) | 0;
    if (syn && this.iss !== (segment.seq | 0)) {
      this.iss = segment.seq | 0;
      this.rcvNxt = end;
    } else if (!segment.flags.includes('R') && ((end - this.rcvNxt) | 0) > 0) {
      this.rcvNxt = end;
    }
    const stamps = segment.options.timestamps;
    if (stamps === undefined) return;
    this.tsEcr = stamps[0];
    if (syn && this.offeredTimestamps) this.timestamps = true;
  }

  /** The segment that the input describes. `tcb`: the stack's side, or null. `milliseconds`: the time. */
  segment(input: ByteReader, flags: number, tcb: Tcb | null, milliseconds: number): Built {
    const shape = input.u8();
    const length = LENGTHS[input.u8() & 15] as number;
    const seq = this.sequence(input, shape & SHAPE_SEQ, tcb);
    const ack = this.acknowledgment(input, (shape & SHAPE_ACK) >> 3, tcb);
    const optionBytes = this.options(input, {
      present: (shape & SHAPE_OPTIONS) !== 0,
      flags,
      tcb,
      milliseconds,
    });
    const extras = (shape & SHAPE_EXTRAS) === 0 ? { ...HONEST, window: this.window } : readExtras(input);
    const { checksum, gsoSize, ...given } = extras;
    const fields: PacketFields = {
      ...given,
      source: this.address,
      destination: STACK_ADDRESS,
      sourcePort: this.port,
      destinationPort: this.stackPort,
      seq: seq >>> 0,
      ack: (flags & ACK) === 0 ? 0 : ack >>> 0,
      flags: [...LETTERS].filter((_, bit) => ((flags >> bit) & 1) === 1).join(''),
      optionBytes,
      payload: peerBytes((seq + ((flags & SYN) >> 1)) | 0, length),
    };
    if ((shape & SHAPE_SEQ) === 0) this.nxt = (this.nxt + length + (flags & FIN) + ((flags & SYN) >> 1)) | 0;
    // A data offset that lies makes options data, or data options.
    return { packet: encodePacket(fields), checksum, gsoSize, suspect: extras.dataOffset !== null };
  }

  private sequence(input: ByteReader, base: number, tcb: Tcb | null): number {
    if (base === 0) return this.nxt;
    if (base === 7) return input.i32();
    const rcv = tcb?.rcv.nxt ?? this.nxt;
    const edge = rcv + (tcb?.rcv.wnd ?? 65535);
    const from = [0, this.nxt, rcv, edge, this.isn, rcv + 2 ** 31, tcb?.rcv.up ?? rcv][base] as number;
    return (from + offset(input)) | 0;
  }

  private acknowledgment(input: ByteReader, base: number, tcb: Tcb | null): number {
    if (base === 0) return this.rcvNxt;
    if (base === 7) return input.i32();
    const una = tcb?.snd.una ?? this.rcvNxt;
    const nxt = tcb?.snd.nxt ?? this.rcvNxt;
    const from = [0, this.rcvNxt, una, nxt, this.iss ?? 0, una - (tcb?.snd.maxWnd ?? 0), una + 2 ** 31][base];
    return ((from as number) + offset(input)) | 0;
  }

  private options(
    input: ByteReader,
    about: { present: boolean; flags: number; tcb: Tcb | null; milliseconds: number },
  ): Uint8Array {
    const mask = about.present ? input.u8() : 0;
    const bytes: number[] = [];
    if (mask & OPTION_MSS) bytes.push(2, 4, ...word16(input.of(MSS_VALUES)));
    if (mask & OPTION_SACK_PERMITTED) bytes.push(4, 2);
    if (mask & OPTION_WINDOW_SCALE) bytes.push(3, 3, input.u8() & 15);
    if ((mask & OPTION_TIMESTAMPS) !== 0) this.stamp(bytes, about.milliseconds, offset(input), offset(input));
    else if (this.timestamps && (mask & OPTION_NO_TIMESTAMPS) === 0)
      this.stamp(bytes, about.milliseconds, 0, 0);
    if ((about.flags & (SYN | RST)) === SYN) this.offeredTimestamps = bytes.includes(8);
    if (mask & OPTION_SACK) pushSack(bytes, input, about.tcb);
    if (mask & OPTION_RAW) bytes.push(...input.block(40));
    return Uint8Array.from(bytes.slice(0, 40));
  }

  /** `later`, `echoed`: how far TSval and TSecr are from what an honest peer would send. */
  private stamp(bytes: number[], milliseconds: number, later: number, echoed: number): void {
    bytes.push(8, 10, ...word32(Math.floor(milliseconds) + later), ...word32(this.tsEcr + echoed));
  }
}

/** A small signed number, or a larger one in some unit that matters. */
function offset(input: ByteReader): number {
  const byte = input.u8();
  const amount = ((byte & 0x1f) << 27) >> 27;
  return amount * (UNITS[byte >> 5] as number);
}

function pushSack(bytes: number[], input: ByteReader, tcb: Tcb | null): void {
  const count = 1 + (input.u8() & 3);
  bytes.push(5, 2 + 8 * count);
  const una = tcb?.snd.una ?? 0;
  for (let i = 0; i < count; i++) {
    const left = una + offset(input);
    bytes.push(...word32(left), ...word32(left + offset(input)));
  }
}

function word16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

function word32(value: number): number[] {
  return [...word16(value >>> 16), ...word16(value)];
}

interface Extras {
  window: number;
  up: number;
  ttl: number;
  tos: number;
  ipOptions: Uint8Array;
  checksumError: number;
  dataOffset: number | null;
  checksum: Built['checksum'];
  gsoSize: number;
}

const HONEST: Omit<Extras, 'window'> = {
  up: 0,
  ttl: 64,
  tos: 0,
  ipOptions: new Uint8Array(0),
  checksumError: 0,
  dataOffset: null,
  checksum: 'unverified',
  gsoSize: 0,
};

function readExtras(input: ByteReader): Extras {
  const window = input.of(WINDOWS);
  const up = input.u8();
  const which = input.u8();
  return {
    window,
    up: (which & 1) === 0 ? up : up << 8,
    ttl: TTLS[(which >> 1) & 3] as number,
    tos: (which & 8) === 0 ? 0 : input.u8(),
    ipOptions: (which & 16) === 0 ? new Uint8Array(0) : input.block(40),
    checksumError: (which & 0x60) === 0x20 ? 1 + input.u8() : 0,
    dataOffset: (which & 0x60) === 0x40 ? input.u8() & 15 : null,
    checksum: (which & 0x60) === 0x60 ? 'partial' : 'unverified',
    gsoSize: (which & 128) === 0 ? 0 : 1 + input.u16(),
  };
}
