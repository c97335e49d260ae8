/** One packet to be sent: headers in a slab of its own, payload by reference. */

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/** IPv4 header without options, where the transport header starts. */
export const IP_HEADER_LENGTH = 20;
/** IPv4 header plus the largest TCP header, rounded up. */
const SLAB_LENGTH = 128;

/**
 * There is one per stack, filled and sent within phase 4, reused at once: a device that cannot
 * write it now copies it.
 *
 * `header[0 … headerLength)` is the IP header (20 bytes, written by ip/output) followed by the
 * transport header. The payload follows in up to two pieces, because the bytes come from a ring.
 */
export class Frame {
  readonly header: Uint8Array = new Uint8Array(SLAB_LENGTH);
  readonly view: DataView = new DataView(this.header.buffer);
  headerLength = 0;

  /** First piece of the payload: `payload[payloadStart … payloadStart + payloadLength)`. */
  payload: Uint8Array = NO_BYTES;
  /** Over exactly the memory of `payload`. */
  payloadView: DataView = NO_VIEW;
  payloadStart = 0;
  payloadLength = 0;
  /** Second piece (the ring wrapped), from `payload[0]`. */
  wrappedLength = 0;

  /** Payload bytes per wire segment when this is a super-packet, else 0. */
  gsoSize = 0;
  /** The transport checksum holds only the pseudo-header's sum; the device completes it. */
  needsChecksum = false;

  // What ip/output needs to write the IP header.
  /** Our address, big-endian value as int32. */
  source = 0;
  /** The peer's address, as int32. */
  destination = 0;
  protocol = 0;
  /** DSCP and ECN, the whole byte. */
  tos = 0;
  ttl = 64;
  /** DF. Without it ip/output may fragment. */
  dontFragment = true;

  /** Forgets the payload. */
  clearPayload(): void {
    this.payload = NO_BYTES;
    this.payloadView = NO_VIEW;
    this.payloadStart = 0;
    this.payloadLength = 0;
    this.wrappedLength = 0;
    this.gsoSize = 0;
    this.needsChecksum = false;
  }
}
