/** Packets that are no segments of a far end: raw ones, errors, fragments, damaged ones. */

import { address, decodePacket, ipPacket, onesSum } from '../../support/segment.ts';
import { type Built, RST } from './far-end.ts';

const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
const NO_OPTIONS = new Uint8Array(0);
/** Who sends ICMP errors: a router on the way. */
const ROUTER = address('10.9.0.254');

/** With a right IP header checksum where there is a header; TCP's is left to the device. */
export function completed(packet: Uint8Array, gsoSize = 0): Built {
  const headerLength = ((packet[0] ?? 0) & 15) * 4;
  if (packet.length >= 20 && headerLength <= packet.length) {
    packet[10] = 0;
    packet[11] = 0;
    const sum = ~onesSum(packet.subarray(0, headerLength)) & 0xffff;
    packet[10] = sum >> 8;
    packet[11] = sum & 0xff;
  }
  return { packet, checksum: 'partial', gsoSize, suspect: true };
}

/** `payload` of some protocol in a packet between two addresses. */
export function ipAround(source: number, destination: number, protocol: number, payload: Uint8Array): Built {
  const fields = { source, destination, ttl: 64, tos: 0, ipOptions: NO_OPTIONS };
  return { packet: ipPacket(fields, protocol, payload), checksum: 'partial', gsoSize: 0, suspect: true };
}

/** An ICMP message with a right checksum. `rest`: the second word of its header. */
export function icmp(
  destination: number,
  message: { type: number; code: number; rest: number; body: Uint8Array },
): Built {
  const bytes = new Uint8Array(8 + message.body.length);
  bytes[0] = message.type;
  bytes[1] = message.code;
  new DataView(bytes.buffer).setUint32(4, message.rest);
  bytes.set(message.body, 8);
  new DataView(bytes.buffer).setUint16(2, ~onesSum(bytes) & 0xffff);
  return ipAround(ROUTER, destination, PROTOCOL_ICMP, bytes);
}

/**
 * The pieces of a packet: `cut` bytes (in eighths) in the first, the rest in others. `order`: bit 0
 * turns them round, bit 1 repeats the first, bit 2 leaves out the last, bit 3 lets two overlap.
 */
export function fragments(whole: Built, cut: number, order: number): Built[] {
  const { packet } = whole;
  const headerLength = ((packet[0] ?? 0) & 15) * 4;
  const length = packet.length - headerLength;
  if (headerLength < 20) return [];
  const size = 8 * Math.max(1, cut, Math.ceil(length / 8 / 40));
  const pieces: Built[] = [];
  for (let at = 0; at < length; at += size) {
    const start = (order & 8) !== 0 && at > 0 ? at - 8 : at;
    const end = Math.min(at + size, length);
    const piece = new Uint8Array(headerLength + end - start);
    piece.set(packet.subarray(0, headerLength));
    piece.set(packet.subarray(headerLength + start, headerLength + end), headerLength);
    const view = new DataView(piece.buffer);
    view.setUint16(2, piece.length);
    view.setUint16(4, 0x4242 + (order >> 4));
    view.setUint16(6, (end < length ? 0x2000 : 0) | (start / 8));
    pieces.push({ ...whole, packet: completed(piece).packet, gsoSize: 0 });
  }
  if ((order & 4) !== 0) pieces.pop();
  if ((order & 1) !== 0) pieces.reverse();
  if ((order & 2) !== 0 && pieces[0] !== undefined) pieces.push(pieces[0]);
  return pieces;
}

/** One line about any packet, in hexadecimal when it is not a sound segment. */
export function describe(packet: Uint8Array): string {
  try {
    const segment = decodePacket(packet);
    if (segment !== null) {
      const { sourcePort, destinationPort, flags, seq, ack, window, up, options, payload } = segment;
      const rest = `wnd ${window} up ${up} len ${payload.length} ${JSON.stringify(options)}`;
      return `${sourcePort} > ${destinationPort} ${flags} seq ${seq} ack ${ack} ${rest}`;
    }
  } catch {
    // Not for us to judge.
  }
  return Array.from(packet.subarray(0, 100), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** A TCP packet with RST, sound or not; no fragment. */
export function isReset({ packet }: Built): boolean {
  if (((packet[6] ?? 0) & 0x3f) !== 0 || packet[7] !== 0) return false;
  const start = ((packet[0] ?? 0) & 15) * 4;
  return packet[9] === PROTOCOL_TCP && ((packet[start + 13] ?? 0) & RST) !== 0;
}
