/** The TCP header: checked read into a segment, write into a frame. RFC 9293 §3.1. */

import { REASON, type Reason } from '../base/reasons.ts';
import { SEQ_ZERO, type Seq, toSeq } from '../base/seq.ts';
import { foldChecksum, foldSum, pseudoHeaderSum, sumBytesOdd, sumView } from './checksum.ts';
import { type Frame, IP_HEADER_LENGTH } from './frame.ts';
import type { Ipv4Header } from './ipv4.ts';
import { CHECKSUM_UNVERIFIED, type Packet } from './packet.ts';
import type { Segment } from './segment.ts';
import { padOptions, readTcpOptions } from './tcp-options.ts';

// Offsets into the header.
export const TCP_SOURCE_PORT = 0;
export const TCP_DESTINATION_PORT = 2;
export const TCP_SEQUENCE = 4;
export const TCP_ACKNOWLEDGMENT = 8;
export const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
export const TCP_URGENT_POINTER = 18;

/** Without options. */
export const TCP_HEADER_LENGTH = 20;
/** Where the TCP header starts in a frame's slab, and its options. */
export const FRAME_TCP = IP_HEADER_LENGTH;
export const FRAME_TCP_OPTIONS = FRAME_TCP + TCP_HEADER_LENGTH;

const PROTOCOL_TCP = 6;
/** The ECN field of the IP header and its value Congestion Experienced, RFC 3168 §5. */
const ECN_MASK = 0x03;
const ECN_CE = 0x03;

/**
 * Reads and checks the segment in `packet.bytes[ip.payloadStart … ip.payloadEnd)`. ACCEPTED, or the
 * reason to drop it (TCP_HEADER, TCP_CSUM), in which case `seg` holds nothing of use. The checksum is
 * verified (MUST-3) unless the device has done so or the sender left it to the device. The four
 * reserved bits are ignored.
 */
export function readTcpHeader(packet: Packet, ip: Ipv4Header, seg: Segment): Reason {
  const view = packet.view;
  const start = ip.payloadStart;
  const length = ip.payloadEnd - start;
  if (length < TCP_HEADER_LENGTH) return REASON.TCP_HEADER;
  const headerLength = (view.getUint8(start + TCP_DATA_OFFSET) >> 4) * 4;
  if (headerLength < TCP_HEADER_LENGTH || headerLength > length) return REASON.TCP_HEADER;
  if (packet.checksum === CHECKSUM_UNVERIFIED) {
    const sum = pseudoHeaderSum(ip.source, ip.destination, PROTOCOL_TCP, length);
    if (foldChecksum(sumView(view, start, ip.payloadEnd, sum)) !== 0) return REASON.TCP_CSUM;
  }
  seg.peerPort = view.getUint16(start + TCP_SOURCE_PORT);
  seg.localPort = view.getUint16(start + TCP_DESTINATION_PORT);
  if (seg.peerPort === 0 || seg.localPort === 0) return REASON.TCP_HEADER;
  seg.localAddress = ip.destination;
  seg.peerAddress = ip.source;
  seg.seq = toSeq(view.getInt32(start + TCP_SEQUENCE));
  seg.ack = toSeq(view.getInt32(start + TCP_ACKNOWLEDGMENT));
  seg.flags = view.getUint8(start + TCP_FLAGS);
  seg.wnd = view.getUint16(start + TCP_WINDOW);
  seg.up = view.getUint16(start + TCP_URGENT_POINTER);
  seg.bytes = packet.bytes;
  seg.dataStart = start + headerLength;
  seg.dataEnd = ip.payloadEnd;
  readWireSegments(packet.gsoSize, seg);
  seg.congestionExperienced = (ip.tos & ECN_MASK) === ECN_CE;
  readTcpOptions(view, start + TCP_HEADER_LENGTH, start + headerLength, seg);
  return REASON.ACCEPTED;
}

/** How many segments of the wire this one stands for. */
function readWireSegments(gsoSize: number, seg: Segment): void {
  const dataLength = seg.dataEnd - seg.dataStart;
  if (gsoSize > 0 && dataLength > gsoSize) {
    seg.gsoSize = gsoSize;
    seg.segments = Math.ceil(dataLength / gsoSize);
  } else {
    seg.gsoSize = 0;
    seg.segments = 1;
  }
}

/** The fields of a header to be written. One per sender, reused. */
export class TcpFields {
  sourcePort = 0;
  destinationPort = 0;
  /** SEG.SEQ. */
  seq: Seq = SEQ_ZERO;
  /** SEG.ACK; written as it is, so 0 it when ACK is off. */
  ack: Seq = SEQ_ZERO;
  /** Control bits. */
  flags = 0;
  /** SEG.WND as it goes into the header: already shifted, 0 … 65,535. */
  wnd = 0;
  /** SEG.UP. */
  up = 0;
}

/**
 * Writes the fixed part of the header into the slab. Then write the options from
 * {@link FRAME_TCP_OPTIONS} on, {@link endTcpHeader}, set the payload and {@link writeTcpChecksum}.
 */
export function writeTcpHeader(frame: Frame, fields: TcpFields): void {
  const view = frame.view;
  view.setUint16(FRAME_TCP + TCP_SOURCE_PORT, fields.sourcePort);
  view.setUint16(FRAME_TCP + TCP_DESTINATION_PORT, fields.destinationPort);
  view.setInt32(FRAME_TCP + TCP_SEQUENCE, fields.seq);
  view.setInt32(FRAME_TCP + TCP_ACKNOWLEDGMENT, fields.ack);
  view.setUint8(FRAME_TCP + TCP_FLAGS, fields.flags);
  view.setUint16(FRAME_TCP + TCP_WINDOW, fields.wnd);
  view.setUint16(FRAME_TCP + TCP_CHECKSUM, 0);
  view.setUint16(FRAME_TCP + TCP_URGENT_POINTER, fields.up);
}

/**
 * Ends the header behind its last option: pads, writes the data offset, sets `frame.headerLength`
 * and `frame.protocol`.
 *
 * @param optionsEnd offset in the slab behind the last option, at most 40 bytes of options
 */
export function endTcpHeader(frame: Frame, optionsEnd: number): void {
  const end = padOptions(frame.view, FRAME_TCP_OPTIONS, optionsEnd);
  frame.view.setUint8(FRAME_TCP + TCP_DATA_OFFSET, ((end - FRAME_TCP) / 4) << 4);
  frame.headerLength = end;
  frame.protocol = PROTOCOL_TCP;
}

/**
 * Fills the checksum field for header and payload (MUST-2), or with `offload` only the
 * pseudo-header's sum, which the device completes. `frame.source` and `frame.destination` are set.
 */
export function writeTcpChecksum(frame: Frame, offload: boolean): void {
  const length = frame.headerLength - FRAME_TCP + frame.payloadLength + frame.wrappedLength;
  let sum = pseudoHeaderSum(frame.source, frame.destination, PROTOCOL_TCP, length);
  frame.needsChecksum = offload;
  if (offload) {
    frame.view.setUint16(FRAME_TCP + TCP_CHECKSUM, foldSum(sum));
    return;
  }
  frame.view.setUint16(FRAME_TCP + TCP_CHECKSUM, 0);
  sum = sumView(frame.view, FRAME_TCP, frame.headerLength, sum);
  const firstEnd = frame.payloadStart + frame.payloadLength;
  sum = sumView(frame.payloadView, frame.payloadStart, firstEnd, sum);
  if (frame.wrappedLength > 0) {
    sum =
      (frame.payloadLength & 1) === 0
        ? sumView(frame.payloadView, 0, frame.wrappedLength, sum)
        : sumBytesOdd(frame.payload, 0, frame.wrappedLength, sum);
  }
  frame.view.setUint16(FRAME_TCP + TCP_CHECKSUM, foldChecksum(sum));
}
