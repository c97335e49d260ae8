/** The segment being processed: SEG.SEQ, SEG.ACK, SEG.LEN, SEG.WND, SEG.UP and the control bits. */

import { SEQ_ZERO, type Seq, seqAdd } from '../base/seq.ts';

// Control bits, RFC 9293 §3.1.
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

const NO_BYTES = new Uint8Array(0);

/** RFC 7413 §4.1.1: a Fast Open cookie has 4 to 16 bytes. */
export const MAX_COOKIE_LENGTH = 16;
/** At most four SACK blocks fit in the options. */
export const MAX_SACK_BLOCKS = 4;

/**
 * There is one per stack, filled by `readTcpHeader` for every segment and reused: copy what you
 * keep. Payload is `bytes[dataStart … dataEnd)`, in the device's memory.
 */
export class Segment {
  // Addresses and ports as seen from us; addresses are int32.
  localAddress = 0;
  peerAddress = 0;
  localPort = 0;
  peerPort = 0;

  /** SEG.SEQ. */
  seq: Seq = SEQ_ZERO;
  /** SEG.ACK, meaningful when ACK is set. */
  ack: Seq = SEQ_ZERO;
  /** Control bits. */
  flags = 0;
  /** SEG.WND as in the header: not scaled. */
  wnd = 0;
  /** SEG.UP as in the header. */
  up = 0;

  bytes: Uint8Array = NO_BYTES;
  dataStart = 0;
  dataEnd = 0;
  /** Wire segments it stands for: 1, or more for a super-packet. */
  segments = 1;
  /** Payload bytes of each wire segment of a super-packet, else 0. */
  gsoSize = 0;

  // Options, RFC 9293 §3.2. Absent: -1 or false.
  /** MSS option, bytes; -1 when absent. */
  mss = -1;
  /** Window scale shift as sent (not clamped); -1 when absent. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  /** TSval, TSecr: points on a circle of 2^32, int32. */
  tsVal = 0;
  tsEcr = 0;
  /** SACK blocks: [left, right) pairs of `Seq` in `sackEdges[0 … 2·sackCount)`. */
  sackCount = 0;
  readonly sackEdges = new Int32Array(2 * MAX_SACK_BLOCKS);
  /** TCP Fast Open, RFC 7413: bytes of cookie, 0 = a request for one; -1 when absent. */
  fastOpenLength = -1;
  readonly fastOpenCookie = new Uint8Array(MAX_COOKIE_LENGTH);
  /** An option had an illegal length: it and all after it were ignored. */
  badOptions = false;

  /** The IP header's ECN field was CE (RFC 3168). */
  congestionExperienced = false;

  get isSyn(): boolean {
    return (this.flags & SYN) !== 0;
  }
  get isAck(): boolean {
    return (this.flags & ACK) !== 0;
  }
  get isFin(): boolean {
    return (this.flags & FIN) !== 0;
  }
  get isRst(): boolean {
    return (this.flags & RST) !== 0;
  }
  /** Payload bytes. */
  get dataLength(): number {
    return this.dataEnd - this.dataStart;
  }
  /** SEG.LEN: payload plus one each for SYN and FIN. */
  get len(): number {
    return this.dataEnd - this.dataStart + (this.flags & FIN) + ((this.flags & SYN) >> 1);
  }
  /** One past the last sequence number that the segment occupies. */
  get end(): Seq {
    return seqAdd(this.seq, this.len);
  }
}
