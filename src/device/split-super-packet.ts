/** Does in software what a device with segmentation offload does: a super-packet as its wire segments. */

import { foldChecksum, sumBytes } from '../wire/checksum.ts';
import { CWR, FIN, PSH } from '../wire/segment.ts';
import { completeTcpChecksum } from './complete-checksum.ts';

/**
 * `packet` is a whole IPv4 packet with a TCP segment whose payload is to be cut into pieces of
 * `gsoSize` bytes. FIN and PSH belong to the last piece, CWR to the first; the identifications count
 * on. All sums are complete.
 */
export function splitSuperPacket(packet: Uint8Array, gsoSize: number): Uint8Array[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const tcp = (view.getUint8(0) & 0x0f) * 4;
  const dataStart = tcp + (view.getUint8(tcp + 12) >> 4) * 4;
  const flags = view.getUint8(tcp + 13);
  const pieces: Uint8Array[] = [];
  for (let at = dataStart; at < packet.length; at += gsoSize) {
    const end = Math.min(at + gsoSize, packet.length);
    const piece = new Uint8Array(dataStart + end - at);
    piece.set(packet.subarray(0, dataStart));
    piece.set(packet.subarray(at, end), dataStart);
    const own = new DataView(piece.buffer);
    own.setUint16(2, piece.length);
    own.setUint16(4, view.getUint16(4) + pieces.length);
    own.setUint16(10, 0);
    own.setUint16(10, foldChecksum(sumBytes(piece, 0, tcp, 0)));
    own.setUint32(tcp + 4, view.getUint32(tcp + 4) + at - dataStart);
    const notLast = end < packet.length ? FIN | PSH : 0;
    const notFirst = pieces.length > 0 ? CWR : 0;
    own.setUint8(tcp + 13, flags & ~(notLast | notFirst));
    completeTcpChecksum(piece);
    pieces.push(piece);
  }
  return pieces;
}
