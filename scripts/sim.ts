/** `npm run sim`: worlds full of connections by the simulated hour, and the throughput table. */

import { parseArgs } from 'node:util';
import { MODES, type Mode } from '../test/sim/support/busy-plan.ts';
import { type BusyResult, runBusySeed } from '../test/sim/support/busy-world.ts';
import { difference, type Golden, goldenOf, readGolden, writeGolden } from '../test/sim/support/golden.ts';
import { allCells, measure, nameOf } from '../test/sim/support/throughput.ts';

const HELP = `scripts/sim [--hours N | --minutes N | --segments N] [--first SEED]
  Random worlds, each seed in the modes ${MODES.join(', ')}, until so much
  time has been simulated, or so many segments were sent. Exits 1 when anything was wrong.
scripts/sim --seed SEED [--mode MODE]
  One of these worlds.
scripts/sim --golden [--check]
  Measures the throughput table and writes it to test/sim/golden/; --check compares instead.`;

const HOUR = 3_600_000_000;
/** Between two lines about how far it is, ms of the wall. */
const REPORT_EVERY = 60_000;
/** Breaches after which it stops. */
const ENOUGH = 100;

/** What the worlds so far come to. */
class Totals {
  worlds = 0;
  segments = 0;
  connections = 0;
  whole = 0;
  /** Virtual, µs. */
  time = 0;
  readonly breaches: string[] = [];
  private readonly startedAt = performance.now();
  private reportedAt = performance.now();

  add({ segments, connections, whole, time }: BusyResult): void {
    this.worlds++;
    this.segments += segments;
    this.connections += connections;
    this.whole += whole;
    this.time += time;
  }

  report(): void {
    this.reportedAt = performance.now();
    const wall = (performance.now() - this.startedAt) / 1000;
    const cpu = process.cpuUsage();
    const busy = (cpu.user + cpu.system) / 1e6;
    const simulated = this.time / 1e6;
    const count = (n: number): string => Math.round(n).toLocaleString('en');
    console.log(
      `${count(this.segments)} segments, ${count(this.connections)} connections ` +
        `(${count(this.whole)} wholly checked) in ${count(this.worlds)} worlds; ` +
        `${(simulated / 3600).toFixed(2)} h simulated in ${count(wall)} s: ` +
        `${(simulated / wall).toFixed(1)} simulated hours per wall hour, ` +
        `${count(this.segments / wall)} segments/s (${count(this.segments / busy)} per CPU-second), ` +
        `${count(this.segments / simulated)} per simulated second; ${this.breaches.length} breaches`,
    );
  }

  get reportIsDue(): boolean {
    return performance.now() - this.reportedAt > REPORT_EVERY;
  }
}

function runWorld(totals: Totals, seed: number, mode: Mode): void {
  try {
    totals.add(runBusySeed(seed, mode));
  } catch (error) {
    const again = `npm run sim -- --seed ${seed} --mode ${mode}`;
    totals.breaches.push(again);
    console.log(`seed ${seed}, ${mode}: ${error instanceof Error ? error.stack : String(error)}`);
    console.log(`  to run it alone: ${again}`);
  }
}

function runMany(first: number, time: number, segments: number): Totals {
  const totals = new Totals();
  for (let seed = first; totals.time < time && totals.segments < segments; seed++) {
    for (const mode of MODES) runWorld(totals, seed, mode);
    if (totals.breaches.length >= ENOUGH) break;
    if (totals.reportIsDue) totals.report();
  }
  return totals;
}

function runOne(seed: number, modes: readonly Mode[]): Totals {
  const totals = new Totals();
  for (const mode of modes) runWorld(totals, seed, mode);
  return totals;
}

/** A whole positive number, or the usage and the end. */
function positive(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (value > 0) return value;
  usage();
}

function usage(): never {
  console.error(HELP);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        hours: { type: 'string' },
        minutes: { type: 'string' },
        segments: { type: 'string' },
        first: { type: 'string' },
        seed: { type: 'string' },
        mode: { type: 'string' },
        golden: { type: 'boolean' },
        check: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch {
    return usage();
  }
}

function simulate(options: ReturnType<typeof readOptions>): Totals {
  const mode = MODES.find((known) => known === options.mode);
  if (options.mode !== undefined && mode === undefined) usage();
  if (options.seed !== undefined)
    return runOne(positive(options.seed, 1), mode === undefined ? MODES : [mode]);
  const bySegments = options.segments !== undefined;
  const hours = positive(options.hours, bySegments ? Infinity : 1);
  const minutes = positive(options.minutes, 60 * hours);
  return runMany(positive(options.first, 1), (minutes / 60) * HOUR, positive(options.segments, Infinity));
}

/** Measures the whole table, and writes it, or says what has changed. True when nothing has. */
function throughputTable(check: boolean): boolean {
  const golden: Golden = check ? readGolden() : {};
  const changed: string[] = [];
  const cells = allCells();
  cells.forEach((cell, index) => {
    const name = nameOf(cell);
    const measured = goldenOf(measure(cell));
    const line = check ? difference(name, measured, golden) : null;
    if (line !== null) changed.push(line);
    if (!check) golden[name] = measured;
    console.log(
      `${index + 1}/${cells.length} ${name}: ${measured.goodput} Mbit/s${line === null ? '' : ' !'}`,
    );
  });
  if (!check) writeGolden(golden);
  else console.log(`\n${changed.length} of ${cells.length} cells have changed\n${changed.join('\n')}`);
  return changed.length === 0;
}

const options = readOptions();
if (options.help === true) {
  console.log(HELP);
} else if (options.golden === true) {
  process.exitCode = throughputTable(options.check === true) ? 0 : 1;
} else {
  const totals = simulate(options);
  totals.report();
  process.exitCode = totals.breaches.length > 0 ? 1 : 0;
}
