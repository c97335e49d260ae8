/** Reno: slow start, congestion avoidance, RFC 5681, with byte counting. */

import type { Ledger } from '../compact/ledger.ts';
import type { TcpConfig } from '../tcp-config.ts';
import { type CongestionControl, SSTHRESH_UNSET } from './congestion-control.ts';
import type { HyStart } from './hystart.ts';

export class Reno implements CongestionControl {
  readonly name = 'reno';
  cwnd = 0;
  ssthresh = SSTHRESH_UNSET;
  private smss = 536;
  private savedCwnd = 0;
  private savedSsthresh = SSTHRESH_UNSET;
  /** Bytes acknowledged since cwnd last grew in congestion avoidance. */
  private counted = 0;
  private readonly hystart: HyStart;

  constructor(hystart: HyStart) {
    this.hystart = hystart;
  }

  suits(config: TcpConfig): boolean {
    return config.congestion === this.name && config.hystart === this.hystart.kind;
  }

  exchange(ledger: Ledger): void {
    this.cwnd = ledger.number(this.cwnd);
    this.ssthresh = ledger.number(this.ssthresh);
    this.smss = ledger.integer(this.smss);
    this.counted = ledger.number(this.counted);
    this.hystart.exchange(ledger);
  }

  start(smss: number, initialWindow: number): void {
    this.smss = smss;
    this.cwnd = initialWindow;
    this.ssthresh = SSTHRESH_UNSET;
    this.counted = 0;
    this.hystart.start();
  }

  resize(smss: number): void {
    this.smss = smss;
    this.cwnd = Math.max(this.cwnd, smss);
  }

  acked(acked: number): void {
    if (this.cwnd < this.ssthresh) {
      // Byte counting, RFC 3465 §2.2, without its limit L: a receiver that takes super-packets
      // acknowledges dozens of segments at once, and still cwnd at most doubles in a round trip.
      const grown = this.cwnd + this.hystart.growth(acked);
      this.cwnd = Math.floor(Math.min(grown, Math.max(this.ssthresh, this.cwnd + this.smss)));
      return;
    }
    // cwnd += SMSS once a window's worth was acknowledged, RFC 5681 §3.1.
    this.counted += acked;
    if (this.counted >= this.cwnd) {
      this.counted -= this.cwnd;
      this.cwnd += this.smss;
    }
  }

  applicationLimited(): void {}

  rttSampled(rtt: number): void {
    if (this.hystart.rttSampled(rtt)) this.leaveSlowStart();
  }

  roundBegins(): void {
    if (this.hystart.roundBegins()) this.leaveSlowStart();
  }

  lossDetected(flight: number): void {
    this.hystart.stop();
    this.ssthresh = this.half(flight);
    this.cwnd = this.ssthresh;
    this.counted = 0;
  }

  congestionEchoed(flight: number): void {
    this.lossDetected(flight);
    this.cwnd = Math.max(flight >> 1, this.smss);
  }

  recovered(flight: number): void {
    // RFC 6582 §3.2 step 3, the first option: no burst after recovery.
    this.cwnd = Math.min(this.ssthresh, Math.max(flight, this.smss) + this.smss);
  }

  timedOut(flight: number, first: boolean): void {
    this.hystart.stop();
    if (first) this.ssthresh = this.half(flight);
    this.cwnd = this.smss;
    this.counted = 0;
  }

  setWindow(cwnd: number): void {
    this.cwnd = cwnd;
  }

  save(): void {
    this.savedCwnd = this.cwnd;
    this.savedSsthresh = this.ssthresh;
  }

  undo(): void {
    this.cwnd = Math.max(this.cwnd, this.savedCwnd);
    this.ssthresh = this.savedSsthresh;
  }

  unvalidated(initialWindow: number): void {
    this.ssthresh = Math.max(this.ssthresh, Math.floor((3 * this.cwnd) / 4));
    this.cwnd = Math.max(this.cwnd >> 1, Math.min(this.cwnd, initialWindow));
  }

  restart(initialWindow: number): void {
    this.cwnd = Math.min(this.cwnd, initialWindow);
  }

  /**
   * max (FlightSize / 2, 2*SMSS), RFC 5681 §3.1 equation 4, which says "no more than": in whole segments,
   * since a part of one lets nothing out, and would only be waited for before cwnd grows again.
   */
  private half(flight: number): number {
    const half = flight >> 1;
    return Math.max(half - (half % this.smss), 2 * this.smss);
  }

  private leaveSlowStart(): void {
    this.hystart.stop();
    if (this.cwnd < this.ssthresh) this.ssthresh = this.cwnd;
  }
}
