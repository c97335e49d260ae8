/**
 * Blocks of a pcapng file, as draft-ietf-opsawg-pcapng describes them. Little-endian, times in
 * nanoseconds. Link type IPV4 (228) and not RAW (101): libpcap opens several interfaces of the former.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const NAME_RESOLUTION = 4;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const LINKTYPE_IPV4 = 228;

const OPT_END = 0;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_TSRESOL = 9;
const NANOSECONDS = 9;
const EPB_FLAGS = 2;
const EPB_DROPCOUNT = 4;
const EPB_VERDICT = 7;
const NRB_END = 0;
const NRB_IPV4 = 1;

/** epb_flags: bits 0 and 1. */
const INBOUND = 1;
const OUTBOUND = 2;
/** epb_verdict: type 1 is Linux eBPF TC, and 2 its TC_ACT_SHOT. */
const VERDICT_SHOT = new Uint8Array([1, 2, 0, 0, 0, 0, 0, 0, 0]);
/** An option's length is 16 bits; nobody reads a longer comment. */
const MAX_TEXT = 4_000;

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** One packet, as a block says it. */
export interface CapturedPacket {
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly bytes: Uint8Array;
  readonly out: boolean;
  /** It did not reach its receiver. */
  readonly lost: boolean;
  readonly comments: readonly string[];
  /** Packets that are missing before this one, 0 = none. */
  readonly missing: number;
}

export function sectionHeader(application: string, comment: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  // Length of the section: unknown.
  view.setInt32(8, -1, true);
  view.setInt32(12, -1, true);
  return block(SECTION_HEADER, body, [text(SHB_USERAPPL, application), text(OPT_COMMENT, comment)]);
}

export function interfaceDescription(name: string, description: string): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setUint16(0, LINKTYPE_IPV4, true);
  const resolution = { code: IF_TSRESOL, value: new Uint8Array([NANOSECONDS]) };
  return block(INTERFACE_DESCRIPTION, body, [
    text(IF_NAME, name),
    text(IF_DESCRIPTION, description),
    resolution,
  ]);
}

/** Names of IPv4 addresses, which are four bytes each. */
export function nameResolution(names: readonly (readonly [Uint8Array, string])[]): Uint8Array {
  const records = names.map(([address, name]) => {
    const value = new Uint8Array(4 + encode(name).length + 1);
    value.set(address);
    value.set(encode(name), 4);
    return { code: NRB_IPV4, value };
  });
  return block(NAME_RESOLUTION, packOptions(records, NRB_END), []);
}

/** Says only that time has passed: a pipe whose reader is gone is found out by writing. */
export function interfaceStatistics(place: number, time: bigint): Uint8Array {
  const body = new Uint8Array(12);
  writeIndexAndTime(new DataView(body.buffer), place, time);
  return block(INTERFACE_STATISTICS, body, []);
}

export function enhancedPacket(packet: CapturedPacket): Uint8Array {
  const { bytes } = packet;
  const body = new Uint8Array(20 + padded(bytes.length));
  const view = new DataView(body.buffer);
  writeIndexAndTime(view, packet.interface, packet.time);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, bytes.length, true);
  body.set(bytes, 20);
  const options = packet.comments.map((comment) => text(OPT_COMMENT, comment));
  options.push({ code: EPB_FLAGS, value: uint32(packet.out ? OUTBOUND : INBOUND) });
  if (packet.missing > 0) options.push({ code: EPB_DROPCOUNT, value: uint64(packet.missing) });
  if (packet.lost) options.push({ code: EPB_VERDICT, value: VERDICT_SHOT });
  return block(ENHANCED_PACKET, body, options);
}

function writeIndexAndTime(view: DataView, place: number, time: bigint): void {
  view.setUint32(0, place, true);
  view.setUint32(4, Number(time >> 32n), true);
  view.setUint32(8, Number(time & 0xffffffffn), true);
}

function block(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  const packed = options.length === 0 ? new Uint8Array(0) : packOptions(options, OPT_END);
  const length = 12 + body.length + packed.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  bytes.set(body, 8);
  bytes.set(packed, 8 + body.length);
  view.setUint32(length - 4, length, true);
  return bytes;
}

/** Code, length, value and what fills up four bytes, for each; the end. */
function packOptions(options: readonly Option[], end: number): Uint8Array {
  let length = 4;
  for (const { value } of options) length += 4 + padded(value.length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  view.setUint16(at, end, true);
  return bytes;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function text(code: number, value: string): Option {
  return { code, value: encode(value.slice(0, MAX_TEXT)) };
}

function encode(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
