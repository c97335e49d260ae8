/** The throughput table as a file: what was measured once, and how far from it counts as a change. */

import { readFileSync, writeFileSync } from 'node:fs';
import type { Offload } from '../../../src/device/memory-link.ts';
import { type Cell, type Measured, measure, nameOf } from './throughput.ts';

const FILE = new URL('../golden/throughput.json', import.meta.url);
/** Part of the goodput. */
const LEAST_BAND = 0.1;
const MOST_BAND = 0.9;
/** In standard errors, where chance alone moves a cell further. */
const ERRORS = 3;

/** What is written of a cell: Mbit/s, and counts over all its seeds. */
interface GoldenCell extends Omit<Measured, 'error'> {
  /** Part of the goodput by which it may be off, up or down. */
  readonly band: number;
}

export type Golden = Record<string, GoldenCell>;

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

export function goldenOf({ error, goodput, ...counts }: Measured): GoldenCell {
  // Two seeds may agree by chance: so few losses cannot say it more exactly.
  const byLosses = error > 0 ? 0.5 / Math.sqrt(Math.max(1, counts.lost)) : 0;
  const wanted = ERRORS * Math.max(error / goodput, byLosses);
  const band = Math.min(MOST_BAND, Math.max(LEAST_BAND, wanted));
  return { goodput: rounded(goodput), band: Number(band.toFixed(2)), ...counts };
}

export function readGolden(): Golden {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Golden;
}

/** One cell a line, so that a difference of the file is a difference of cells. */
export function writeGolden(golden: Golden): void {
  const lines = Object.entries(golden).map(
    ([name, cell]) => `  ${JSON.stringify(name)}: ${JSON.stringify(cell)}`,
  );
  writeFileSync(FILE, `{\n${lines.join(',\n')}\n}\n`);
}

/** One line when `measured` is not what the file says of `name`, else null. */
export function difference(name: string, measured: GoldenCell, golden: Golden): string | null {
  const before = golden[name];
  if (before === undefined) return `${name}: not in the file`;
  const change = measured.goodput / before.goodput - 1;
  if (Math.abs(change) <= before.band) return null;
  const percent = `${change > 0 ? '+' : ''}${(100 * change).toFixed(0)} %`;
  const counts = (cell: GoldenCell): string =>
    `${cell.lost} lost, ${cell.resent} resent, ${cell.timeouts} RTOs`;
  return (
    `${name}: ${before.goodput} → ${measured.goodput} Mbit/s, ${percent} (±${(100 * before.band).toFixed(0)} %); ` +
    `${counts(before)} → ${counts(measured)}`
  );
}

/** Measures `cells` and compares: a line for each that has changed. */
export function differences(cells: readonly Cell[], offload: Offload = 'off'): string[] {
  const golden = readGolden();
  return cells.flatMap((cell) => difference(nameOf(cell), goldenOf(measure(cell, offload)), golden) ?? []);
}
