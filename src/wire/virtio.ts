/**
 * The header in front of each packet of a TUN with IFF_VNET_HDR: which parts of the work on
 * checksums and segments are left to the receiver. Virtual I/O Device 1.2, §5.1.6, legacy layout of
 * 10 bytes; fields are little-endian, as the device is told to have them.
 */

import { REASON, type Reason } from '../base/reasons.ts';
import type { Frame } from './frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, CHECKSUM_VALID, type Packet } from './packet.ts';
import { FRAME_TCP, TCP_CHECKSUM } from './tcp-header.ts';

export const VIRTIO_HEADER_LENGTH = 10;

// Offsets.
const FLAGS = 0;
const GSO_TYPE = 1;
const HEADER_LENGTH = 2;
const GSO_SIZE = 4;
const CHECKSUM_START = 6;
const CHECKSUM_OFFSET = 8;

const FLAG_NEEDS_CHECKSUM = 1;
const FLAG_DATA_VALID = 2;
const GSO_NONE = 0;
const GSO_TCPV4 = 1;
/** Set besides the type when the super-packet's first segment carries CWR. */
const GSO_ECN = 0x80;

/**
 * Reads the header at `packet.start` and moves `packet.start` behind it. DEVICE_ERROR for one that
 * asks for what was never offered or points outside of the packet; then the packet is to be dropped.
 */
export function readVirtioHeader(packet: Packet): Reason {
  const view = packet.view;
  const at = packet.start;
  const length = packet.end - at - VIRTIO_HEADER_LENGTH;
  if (length < 0) return REASON.DEVICE_ERROR;
  const flags = view.getUint8(at + FLAGS);
  const gsoType = view.getUint8(at + GSO_TYPE) & ~GSO_ECN;
  const gsoSize = view.getUint16(at + GSO_SIZE, true);
  if (gsoType !== GSO_NONE && (gsoType !== GSO_TCPV4 || gsoSize === 0)) return REASON.DEVICE_ERROR;
  if ((flags & FLAG_NEEDS_CHECKSUM) !== 0) {
    const field = view.getUint16(at + CHECKSUM_START, true) + view.getUint16(at + CHECKSUM_OFFSET, true);
    if (field + 2 > length) return REASON.DEVICE_ERROR;
    packet.checksum = CHECKSUM_PARTIAL;
  } else {
    packet.checksum = (flags & FLAG_DATA_VALID) !== 0 ? CHECKSUM_VALID : CHECKSUM_UNVERIFIED;
  }
  packet.gsoSize = gsoType === GSO_NONE ? 0 : gsoSize;
  packet.start = at + VIRTIO_HEADER_LENGTH;
  return REASON.ACCEPTED;
}

/** Writes the header for `frame` at `offset`; `carriesCwr`: its TCP flags have CWR. */
export function writeVirtioHeader(frame: Frame, view: DataView, offset: number, carriesCwr: boolean): void {
  const gso = frame.gsoSize > 0;
  view.setUint8(offset + FLAGS, frame.needsChecksum ? FLAG_NEEDS_CHECKSUM : 0);
  view.setUint8(offset + GSO_TYPE, gso ? GSO_TCPV4 | (carriesCwr ? GSO_ECN : 0) : GSO_NONE);
  view.setUint16(offset + HEADER_LENGTH, gso ? frame.headerLength : 0, true);
  view.setUint16(offset + GSO_SIZE, frame.gsoSize, true);
  view.setUint16(offset + CHECKSUM_START, frame.needsChecksum ? FRAME_TCP : 0, true);
  view.setUint16(offset + CHECKSUM_OFFSET, frame.needsChecksum ? TCP_CHECKSUM : 0, true);
}
