/** Whether something grows: the last third of a run beside the middle one. The first is for warming up. */

import type { Vitals } from '../../support/impaired-up.ts';

const MEGABYTE = 1024 * 1024;

export interface Metric {
  readonly of: (vitals: Vitals) => number;
  /** By how much the median of the last third may be above that of the middle one. */
  readonly margin: number;
}

/** Every leak that is twice as large as its margin is found whatever the noise; see the test. */
export const METRICS = {
  heapUsed: { of: ({ memory }) => memory.heapUsed, margin: 1.5 * MEGABYTE },
  external: { of: ({ memory }) => memory.external, margin: 8 * MEGABYTE },
  arrayBuffers: { of: ({ memory }) => memory.arrayBuffers, margin: 8 * MEGABYTE },
  rss: { of: ({ memory }) => memory.rss, margin: 24 * MEGABYTE },
  descriptors: { of: ({ descriptors }) => descriptors, margin: 4 },
  'pool in use': { of: ({ stats }) => stats.tables['memory'] ?? 0, margin: 6 * MEGABYTE },
  connections: { of: ({ stats }) => stats.tables['connections'] ?? 0, margin: 20 },
  timers: { of: ({ stats }) => stats.tables['timers'] ?? 0, margin: 20 },
} as const satisfies Record<string, Metric>;
export type MetricName = keyof typeof METRICS;

/** The value that a share of all values is not above; `share` 0.5: the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Third number 0, 1 or 2. */
export function third<Item>(items: readonly Item[], number: number): Item[] {
  const at = (edge: number): number => Math.round((items.length * edge) / 3);
  return items.slice(at(number), at(number + 1));
}

/** From the middle third to the last. */
export function growth(values: readonly number[]): number {
  return quantile(third(values, 2), 0.5) - quantile(third(values, 1), 0.5);
}

/** Each metric that has grown, with its figures. */
export function grown(samples: readonly Vitals[]): string[] {
  return Object.entries<Metric>(METRICS)
    .map(([name, { of, margin }]) => ({ name, margin, by: growth(samples.map(of)) }))
    .filter(({ by, margin }) => by > margin)
    .map(({ name, by, margin }) => `${name} has grown by ${by}, more than ${margin}`);
}

/** The values with a leak in them that adds `perThird` in each third of the run. */
export function withLeak(values: readonly number[], perThird: number): number[] {
  return values.map((value, place) => value + (3 * perThird * place) / values.length);
}
