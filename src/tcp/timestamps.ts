/** Timestamps, RFC 7323 §4, §5. */

import type { Ledger } from './compact/ledger.ts';

export class Timestamps {
  /** Both SYNs carried the option. */
  agreed = false;
  /** TS.Recent. */
  recent = 0;
  /** When TS.Recent was taken, µs. */
  recentAt = 0.5;
  /** Added to our millisecond clock: keyed per address pair. */
  offset = 0;

  exchange(ledger: Ledger): void {
    this.agreed = ledger.flag(this.agreed);
    this.recent = ledger.integer(this.recent);
    this.recentAt = ledger.number(this.recentAt);
    this.offset = ledger.integer(this.offset);
  }
}
