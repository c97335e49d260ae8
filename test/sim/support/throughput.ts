/** The cells of the throughput table, and how one is measured. */

import { REASON } from '../../../src/base/reasons.ts';
import { Bulk, type BulkPlan } from './bulk.ts';

export interface Cell {
  /** Per cent. */
  readonly loss: number;
  /** ms. */
  readonly rtt: number;
  /** Of the bottleneck: a quarter of the bandwidth-delay product, all of it, four of it. */
  readonly queue: 'small' | 'bdp' | 'large';
  /** Per cent of the packets are held back by up to a quarter of the RTT. */
  readonly reordering: number;
  readonly congestion: 'cubic' | 'reno';
}

export interface Measured {
  /** Mbit/s that the receiver's application has read. */
  readonly goodput: number;
  readonly seconds: number;
  readonly segments: number;
  /** Of these, at random or by a full queue. */
  readonly lost: number;
  readonly resent: number;
  readonly timeouts: number;
}

export const LOSSES = [0, 0.1, 1, 5, 10];
export const RTTS = [1, 20, 100, 300];
export const QUEUES = ['small', 'bdp', 'large'] as const;
export const REORDERINGS = [0, 3];
export const CONTROLS = ['cubic', 'reno'] as const;

const SECOND = 1_000_000;
/** Bit/s of the bottleneck. */
export const RATE = 50e6;
const QUEUE_FACTOR = { small: 1 / 4, bdp: 1, large: 4 };
/** No bottleneck has a shorter queue than this. */
const LEAST_QUEUE = 4 * 1500;

export function allCells(): Cell[] {
  const cells: Cell[] = [];
  for (const congestion of CONTROLS)
    for (const reordering of REORDERINGS)
      for (const queue of QUEUES)
        for (const rtt of RTTS)
          for (const loss of LOSSES) cells.push({ loss, rtt, queue, reordering, congestion });
  return cells;
}

export function nameOf({ loss, rtt, queue, reordering, congestion }: Cell): string {
  return `${congestion} loss ${loss}% rtt ${rtt}ms queue ${queue} reordering ${reordering}%`;
}

export function planOf(cell: Cell, seed: number): BulkPlan {
  const rtt = cell.rtt * 1000;
  const bdp = (RATE / 8) * (cell.rtt / 1000);
  return {
    seed,
    rtt,
    rate: RATE,
    queueBytes: Math.max(LEAST_QUEUE, bdp * QUEUE_FACTOR[cell.queue]),
    impairments: {
      loss: cell.loss / 100,
      reordering: cell.reordering / 100,
      reorderDelay: rtt / 4,
    },
    config: { congestion: cell.congestion },
  };
}

/** Of a thousand segments' losses there are enough for a steady mean; the slowest cells end by the clock. */
function extentOf(cell: Cell): { bytes: number; least: number; most: number } {
  const least = Math.max(20, cell.rtt / 5) * SECOND;
  return { bytes: cell.loss > 0 && cell.loss < 1 ? 250e6 : 30e6, least, most: 600 * SECOND };
}

export function measure(cell: Cell, seed: number): Measured {
  const bulk = new Bulk(planOf(cell, seed));
  const { world, link, client } = bulk;
  const { bytes, least, most } = extentOf(cell);
  world.runUntil(() => bulk.received >= bytes && world.clock.now >= least, most);
  const seconds = world.clock.now / SECOND;
  const { sent, lost, queueDropped } = link.a.counts;
  return {
    goodput: (bulk.received * 8) / seconds / 1e6,
    seconds,
    segments: sent,
    lost: lost + queueDropped,
    resent: client.stack.counters.byReason[REASON.TCP_RETRANSMIT] as number,
    timeouts: client.stack.counters.byReason[REASON.TCP_RTO] as number,
  };
}
