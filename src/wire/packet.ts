/** One received IPv4 packet: a window into the device's memory. */

/** Nobody has looked at the transport checksum: verify it. */
export const CHECKSUM_UNVERIFIED = 0;
/** Only the pseudo-header is summed (virtio NEEDS_CSUM): the sender is on this machine, do not verify. */
export const CHECKSUM_PARTIAL = 1;
/** The device has verified it. */
export const CHECKSUM_VALID = 2;

export type ChecksumState = 0 | 1 | 2;

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/**
 * Filled by `Device.receive`, reused for every packet. `bytes` belongs to the device and is valid
 * only until the turn ends: copy what you keep.
 */
export class Packet {
  bytes: Uint8Array = NO_BYTES;
  /** Over exactly the same memory as `bytes`: offset i here is bytes[i]. */
  view: DataView = NO_VIEW;
  /** First byte of the IP header, an offset into `bytes`. */
  start = 0;
  /** One past the last byte that the device read. */
  end = 0;
  /** Payload bytes per wire segment when this is a super-packet, else 0. */
  gsoSize = 0;
  checksum: ChecksumState = CHECKSUM_UNVERIFIED;

  /** Points at other memory; makes a view only when the memory really changed. */
  setMemory(bytes: Uint8Array, view: DataView): void {
    this.bytes = bytes;
    this.view = view;
  }
}
