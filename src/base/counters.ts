/** What a stack counts. One instance per stack; only ever grows. */

import { REASONS, type Reason } from './reasons.ts';

export class Counters {
  /** How often each reason was given, by its code. */
  readonly byReason = new Float64Array(REASONS.length);
  packetsReceived = 0;
  bytesReceived = 0;
  packetsSent = 0;
  bytesSent = 0;
  /** Wire segments: a super-packet counts as its segments. */
  segmentsReceived = 0;
  segmentsSent = 0;
  turns = 0;

  count(reason: Reason): void {
    this.byReason[reason] = (this.byReason[reason] as number) + 1;
  }
}
