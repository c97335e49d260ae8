/** What a connection has done and when: TCP_INFO, `ss`. Times µs. */

import type { Ledger } from './compact/ledger.ts';

export class Tally {
  openedAt = 0.5;
  /** Last time something was received, and sent with data. */
  lastReceivedAt = 0.5;
  lastSentAt = 0.5;
  lastDataReceivedAt = 0.5;
  lastAckReceivedAt = 0.5;

  bytesSent = 0;
  bytesReceived = 0;
  bytesAcked = 0;
  bytesRetransmitted = 0;
  segmentsSent = 0;
  segmentsReceived = 0;
  dataSegmentsSent = 0;
  dataSegmentsReceived = 0;
  retransmissions = 0;
  /** TCP_INFO's busy and receive-window-limited time. */
  busySince = 0;
  busyTime = 0;
  windowLimitedSince = 0;
  windowLimitedTime = 0;

  exchange(ledger: Ledger): void {
    this.openedAt = ledger.number(this.openedAt);
    this.lastReceivedAt = ledger.number(this.lastReceivedAt);
    this.lastSentAt = ledger.number(this.lastSentAt);
    this.lastDataReceivedAt = ledger.number(this.lastDataReceivedAt);
    this.lastAckReceivedAt = ledger.number(this.lastAckReceivedAt);
    this.bytesSent = ledger.number(this.bytesSent);
    this.bytesReceived = ledger.number(this.bytesReceived);
    this.bytesAcked = ledger.number(this.bytesAcked);
    this.bytesRetransmitted = ledger.number(this.bytesRetransmitted);
    this.segmentsSent = ledger.integer(this.segmentsSent);
    this.segmentsReceived = ledger.integer(this.segmentsReceived);
    this.dataSegmentsSent = ledger.integer(this.dataSegmentsSent);
    this.dataSegmentsReceived = ledger.integer(this.dataSegmentsReceived);
    this.retransmissions = ledger.integer(this.retransmissions);
    this.busySince = ledger.number(this.busySince);
    this.busyTime = ledger.number(this.busyTime);
    this.windowLimitedSince = ledger.number(this.windowLimitedSince);
    this.windowLimitedTime = ledger.number(this.windowLimitedTime);
  }
}
