/** How much may be in flight. Numbers in, numbers out: an implementation never sees a connection. */

import type { Ledger } from '../compact/ledger.ts';
import type { TcpConfig } from '../tcp-config.ts';

/** "No limit yet" for ssthresh, bytes. */
export const SSTHRESH_UNSET = 0x7fffffff;

/** All sizes are bytes. */
export interface CongestionControl {
  readonly name: 'reno' | 'cubic';
  cwnd: number;
  ssthresh: number;

  /** It is what `config` names. */
  suits(config: TcpConfig): boolean;
  /** Writes down or reads back all but what {@link save} has remembered. */
  exchange(ledger: Ledger): void;
  /** Starts, or starts over, with an initial window. */
  start(smss: number, initialWindow: number): void;
  /** The segment size has changed. */
  resize(smss: number): void;
  /** `acked` bytes were newly acknowledged outside of loss recovery, while the window was in full use; `srtt` µs. */
  acked(acked: number, srtt: number): void;
  /** A round trip was measured, µs; not from what was sent again. */
  rttSampled(rtt: number): void;
  /** All that was in flight when the last round began is acknowledged. */
  roundBegins(): void;
  /** Data was acknowledged while the application, not the window, was what limited: no growth, and no time passes. */
  applicationLimited(): void;
  /** A loss was found without a timeout: sets ssthresh from what was in flight; cwnd follows it down. */
  lossDetected(flight: number): void;
  /** The peer has echoed a congestion mark: as for a loss, but that one segment is enough for cwnd. */
  congestionEchoed(flight: number): void;
  /** Recovery has ended. */
  recovered(flight: number): void;
  /** The retransmission timer expired; `first` when the same data had not timed out before. */
  timedOut(flight: number, first: boolean): void;
  /** Recovery's own arithmetic decides how much may be in flight (RFC 9937). */
  setWindow(cwnd: number): void;
  /** Remembers everything that the next reduction changes. */
  save(): void;
  /** That reduction was wrong: all is as {@link save} found it, or better. */
  undo(): void;
  /** For five minutes less than half of the window was used: it is forgotten by half, RFC 7661 §4.4.3. */
  unvalidated(initialWindow: number): void;
  /** Nothing was sent for longer than an RTO, RFC 5681 §4.1. */
  restart(initialWindow: number): void;
}

/** The initial window, bytes: RFC 6928 §2, or RFC 5681 §3.1 when `config.initialWindow` is 0. */
export function initialWindow(config: TcpConfig, smss: number, synRetransmitted: number): number {
  if (synRetransmitted > 1) return smss;
  if (config.initialWindow > 0) {
    if (config.initialWindow !== 10) return config.initialWindow * smss;
    return Math.min(10 * smss, Math.max(2 * smss, 14_600));
  }
  if (synRetransmitted > 0) return smss;
  if (smss > 2190) return 2 * smss;
  return smss > 1095 ? 3 * smss : 4 * smss;
}
