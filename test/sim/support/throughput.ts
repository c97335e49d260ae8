/** The cells of the throughput table, and how one is measured. */

import { REASON } from '../../../src/base/reasons.ts';
import type { Offload } from '../../../src/device/memory-link.ts';
import { Bulk, type BulkPlan } from './bulk.ts';

export interface Cell {
  /** Per cent. */
  readonly loss: number;
  /** ms. */
  readonly rtt: number;
  /** Of the bottleneck: a quarter of the bandwidth-delay product, all of it, four of it. */
  readonly queue: 'small' | 'bdp' | 'large';
  /** Per cent of the packets that are held back by up to a quarter of the RTT. */
  readonly reordering: number;
  readonly congestion: 'cubic' | 'reno';
}

export interface Measured {
  /** Mbit/s that the receiver's application has read. */
  readonly goodput: number;
  /** Standard error of that, Mbit/s: how far another set of seeds would be from it. */
  readonly error: number;
  /** Sums over the seeds. */
  readonly segments: number;
  /** Of these, at random or by a full queue. */
  readonly lost: number;
  readonly resent: number;
  readonly timeouts: number;
}

const LOSSES = [0, 0.1, 1, 5, 10];
const RTTS = [1, 20, 100, 300];
const QUEUES = ['small', 'bdp', 'large'] as const;
const REORDERINGS = [0, 3];
const CONTROLS = ['cubic', 'reno'] as const;

/** Bit/s of the bottleneck. */
export const RATE = 50e6;
const QUEUE_FACTOR = { small: 1 / 4, bdp: 1, large: 4 };
/** No bottleneck has a shorter queue than this. */
const LEAST_QUEUE = 4 * 1500;
const SECOND = 1_000_000;
const SEEDS = [1, 2];

export function allCells(): Cell[] {
  return CONTROLS.flatMap((congestion) =>
    REORDERINGS.flatMap((reordering) =>
      QUEUES.flatMap((queue) =>
        RTTS.flatMap((rtt) => LOSSES.map((loss) => ({ loss, rtt, queue, reordering, congestion }))),
      ),
    ),
  );
}

export function nameOf({ loss, rtt, queue, reordering, congestion }: Cell): string {
  return `${congestion}, ${loss} % loss, ${rtt} ms, ${queue} queue, ${reordering} % reordered`;
}

export function planOf(cell: Cell, seed: number, offload: Offload = 'off'): BulkPlan {
  const rtt = cell.rtt * 1000;
  const product = ((RATE / 8) * cell.rtt) / 1000;
  return {
    seed,
    rtt,
    rate: RATE,
    queueBytes: Math.max(LEAST_QUEUE, product * QUEUE_FACTOR[cell.queue]),
    impairments: {
      loss: cell.loss / 100,
      reordering: cell.reordering / 100,
      reorderDelay: rtt / 4,
    },
    config: { congestion: cell.congestion },
    link: { offload },
  };
}

/** Long enough for some hundreds of losses; the slowest end by the clock. */
function extentOf(cell: Cell): { bytes: number; least: number; most: number } {
  const least = Math.max(10, cell.rtt / 8) * SECOND;
  return { bytes: cell.loss > 0 && cell.loss < 1 ? 60e6 : 20e6, least, most: 300 * SECOND };
}

function measureOnce(cell: Cell, seed: number, offload: Offload): Omit<Measured, 'error'> {
  const bulk = new Bulk(planOf(cell, seed, offload));
  const { world, link, client } = bulk;
  const { bytes, least, most } = extentOf(cell);
  world.runUntil(() => bulk.received >= bytes && world.clock.now >= least, most);
  const seconds = world.clock.now / SECOND;
  const { sent, lost, queueDropped } = link.a.counts;
  const { byReason } = client.stack.counters;
  return {
    goodput: (bulk.received * 8) / seconds / 1e6,
    segments: sent,
    lost: lost + queueDropped,
    resent: byReason[REASON.TCP_RETRANSMIT] as number,
    timeouts: byReason[REASON.TCP_RTO] as number,
  };
}

/** The mean over some seeds; one where nothing is left to chance. The path sees single segments in any case. */
export function measure(cell: Cell, offload: Offload = 'off'): Measured {
  const seeds = cell.loss + cell.reordering > 0 ? SEEDS : SEEDS.slice(0, 1);
  const runs = seeds.map((seed) => measureOnce(cell, seed, offload));
  const sum = (of: (run: Omit<Measured, 'error'>) => number): number =>
    runs.reduce((all, run) => all + of(run), 0);
  const mean = sum(({ goodput }) => goodput) / runs.length;
  const variance = sum(({ goodput }) => (goodput - mean) ** 2) / Math.max(1, runs.length - 1);
  return {
    goodput: mean,
    error: Math.sqrt(variance / runs.length),
    segments: sum(({ segments }) => segments),
    lost: sum(({ lost }) => lost),
    resent: sum(({ resent }) => resent),
    timeouts: sum(({ timeouts }) => timeouts),
  };
}
