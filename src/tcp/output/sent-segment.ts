/** The segment that has just been made, for the trace and the frame. */

import { MAX_COOKIE_LENGTH } from '../../wire/segment.ts';
import { TcpFields } from '../../wire/tcp-header.ts';

/** Why a segment is sent (`seg:sent`'s trigger). The order is part of recorded event logs: append. */
export const TRIGGERS = [
  'syn',
  'syn-ack',
  'data',
  'fin',
  'ack-now',
  'ack-delayed',
  'window-update',
  'rto',
  'fast-rtx',
  'tlp',
  'persist',
  'keepalive',
  'challenge-ack',
  'rst',
  'mtu-probe',
] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** One per stack, reused for every segment sent: copy what you keep. */
export class SentSegment extends TcpFields {
  // Addresses are int32.
  localAddress = 0;
  peerAddress = 0;
  /** Payload bytes. */
  dataLength = 0;
  /** Wire segments it stands for. */
  segments = 1;
  trigger: Trigger = 'data';
  /** Some of its bytes had been sent before. */
  retransmission = false;

  /** Whether the segment carries an MSS and the other SYN options. */
  hasSynOptions = false;
  mss = 0;
  /** -1 = no window scale option. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** Bytes of Fast Open cookie, 0 = a request for one; -1 = no such option. */
  fastOpenLength = -1;
  readonly fastOpenCookie = new Uint8Array(MAX_COOKIE_LENGTH);
  sackCount = 0;
  /** [left, right) pairs. */
  readonly sackEdges = new Int32Array(8);

  get localPort(): number {
    return this.sourcePort;
  }
  get peerPort(): number {
    return this.destinationPort;
  }
}
