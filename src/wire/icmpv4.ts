/** ICMP messages: offsets, types and the checked header. RFC 792, RFC 1122 §3.2.2. */

import { REASON, type Reason } from '../base/reasons.ts';
import { foldChecksum, sumView } from './checksum.ts';
import type { Ipv4Header } from './ipv4.ts';
import type { Packet } from './packet.ts';

// Offsets into the message.
export const ICMP_TYPE = 0;
export const ICMP_CODE = 1;
export const ICMP_CHECKSUM = 2;
/** Unused, echo's identifier and sequence number, or (at +2) the next-hop MTU: RFC 1191 §4. */
export const ICMP_REST = 4;
export const ICMP_NEXT_HOP_MTU = 6;
/** Echo's data, or the packet that an error quotes. */
export const ICMP_BODY = 8;
export const ICMP_HEADER_LENGTH = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

// Codes of Destination Unreachable.
export const ICMP_PROTOCOL_UNREACHABLE = 2;
export const ICMP_PORT_UNREACHABLE = 3;
export const ICMP_FRAGMENTATION_NEEDED = 4;
/** Code of Time Exceeded: in reassembly. */
export const ICMP_REASSEMBLY_TIME = 1;

/** An error quotes the IP header and at least this much behind it, RFC 792. */
export const ICMP_QUOTE_MIN = 8;

/** ICMP_SHORT or ICMP_CSUM for a message that is dropped, else ACCEPTED. */
export function checkIcmp(packet: Packet, ip: Ipv4Header): Reason {
  if (ip.payloadEnd - ip.payloadStart < ICMP_HEADER_LENGTH) return REASON.ICMP_SHORT;
  const sum = sumView(packet.view, ip.payloadStart, ip.payloadEnd, 0);
  return foldChecksum(sum) === 0 ? REASON.ACCEPTED : REASON.ICMP_CSUM;
}

/**
 * Writes the eight bytes of an ICMP header at `offset` and fills the checksum over
 * `view[offset … end)`; what lies behind the header is already there.
 *
 * @param typeAndCode `type << 8 | code`
 */
export function writeIcmpHeader(view: DataView, offset: number, end: number, typeAndCode: number): void {
  view.setUint16(offset + ICMP_TYPE, typeAndCode);
  view.setUint16(offset + ICMP_CHECKSUM, 0);
  view.setInt32(offset + ICMP_REST, 0);
  view.setUint16(offset + ICMP_CHECKSUM, foldChecksum(sumView(view, offset, end, 0)));
}
