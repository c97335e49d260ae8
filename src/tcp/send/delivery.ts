/**
 * What one ACK has told of the records in flight. It counts only while that ACK is being processed, so that
 * one is enough for all connections of a stack.
 */

import { SEQ_ZERO, type Seq, seqGt, seqLt } from '../../base/seq.ts';

export class Delivery {
  // Of what was acknowledged.
  /** When the last sending of any segment wholly acknowledged was, µs; below 0: there was none. */
  ackedSentAt = 0.5;
  /**
   * None of them was ever sent again: the newest one's age is an RTT sample (Karn's rule). Data that
   * waited at the peer for a retransmission to fill the hole before it is no sample either.
   */
  ackedOnce = false;
  /** HAS_SYN and HAS_FIN of the records wholly acknowledged. */
  ackedFlags = 0;

  // Of all that was delivered, by the ACK or by SACK: what was sent last.
  /** When it was last sent, µs; below 0 = nothing was delivered. */
  sentAt = -0.5;
  /** One past its last sequence number (point). */
  end: Seq = SEQ_ZERO;
  resent = false;
  /** Something that was sent once only was delivered, and its end, the lowest of such (point). */
  original = false;
  originalEnd: Seq = SEQ_ZERO;
  /** And it lies before something that was delivered earlier: the network reorders. */
  reordered = false;
  /** RACK.fack before this ACK (point): what one ACK reports together has no order. */
  private fackBefore: Seq = SEQ_ZERO;

  /** Before an ACK is looked at. */
  begin(fack: Seq): void {
    this.fackBefore = fack;
    this.sentAt = -1;
    this.resent = false;
    this.original = false;
    this.reordered = false;
  }

  /** RFC 8985 §6.2, steps 2 and 3, of something that was delivered, `end` being one past it (point). */
  note(end: Seq, sentAt: number, resent: boolean): void {
    if (!resent && (!this.original || seqLt(end, this.originalEnd))) {
      this.original = true;
      this.originalEnd = end;
    }
    if (sentAt > this.sentAt || (sentAt === this.sentAt && seqGt(end, this.end))) {
      this.sentAt = sentAt;
      this.end = end;
      this.resent = resent;
    }
    if (!resent && seqLt(end, this.fackBefore)) this.reordered = true;
  }
}
