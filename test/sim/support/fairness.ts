/** Flows that share one bottleneck: what each gets, and how even that is. */

import { Bulk, type BulkFlow, type FlowPlan } from './bulk.ts';

const SECOND = 1_000_000;
/** Bit/s. */
const RATE = 20e6;
const RTT = 40_000;
/** One bandwidth-delay product. */
const QUEUE = (RATE / 8) * (RTT / SECOND);

export interface Shares {
  /** Mbit/s of each flow, in the order of the plans. */
  readonly goodput: readonly number[];
  /** (Σx)² / (n·Σx²): 1 = all the same, 1/n = one has everything. Jain, Chiu and Hawe, 1984. */
  readonly jain: number;
  /** Part of the bottleneck's rate that was used. */
  readonly used: number;
}

export function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((all, value) => all + value, 0);
  const squares = values.reduce((all, value) => all + value * value, 0);
  return (sum * sum) / (values.length * squares);
}

/** Shares over `measured` seconds, after `settle` seconds in which the flows find their places. */
export function share(flows: readonly FlowPlan[], settle: number, measured: number): Shares {
  const bulk = new Bulk({ seed: 1, rtt: RTT, rate: RATE, queueBytes: QUEUE, flows });
  bulk.world.run(settle * SECOND);
  const before = bulk.flows.map(({ received }) => received);
  bulk.world.run(measured * SECOND);
  const mbits = ({ received }: BulkFlow, index: number): number =>
    ((received - (before[index] as number)) * 8) / measured / 1e6;
  const goodput = bulk.flows.map(mbits);
  const used = goodput.reduce((all, value) => all + value, 0) / (RATE / 1e6);
  return { goodput, jain: jainIndex(goodput), used };
}

/** `count` flows with this congestion control, one after the other. */
export function flowsOf(congestion: 'cubic' | 'reno', count: number, firstAt = 0): FlowPlan[] {
  return Array.from({ length: count }, (_, i) => ({
    config: { congestion },
    startAt: firstAt + i * 0.5 * SECOND,
  }));
}
