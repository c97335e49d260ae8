/** A connection on a path without a bottleneck: all that decides is cwnd, and a round is a round trip. */

import { REASON } from '../../../src/base/reasons.ts';
import type { Offload } from '../../../src/device/memory-link.ts';
import type { Impairments } from '../../../src/sim/impairments.ts';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { Bulk } from './bulk.ts';

export const SECOND = 1_000_000;
export const RTT = SECOND / 10;
export const SMSS = 1448;

/** A segment in a hundredth of a microsecond: the wire adds nothing to the round trip. */
const NO_LIMIT = 0;

export class Rounds {
  readonly bulk: Bulk;
  private dataPackets = 0;
  private dropped: ReadonlySet<number> = new Set();

  /** Every segment is acknowledged on its own, and windows of both ends are larger than what is sent. */
  constructor(
    config: Readonly<Record<string, ConfigValue>>,
    impairments: Impairments = {},
    offload: Offload = 'off',
  ) {
    this.bulk = new Bulk({
      seed: 1,
      link: { offload },
      rtt: RTT,
      rate: NO_LIMIT,
      queueBytes: 0,
      impairments: { ...impairments, aim: (packet) => this.aim(packet) },
      config: {
        'buffer.receive': '4M',
        'buffer.send': '4M',
        'ack.stretch': 1,
        hystart: 'off',
        tlp: false,
        ...config,
      },
    });
  }

  /** The data packets with these numbers, from 1 on, are lost. */
  drop(...numbers: number[]): void {
    this.dropped = new Set(numbers);
  }

  private aim(packet: Uint8Array): { drop: boolean } | undefined {
    if (packet.length < SMSS) return undefined;
    return this.dropped.has(++this.dataPackets) ? { drop: true } : undefined;
  }

  get sender(): Tcb {
    return this.bulk.flows[0]?.sender as Tcb;
  }

  get timeouts(): number {
    return this.bulk.client.stack.counters.byReason[REASON.TCP_RTO] as number;
  }

  /** cwnd and ssthresh, segments. */
  get cwnd(): number {
    return this.sender.congestion.cwnd / SMSS;
  }

  get ssthresh(): number {
    return this.sender.congestion.ssthresh / SMSS;
  }

  runTo(time: number): void {
    this.bulk.world.run(time - this.bulk.world.clock.now);
  }

  /** cwnd in the middle of each of the rounds `first` to `last`; the handshake is round 0. */
  cwndInRounds(first: number, last: number): number[] {
    const windows: number[] = [];
    for (let round = first; round <= last; round++) {
      this.runTo((round + 0.5) * RTT);
      windows.push(Number(this.cwnd.toFixed(2)));
    }
    return windows;
  }
}
