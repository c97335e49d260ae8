/**
 * Reads whole IPv4 packets for the simulator's checks, on purpose without the codecs of `wire/`: a
 * checker that used the code under test would agree with its mistakes.
 */

export const SIM_FIN = 0x01;
export const SIM_SYN = 0x02;
export const SIM_RST = 0x04;
export const SIM_PSH = 0x08;
export const SIM_ACK = 0x10;
export const SIM_CWR = 0x80;

/** A TCP segment as it went over the wire. Numbers are unsigned. */
export interface WireSegment {
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  /** Not scaled. */
  readonly window: number;
  /** Offset of the payload in the packet, and its length, bytes. */
  readonly dataStart: number;
  readonly dataLength: number;
  /** Window scale option, -1 when absent. */
  readonly windowScale: number;
  /** MSS option, -1 when absent. */
  readonly mss: number;
}

/** A malformed packet, in one sentence. */
export class PacketError extends Error {
  override readonly name = 'PacketError';
}

/** Sum of 16-bit words, folded. `length` may be odd: a zero byte is added. */
export function onesSum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let sum = initial;
  const even = end - ((end - start) & 1);
  for (let i = start; i < even; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (even < end) sum += (bytes[even] as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** Sum over the pseudo-header of RFC 9293 §3.1 for a transport part that starts at `start`. */
export function pseudoHeaderSum(packet: Uint8Array, start: number): number {
  return onesSum(packet, 12, 20, (packet[9] as number) + (packet.length - start));
}

export function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

export function read32(bytes: Uint8Array, at: number): number {
  return ((read16(bytes, at) << 16) | read16(bytes, at + 2)) >>> 0;
}

export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >> 8) & 0xff;
  bytes[at + 1] = value & 0xff;
}

export function write32(bytes: Uint8Array, at: number, value: number): void {
  write16(bytes, at, value >>> 16);
  write16(bytes, at + 2, value & 0xffff);
}

/** Length of the IP header, checked, with its checksum. @throws PacketError */
export function checkIpHeader(packet: Uint8Array): number {
  if (packet.length < 20) throw new PacketError(`an IP packet of ${packet.length} bytes`);
  if ((packet[0] as number) >> 4 !== 4) throw new PacketError('the version is not 4');
  const length = ((packet[0] as number) & 0x0f) * 4;
  if (length < 20 || length > packet.length) throw new PacketError(`a header of ${length} bytes`);
  const total = read16(packet, 2);
  if (total !== packet.length) {
    throw new PacketError(`total length ${total} in a packet of ${packet.length} bytes`);
  }
  if (onesSum(packet, 0, length) !== 0xffff) throw new PacketError('the header checksum is wrong');
  return length;
}

/**
 * The TCP segment in `packet`; null when it holds something else or a fragment.
 *
 * @param partial the checksum field holds only the pseudo-header's sum
 * @throws PacketError
 */
export function readSegment(packet: Uint8Array, partial: boolean): WireSegment | null {
  const start = checkIpHeader(packet);
  if (packet[9] !== 6 || (read16(packet, 6) & 0x3fff) !== 0) return null;
  if (packet.length - start < 20) throw new PacketError('a TCP segment shorter than its header');
  const headerLength = ((packet[start + 12] as number) >> 4) * 4;
  if (headerLength < 20 || start + headerLength > packet.length) {
    throw new PacketError(`a TCP header of ${headerLength} bytes`);
  }
  const pseudo = pseudoHeaderSum(packet, start);
  const sumRight = partial
    ? read16(packet, start + 16) === onesSum(packet, 0, 0, pseudo)
    : onesSum(packet, start, packet.length, pseudo) === 0xffff;
  if (!sumRight) throw new PacketError('the TCP checksum is wrong');
  const options = readOptions(packet, start + 20, start + headerLength);
  return {
    source: read32(packet, 12),
    destination: read32(packet, 16),
    sourcePort: read16(packet, start),
    destinationPort: read16(packet, start + 2),
    seq: read32(packet, start + 4),
    ack: read32(packet, start + 8),
    flags: packet[start + 13] as number,
    window: read16(packet, start + 14),
    dataStart: start + headerLength,
    dataLength: packet.length - start - headerLength,
    windowScale: options.windowScale,
    mss: options.mss,
  };
}

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;

function readOptions(packet: Uint8Array, start: number, end: number): { mss: number; windowScale: number } {
  const found = { mss: -1, windowScale: -1 };
  for (let at = start; at < end && packet[at] !== OPTION_END; ) {
    const kind = packet[at] as number;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? (packet[at + 1] as number) : 0;
    if (length < 2 || at + length > end) throw new PacketError(`option ${kind} of ${length} bytes`);
    if (kind === OPTION_MSS) found.mss = read16(packet, at + 2);
    if (kind === OPTION_WINDOW_SCALE) found.windowScale = packet[at + 2] as number;
    at += length;
  }
  return found;
}

/** Completes the TCP checksum of a packet that holds the pseudo-header's sum. */
export function completeTcpChecksum(packet: Uint8Array): void {
  const start = ((packet[0] as number) & 0x0f) * 4;
  write16(packet, start + 16, 0);
  const sum = onesSum(packet, start, packet.length, pseudoHeaderSum(packet, start));
  write16(packet, start + 16, ~sum & 0xffff);
}

const ECN_FIELD = 0x3;

/** A copy with CE in its ECN field and the right checksum; null when its sender is not ECN-capable. */
export function markCongestion(packet: Uint8Array): Uint8Array | null {
  const tos = packet[1] as number;
  if ((tos & ECN_FIELD) === 0) return null;
  const copy = packet.slice();
  copy[1] = tos | ECN_FIELD;
  write16(copy, 10, 0);
  write16(copy, 10, ~onesSum(copy, 0, ((copy[0] as number) & 0x0f) * 4) & 0xffff);
  return copy;
}

/** The wire segments that a super-packet stands for, each with complete checksums. */
export function splitSuperPacket(packet: Uint8Array, gsoSize: number): Uint8Array[] {
  const start = ((packet[0] as number) & 0x0f) * 4;
  const dataStart = start + ((packet[start + 12] as number) >> 4) * 4;
  const seq = read32(packet, start + 4);
  const flags = packet[start + 13] as number;
  const pieces: Uint8Array[] = [];
  for (let at = dataStart; at < packet.length; at += gsoSize) {
    const end = Math.min(at + gsoSize, packet.length);
    const piece = new Uint8Array(dataStart + end - at);
    piece.set(packet.subarray(0, dataStart));
    piece.set(packet.subarray(at, end), dataStart);
    write16(piece, 2, piece.length);
    write16(piece, 4, read16(packet, 4) + pieces.length);
    write16(piece, 10, 0);
    write16(piece, 10, ~onesSum(piece, 0, start) & 0xffff);
    write32(piece, start + 4, seq + at - dataStart);
    let own = flags;
    if (end < packet.length) own &= ~(SIM_FIN | SIM_PSH);
    if (pieces.length > 0) own &= ~SIM_CWR;
    piece[start + 13] = own;
    completeTcpChecksum(piece);
    pieces.push(piece);
  }
  return pieces;
}
