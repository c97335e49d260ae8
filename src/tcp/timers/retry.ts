/** How often something was tried in vain: RFC 6298, RFC 9293 §3.8.3. */

import type { Ledger } from '../compact/ledger.ts';

/** What phase 4 is asked to probe with. */
export const PROBE_NONE = 0;
export const PROBE_PERSIST = 1;
export const PROBE_KEEPALIVE = 2;
/** Send what the silly-window rules held back (RFC 9293 §3.8.6.2.1, the override timer). */
export const PROBE_OVERRIDE = 3;

export class Retry {
  /** Time-outs in a row without an answer: what R1 and R2 count. */
  retries = 0;
  /** Doublings of the RTO; progress alone does not undo them, a new sample does (RFC 6298 §5). */
  backoff = 0;
  /** Probes sent in a row without an answer (persist, keep-alive). */
  probes = 0;
  /** Doublings of the interval between window probes; answers do not undo them, an open window does. */
  persistBackoff = 0;
  probe = PROBE_NONE;
  r1Told = false;
  /** Deadline of a compact record's only timer while it is expanded, µs. */
  recordDeadline = Infinity;
  /** Retries or restarts that the compact record counts. */
  recordCount = 0;

  exchange(ledger: Ledger): void {
    this.retries = ledger.integer(this.retries);
    this.backoff = ledger.integer(this.backoff);
    this.probes = ledger.integer(this.probes);
    this.persistBackoff = ledger.integer(this.persistBackoff);
    this.probe = ledger.integer(this.probe);
    this.r1Told = ledger.flag(this.r1Told);
    this.recordDeadline = ledger.number(this.recordDeadline);
    this.recordCount = ledger.integer(this.recordCount);
  }
}
