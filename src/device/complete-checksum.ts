/** Does in software what a device with checksum offload does: completes a partial sum. */

import { foldChecksum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';

const PROTOCOL_OFFSET = 9;
/** Where the checksum lies in the transport header, by protocol: TCP and UDP. */
const CHECKSUM_OFFSETS: Readonly<Record<number, number>> = { 6: 16, 17: 6 };

/**
 * `packet` is a whole IPv4 packet whose transport checksum field holds the pseudo-header's sum (not
 * complemented, as virtio wants it); the field becomes the complete checksum, RFC 1071 §1. A
 * super-packet is summed as one segment.
 */
export function completeChecksum(packet: Uint8Array): void {
  const transport = ((packet[0] as number) & 0x0f) * 4;
  const offset = CHECKSUM_OFFSETS[packet[PROTOCOL_OFFSET] as number];
  if (offset === undefined || transport + offset + 2 > packet.length) return;
  let sum = 0;
  const even = packet.length - ((packet.length - transport) & 1);
  for (let i = transport; i < even; i += 2) {
    sum += ((packet[i] as number) << 8) | (packet[i + 1] as number);
  }
  if (even < packet.length) sum += (packet[even] as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  const checksum = ~sum & 0xffff;
  packet[transport + offset] = checksum >> 8;
  packet[transport + offset + 1] = checksum & 0xff;
}

const TCP_CHECKSUM = 16;

/** The TCP checksum of a whole IPv4 packet, whatever the field holds. */
export function completeTcpChecksum(packet: Uint8Array): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const tcp = (view.getUint8(0) & 0x0f) * 4;
  if (tcp + TCP_CHECKSUM + 2 > packet.length) return;
  view.setUint16(tcp + TCP_CHECKSUM, 0);
  const pseudo = pseudoHeaderSum(view.getInt32(12), view.getInt32(16), 6, packet.length - tcp);
  view.setUint16(tcp + TCP_CHECKSUM, foldChecksum(sumBytes(packet, tcp, packet.length, pseudo)));
}
