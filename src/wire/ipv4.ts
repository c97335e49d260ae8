/** The IPv4 header: checked read and write, RFC 791 §3.1. */

import { REASON, type Reason } from '../base/reasons.ts';
import { foldChecksum, sumView } from './checksum.ts';
import { type Frame, IP_HEADER_LENGTH } from './frame.ts';
import type { Packet } from './packet.ts';

// Offsets into the header.
export const IPV4_TOS = 1;
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_IDENTIFICATION = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_TTL = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;

/** Flags in the word at {@link IPV4_FRAGMENT}; the rest is the offset in units of 8 bytes. */
export const IPV4_DONT_FRAGMENT = 0x4000;
export const IPV4_MORE_FRAGMENTS = 0x2000;
export const IPV4_OFFSET_MASK = 0x1fff;

/** No datagram is longer, RFC 791 §3.1. */
export const MAX_DATAGRAM_LENGTH = 65_535;

/** Version 4, five words of header. */
const VERSION_4_IHL_5 = 0x45;

// Option types, RFC 791 §3.1.
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_RECORD_ROUTE = 7;
const OPTION_TIMESTAMP = 68;
const OPTION_LOOSE_SOURCE_ROUTE = 131;
const OPTION_STRICT_SOURCE_ROUTE = 137;
/** The smallest legal pointer of a record route and of a timestamp option. */
const RECORD_ROUTE_POINTER_MIN = 4;
const TIMESTAMP_POINTER_MIN = 5;

/** The header of the packet being processed. One per stack, reused: copy what you keep. */
export class Ipv4Header {
  /** Addresses are the big-endian 32-bit value held as int32. */
  source = 0;
  destination = 0;
  protocol = 0;
  ttl = 0;
  /** DSCP and ECN byte. */
  tos = 0;
  /** IP ID, fragment offset in bytes, more-fragments and don't-fragment. */
  identification = 0;
  fragmentOffset = 0;
  moreFragments = false;
  dontFragment = false;
  headerLength = 0;
  /** `packet.bytes[payloadStart … payloadEnd)`, already cut to the total length. */
  payloadStart = 0;
  payloadEnd = 0;
}

/**
 * Reads and checks the header at `packet.start`, RFC 1122 §3.2.1. ACCEPTED, or the reason to drop
 * the packet, in which case `header` holds nothing of use. Cuts `packet.end` to the total length.
 */
export function readIpv4Header(packet: Packet, header: Ipv4Header): Reason {
  const view = packet.view;
  const start = packet.start;
  const available = packet.end - start;
  if (available < IP_HEADER_LENGTH) return REASON.PKT_TOO_SMALL;
  const versionAndLength = view.getUint8(start);
  if (versionAndLength >> 4 !== 4) return REASON.IP_VERSION;
  const headerLength = (versionAndLength & 0x0f) * 4;
  const totalLength = view.getUint16(start + IPV4_TOTAL_LENGTH);
  if (headerLength < IP_HEADER_LENGTH || headerLength > totalLength || totalLength > available) {
    return REASON.IP_INHDR;
  }
  if (foldChecksum(sumView(view, start, start + headerLength, 0)) !== 0) return REASON.IP_CSUM;
  const fragment = view.getUint16(start + IPV4_FRAGMENT);
  header.source = view.getInt32(start + IPV4_SOURCE);
  header.destination = view.getInt32(start + IPV4_DESTINATION);
  header.protocol = view.getUint8(start + IPV4_PROTOCOL);
  header.ttl = view.getUint8(start + IPV4_TTL);
  header.tos = view.getUint8(start + IPV4_TOS);
  header.identification = view.getUint16(start + IPV4_IDENTIFICATION);
  header.fragmentOffset = (fragment & IPV4_OFFSET_MASK) * 8;
  header.moreFragments = (fragment & IPV4_MORE_FRAGMENTS) !== 0;
  header.dontFragment = (fragment & IPV4_DONT_FRAGMENT) !== 0;
  header.headerLength = headerLength;
  header.payloadStart = start + headerLength;
  header.payloadEnd = start + totalLength;
  packet.end = start + totalLength;
  if (headerLength === IP_HEADER_LENGTH) return REASON.ACCEPTED;
  return checkOptions(view, start + IP_HEADER_LENGTH, start + headerLength);
}

/** RFC 1122 §3.2.1.8: walked to see that they are sound, otherwise ignored; source routes are refused. */
function checkOptions(view: DataView, start: number, end: number): Reason {
  let at = start;
  while (at < end) {
    const type = view.getUint8(at);
    if (type === OPTION_END) return REASON.ACCEPTED;
    if (type === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) return REASON.IP_OPTIONS;
    if (type === OPTION_LOOSE_SOURCE_ROUTE || type === OPTION_STRICT_SOURCE_ROUTE)
      return REASON.IP_SOURCE_ROUTE;
    if (!pointerIsSound(view, at, length)) return REASON.IP_OPTIONS;
    at += length;
  }
  return REASON.ACCEPTED;
}

/** Options with a pointer: it lies behind the fixed part and at most one past the option's end. */
function pointerIsSound(view: DataView, at: number, length: number): boolean {
  const type = view.getUint8(at);
  if (type !== OPTION_RECORD_ROUTE && type !== OPTION_TIMESTAMP) return true;
  const smallest = type === OPTION_RECORD_ROUTE ? RECORD_ROUTE_POINTER_MIN : TIMESTAMP_POINTER_MIN;
  if (length < smallest - 1) return false;
  const pointer = view.getUint8(at + 2);
  return pointer >= smallest && pointer <= length + 1;
}

/**
 * Writes a header without options to the front of `frame.header`, checksum included.
 *
 * @param totalLength bytes, header included
 * @param flagsAndOffset the word of flags and fragment offset (units of 8 bytes)
 */
export function writeIpv4Header(
  frame: Frame,
  totalLength: number,
  identification: number,
  flagsAndOffset: number,
): void {
  const view = frame.view;
  view.setUint8(0, VERSION_4_IHL_5);
  view.setUint8(IPV4_TOS, frame.tos);
  view.setUint16(IPV4_TOTAL_LENGTH, totalLength);
  view.setUint16(IPV4_IDENTIFICATION, identification);
  view.setUint16(IPV4_FRAGMENT, flagsAndOffset);
  view.setUint8(IPV4_TTL, frame.ttl);
  view.setUint8(IPV4_PROTOCOL, frame.protocol);
  view.setUint16(IPV4_CHECKSUM, 0);
  view.setInt32(IPV4_SOURCE, frame.source);
  view.setInt32(IPV4_DESTINATION, frame.destination);
  view.setUint16(IPV4_CHECKSUM, foldChecksum(sumView(view, 0, IP_HEADER_LENGTH, 0)));
}
