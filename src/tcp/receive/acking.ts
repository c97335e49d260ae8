/** Acknowledging: one ACK per turn for in-order data, one each for the others. */

import { SEQ_ZERO, type Seq } from '../../base/seq.ts';
import type { Ledger } from '../compact/ledger.ts';

export class Acking {
  /** Pure ACKs that out-of-order and duplicate segments have earned, one each. */
  acksOwed = 0;
  /** An ACK is due now; a segment with data carries it as well. */
  ackNow = false;
  /** The delayed-ACK timer is what made `ackNow`. */
  ackWasDelayed = false;
  /** The next ACK is a challenge (for the trace). */
  challenge = false;
  /** Bytes received in order since the last ACK was sent. */
  unackedReceived = 0;
  /** Full-sized or any data segments since the last ACK, by policy. */
  segmentsSinceAck = 0;
  /** Quick-start: immediate ACKs that are left. */
  quickAcks = 0;
  /** Largest payload seen in a segment: the peer's segment size, bytes. */
  peerSegment = 0;
  /** DSACK range to report once, when `dsackPending`. */
  dsackStart: Seq = SEQ_ZERO;
  dsackEnd: Seq = SEQ_ZERO;
  dsackPending = false;
  /** A window update is due although nothing else is to be sent. */
  windowUpdateOwed = false;

  // Challenge ACKs, RFC 5961 §7.
  challengeSecond = 0;
  challengeCount = 0;

  exchange(ledger: Ledger): void {
    this.acksOwed = ledger.integer(this.acksOwed);
    this.ackNow = ledger.flag(this.ackNow);
    this.ackWasDelayed = ledger.flag(this.ackWasDelayed);
    this.challenge = ledger.flag(this.challenge);
    this.unackedReceived = ledger.integer(this.unackedReceived);
    this.segmentsSinceAck = ledger.integer(this.segmentsSinceAck);
    this.quickAcks = ledger.integer(this.quickAcks);
    this.peerSegment = ledger.integer(this.peerSegment);
    this.dsackStart = ledger.seq(this.dsackStart);
    this.dsackEnd = ledger.seq(this.dsackEnd);
    this.dsackPending = ledger.flag(this.dsackPending);
    this.windowUpdateOwed = ledger.flag(this.windowUpdateOwed);
    this.challengeSecond = ledger.integer(this.challengeSecond);
    this.challengeCount = ledger.integer(this.challengeCount);
  }
}
