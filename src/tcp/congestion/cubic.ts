/** CUBIC, RFC 9438. Windows in segments, times in seconds, as the RFC has them; cwnd and ssthresh in bytes. */

import { type Clock, MICROSECONDS_PER_SECOND } from '../../base/clock.ts';
import type { Ledger } from '../compact/ledger.ts';
import type { TcpConfig } from '../tcp-config.ts';
import { type CongestionControl, SSTHRESH_UNSET } from './congestion-control.ts';
import type { HyStart } from './hystart.ts';

/** C, RFC 9438 §5. */
const C = 0.4;
/** β_cubic, §4.6. */
const BETA = 0.7;
/** α_cubic, §4.3: as friendly as Reno at this β. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** The variables before a reduction. Only connections that have had one have them. */
class Saved {
  window = 0.5;
  ssthresh = SSTHRESH_UNSET;
  wMax = 0.5;
  k = 0.5;
  wEst = 0.5;
  cwndPrior = 0.5;
  epoch = -0.5;
}

export class Cubic implements CongestionControl {
  readonly name = 'cubic';
  cwnd = 0;
  ssthresh = SSTHRESH_UNSET;
  private readonly clock: Clock;
  private readonly hystart: HyStart;
  private smss = 536;
  /** cwnd in segments, with the fraction that bytes would lose. */
  private window = 0.5;
  /** W_max. */
  private wMax = 0.5;
  /** K. */
  private k = 0.5;
  /** W_est. */
  private wEst = 0.5;
  /** cwnd_prior. */
  private cwndPrior = 0.5;
  /** t_epoch, µs; below 0 = no epoch has begun. */
  private epoch = -0.5;
  /** What a wrong reduction has changed, RFC 9438 §4.9. */
  private saved: Saved | null = null;

  constructor(clock: Clock, hystart: HyStart) {
    this.clock = clock;
    this.hystart = hystart;
  }

  suits(config: TcpConfig): boolean {
    return config.congestion === this.name && config.hystart === this.hystart.kind;
  }

  exchange(ledger: Ledger): void {
    this.cwnd = ledger.number(this.cwnd);
    this.ssthresh = ledger.number(this.ssthresh);
    this.smss = ledger.integer(this.smss);
    this.window = ledger.number(this.window);
    this.wMax = ledger.number(this.wMax);
    this.k = ledger.number(this.k);
    this.wEst = ledger.number(this.wEst);
    this.cwndPrior = ledger.number(this.cwndPrior);
    this.epoch = ledger.number(this.epoch);
    this.hystart.exchange(ledger);
  }

  start(smss: number, initialWindow: number): void {
    this.smss = smss;
    this.ssthresh = SSTHRESH_UNSET;
    this.wMax = 0;
    this.cwndPrior = 0;
    this.epoch = -1;
    this.setSegments(initialWindow / smss);
    this.hystart.start();
  }

  resize(smss: number): void {
    this.smss = smss;
    this.setSegments(Math.max(1, this.cwnd / smss));
    this.epoch = -1;
  }

  acked(acked: number, srtt: number): void {
    if (this.cwnd < this.ssthresh) {
      // Slow start by bytes, as Reno's.
      const bytes = this.cwnd + this.hystart.growth(acked);
      const grown = Math.min(bytes, Math.max(this.ssthresh, this.cwnd + this.smss));
      this.setSegments(grown / this.smss);
      return;
    }
    if (this.epoch < 0) this.beginEpoch();
    const segments = acked / this.smss;
    const t = (this.clock.now - this.epoch) / MICROSECONDS_PER_SECOND;
    // W_est = W_est + α_cubic * (segments_acked / cwnd), §4.3; α is 1 once W_est reaches cwnd_prior.
    this.wEst += (this.wEst >= this.cwndPrior ? 1 : ALPHA) * (segments / this.window);
    if (this.cubic(t) < this.wEst) {
      this.setSegments(Math.max(this.window, this.wEst));
      return;
    }
    // target = W_cubic(t + RTT), between cwnd and 1.5 * cwnd, §4.2.
    const ahead = this.cubic(t + srtt / MICROSECONDS_PER_SECOND);
    const target = Math.min(1.5 * this.window, Math.max(this.window, ahead));
    this.setSegments(this.window + ((target - this.window) / this.window) * segments);
  }

  rttSampled(rtt: number): void {
    if (this.hystart.rttSampled(rtt)) this.leaveSlowStart();
  }

  roundBegins(): void {
    if (this.hystart.roundBegins()) this.leaveSlowStart();
  }

  applicationLimited(): void {
    // t does not count time in which the window was not the limit, §4.2.
    this.epoch = -1;
  }

  lossDetected(flight: number): void {
    this.hystart.stop();
    this.remember();
    this.ssthresh = Math.max(Math.floor(flight * BETA), 2 * this.smss);
    this.setSegments(this.ssthresh / this.smss);
  }

  congestionEchoed(flight: number): void {
    this.lossDetected(flight);
    // RFC 9438 §4.6, figure 5.
    this.setSegments(Math.max(flight * BETA, this.smss) / this.smss);
  }

  recovered(flight: number): void {
    const burst = Math.max(flight, this.smss) + this.smss;
    this.setSegments(Math.min(this.ssthresh, burst) / this.smss);
  }

  timedOut(flight: number, first: boolean): void {
    this.hystart.stop();
    if (first) {
      this.remember();
      this.ssthresh = Math.max(Math.floor(flight * BETA), 2 * this.smss);
    }
    // The next epoch begins with K = 0 and W_max = cwnd, §4.8.
    this.wMax = 0;
    this.setSegments(1);
  }

  setWindow(cwnd: number): void {
    this.setSegments(cwnd / this.smss);
  }

  save(): void {
    const saved = this.saved ?? this.createSaved();
    saved.window = this.window;
    saved.ssthresh = this.ssthresh;
    saved.wMax = this.wMax;
    saved.k = this.k;
    saved.wEst = this.wEst;
    saved.cwndPrior = this.cwndPrior;
    saved.epoch = this.epoch;
  }

  undo(): void {
    const { saved } = this;
    if (saved === null) return;
    this.ssthresh = saved.ssthresh;
    this.wMax = saved.wMax;
    this.k = saved.k;
    this.wEst = saved.wEst;
    this.cwndPrior = saved.cwndPrior;
    this.epoch = saved.epoch;
    this.setSegments(Math.max(this.window, saved.window));
  }

  unvalidated(initialWindow: number): void {
    this.ssthresh = Math.max(this.ssthresh, Math.floor((3 * this.cwnd) / 4));
    this.epoch = -1;
    this.setSegments(Math.max(this.cwnd / 2, Math.min(this.cwnd, initialWindow)) / this.smss);
  }

  restart(initialWindow: number): void {
    this.epoch = -1;
    this.setSegments(Math.min(this.cwnd, initialWindow) / this.smss);
  }

  private createSaved(): Saved {
    this.saved = new Saved();
    return this.saved;
  }

  /** Before a reduction, with fast convergence: a flow that loses ground leaves some to newcomers, §4.7. */
  private remember(): void {
    this.wMax = this.window < this.wMax ? (this.window * (1 + BETA)) / 2 : this.window;
    this.cwndPrior = this.window;
    this.epoch = -1;
  }

  private beginEpoch(): void {
    this.epoch = this.clock.now;
    this.wEst = this.window;
    if (this.wMax > this.window) {
      // K = cubic_root((W_max - cwnd_epoch) / C), §4.2.
      this.k = Math.cbrt((this.wMax - this.window) / C);
    } else {
      this.k = 0;
      this.wMax = this.window;
    }
  }

  /** W_cubic(t) = C * (t - K)^3 + W_max, §4.2. */
  private cubic(t: number): number {
    return C * (t - this.k) ** 3 + this.wMax;
  }

  private leaveSlowStart(): void {
    this.hystart.stop();
    if (this.cwnd < this.ssthresh) this.ssthresh = this.cwnd;
  }

  private setSegments(segments: number): void {
    this.window = segments;
    // What was a whole number of bytes is one again.
    this.cwnd = Math.floor(segments * this.smss + 1e-6);
  }
}
