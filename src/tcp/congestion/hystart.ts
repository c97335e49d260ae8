/**
 * HyStart++, RFC 9406: the first slow start ends when round trips grow longer, before it has filled a
 * queue and lost from it. Times µs. Without the limit L on what one ACK may add: see reno.ts.
 */

import type { Ledger } from '../compact/ledger.ts';

/** MIN_RTT_THRESH, MAX_RTT_THRESH, MIN_RTT_DIVISOR, N_RTT_SAMPLE, CSS_GROWTH_DIVISOR, CSS_ROUNDS: §4.3. */
const MIN_RTT_THRESH = 4_000;
const MAX_RTT_THRESH = 16_000;
const MIN_RTT_DIVISOR = 8;
const SAMPLES = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;

export type HyStartKind = 'off' | 'classic' | '++';

export class HyStart {
  readonly kind: HyStartKind;
  /** In the first slow start of the connection. */
  private active = false;
  /** In Conservative Slow Start. */
  private conservative = false;
  private lastRoundMin = Infinity;
  private roundMin = Infinity;
  private samples = 0;
  private baseline = Infinity;
  private rounds = 0;

  constructor(kind: HyStartKind) {
    this.kind = kind;
  }

  exchange(ledger: Ledger): void {
    this.active = ledger.flag(this.active);
    this.conservative = ledger.flag(this.conservative);
    this.lastRoundMin = ledger.number(this.lastRoundMin);
    this.roundMin = ledger.number(this.roundMin);
    this.samples = ledger.integer(this.samples);
    this.baseline = ledger.number(this.baseline);
    this.rounds = ledger.integer(this.rounds);
  }

  start(): void {
    this.active = this.kind !== 'off';
    this.conservative = false;
    this.lastRoundMin = Infinity;
    this.roundMin = Infinity;
    this.samples = 0;
  }

  /** A loss, or the end of slow start. */
  stop(): void {
    this.active = false;
    this.conservative = false;
  }

  /** Everything that was in flight when the last round began is acknowledged. True: slow start is over. */
  roundBegins(): boolean {
    if (!this.active) return false;
    this.lastRoundMin = this.roundMin;
    this.roundMin = Infinity;
    this.samples = 0;
    return this.conservative && ++this.rounds >= CSS_ROUNDS;
  }

  /** True: slow start is over. `classic` leaves at the first sign; `++` looks on for some rounds first. */
  rttSampled(rtt: number): boolean {
    if (!this.active) return false;
    if (rtt < this.roundMin) this.roundMin = rtt;
    if (++this.samples < SAMPLES) return false;
    if (this.conservative) {
      // Shorter again: it was jitter.
      if (this.roundMin < this.baseline) this.conservative = false;
      return false;
    }
    const step = Math.max(MIN_RTT_THRESH, Math.min(this.lastRoundMin / MIN_RTT_DIVISOR, MAX_RTT_THRESH));
    if (this.lastRoundMin === Infinity || this.roundMin < this.lastRoundMin + step) return false;
    if (this.kind === 'classic') return true;
    this.conservative = true;
    this.baseline = this.roundMin;
    this.rounds = 0;
    return false;
  }

  /** By how much slow start grows for `acked` bytes. */
  growth(acked: number): number {
    return this.conservative ? acked / CSS_GROWTH_DIVISOR : acked;
  }
}
