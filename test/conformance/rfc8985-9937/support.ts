/** A sender whose peer sends SACK, with a round trip of 100 ms. */

import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type HandshakeOptions, type Sent, type Testbed, testbed } from '../../support/peer.ts';

export const MSS = 1000;
export const RTT = 100;

export class SackSender {
  readonly bed: Testbed;
  readonly app: Application;
  /** Relative number of the first byte that `flight` has sent. */
  start = 1;

  constructor(config: Record<string, ConfigValue> = {}, agreed: HandshakeOptions = {}) {
    this.bed = testbed({ config: { congestion: 'reno', hystart: 'off', iw: 10, ...config } });
    this.app = this.bed.peer.handshake('passive', { mss: MSS, sackPermitted: true, wscale: 7, ...agreed });
    // The scripted handshake takes no time at all.
    this.app.tcb.rtt.reset(this.app.tcb.config);
    for (let i = 0; i < 8; i++) {
      this.flight(1);
      this.bed.advance(RTT);
      this.ackAll();
    }
  }

  get size(): number {
    return this.app.tcb.snd.mss;
  }

  get state(): string {
    return this.app.tcb.recovery.state;
  }

  get cwnd(): number {
    return this.app.tcb.congestion.cwnd / this.size;
  }

  get ssthresh(): number {
    return this.app.tcb.congestion.ssthresh / this.size;
  }

  /** Sends `segments` full segments; `cwnd` is made as large. */
  flight(segments: number): Sent[] {
    const { tcb } = this.app;
    this.start = tcb.snd.nxt - tcb.snd.iss;
    tcb.congestion.cwnd = Math.max(tcb.congestion.cwnd, segments * this.size);
    this.app.write(segments * this.size);
    return this.bed.peer.sent();
  }

  ackAll(): void {
    this.bed.peer.ack();
  }

  /** Segments of the flight, from 0, as bytes relative to the ISS. */
  at(segment: number): number {
    return this.start + segment * this.size;
  }

  /** ACKs up to segment `ack` of the flight; SACK blocks are pairs of segments. */
  ack(ack: number, ...blocks: (readonly [number, number])[]): void {
    const sack = blocks.map(([left, right]) => [this.at(left), this.at(right)] as const);
    this.bed.peer.send({ flags: 'A', ack: this.at(ack), options: sack.length > 0 ? { sack } : {} });
  }

  /** What was sent since, as numbers of the flight's segments. */
  sent(): number[] {
    return this.bed.peer
      .sent()
      .filter(({ length }) => length > 0)
      .map(({ seq }) => (seq - this.start) / this.size);
  }
}
