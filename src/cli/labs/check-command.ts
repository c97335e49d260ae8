/** `fourwave lab check`: many labs, several at a time, each in a namespace of its own. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '../../labs/lab.ts';
import type { ActReport, ActResult, LabResult } from '../../labs/result.ts';
import { type RunOptions, runLab } from '../../labs/run.ts';
import type { StageMode } from '../../labs/stage.ts';
import { describe, EXIT_FAILED } from '../errors.ts';
import { painter, print, printJson } from '../terminal.ts';
import { type FoundFlavour, findFlavours } from './flavours.ts';
import type { Language } from './language.ts';
import { openSim } from './modes.ts';
import { RealStage } from './real-stage.ts';
import { RealWorld } from './real-world.ts';
import { actText } from './result-text.ts';
import { fileName } from './runs.ts';
import { watchForStarvation } from './starved.ts';

export interface CheckOptions {
  readonly mode: StageMode;
  readonly jobs: number;
  readonly json: boolean;
  readonly language: Language;
}

/** How often a lab is played on a machine that has no time for it. */
const TRIES = 3;

interface Checked {
  readonly lab: Lab;
  readonly result: LabResult;
  readonly seconds: number;
  readonly tries: number;
}

/** Resolves to the exit code. */
export async function checkCommand(labs: readonly Lab[], options: CheckOptions): Promise<number> {
  const run = new CheckRun(options, await findFlavours());
  return run.all(labs);
}

class CheckRun {
  private readonly options: CheckOptions;
  private readonly found: readonly FoundFlavour[];
  private readonly paint = painter();
  private readonly folder = mkdtempSync(join(tmpdir(), 'fourwave-labs-'));
  private runs = 0;

  constructor(options: CheckOptions, found: readonly FoundFlavour[]) {
    this.options = options;
    this.found = found;
  }

  async all(labs: readonly Lab[]): Promise<number> {
    const began = performance.now();
    const { mode, json } = this.options;
    // The slowest first, so that none is left alone at the end.
    const waiting = labs.filter(({ only }) => only === undefined || only.stage === mode);
    const skipped = labs.filter((lab) => !waiting.includes(lab));
    const queue = waiting.toSorted((a, b) => weight(b) - weight(a));
    const done: Checked[] = [];
    const worker = async (): Promise<void> => {
      for (let lab = queue.shift(); lab !== undefined; lab = queue.shift()) {
        const checked = await this.check(lab);
        done.push(checked);
        if (!json) this.tell(checked);
      }
    };
    // Also when it is interrupted.
    process.once('exit', () => rmSync(this.folder, { recursive: true, force: true }));
    try {
      await Promise.all(Array.from({ length: mode === 'sim' ? 1 : this.options.jobs }, worker));
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
    const ok = done.every(({ result }) => result.ok);
    if (json) printJson(done.map(asJson));
    else this.summary(done, skipped, (performance.now() - began) / 1000);
    return ok ? 0 : EXIT_FAILED;
  }

  /** Real time is not the lab's: where programs had to wait for a processor, it is played once more. */
  private async check(lab: Lab): Promise<Checked> {
    const began = performance.now();
    for (let tries = 1; ; tries++) {
      const starved = watchForStarvation();
      const result = await this.play(lab);
      const again = !result.ok && this.options.mode === 'real' && tries < TRIES && starved() !== null;
      if (!again) return { lab, result, tries, seconds: (performance.now() - began) / 1000 };
    }
  }

  /** A stage that cannot be opened is that lab's failure, unless it would be every lab's. */
  private async play(lab: Lab): Promise<LabResult> {
    try {
      return await runLab(lab, this.runOptions(lab));
    } catch (thrown) {
      const error = describe(thrown);
      if (error.exitCode !== EXIT_FAILED) throw error;
      return { id: lab.id, mode: this.options.mode, ok: false, acts: [failed(error.message)] };
    }
  }

  private runOptions(lab: Lab): RunOptions {
    const { mode } = this.options;
    return { mode, open: mode === 'sim' ? openSim() : (setting) => this.openReal(lab, setting) };
  }

  private async openReal(lab: Lab, setting: Parameters<RunOptions['open']>[0]): Promise<RealStage> {
    const base = join(this.folder, `${fileName(lab.id)}-${++this.runs}`);
    const world = await RealWorld.open({ lab: lab.id, setting, base, keep: false, findable: false });
    return new RealStage(world, this.found);
  }

  private tell({ lab, result, seconds, tries }: Checked): void {
    const { language } = this.options;
    const checks = result.acts.flatMap((act) => act.checks);
    const mark = result.ok ? this.paint('green', '✓') : this.paint('red', '✗');
    const often = tries > 1 ? `, played ${tries} times: programs waited for a processor` : '';
    const about = `${checks.length} checks, ${seconds.toFixed(1)} s${often}`;
    print(`${mark} ${lab.id.padEnd(32)} ${this.paint('dim', about)}`);
    if (result.ok) return;
    for (const act of result.acts.filter(({ ok }) => !ok)) {
      for (const line of actText(act, result.acts.length > 1, { language, paint: this.paint }))
        print(`    ${line.replaceAll('\n', '\n    ')}`);
    }
  }

  private summary(done: readonly Checked[], skipped: readonly Lab[], seconds: number): void {
    const failed = done.filter(({ result }) => !result.ok);
    const other = this.options.mode === 'sim' ? 'real' : 'sim';
    const left = skipped.length === 0 ? '' : `, ${skipped.length} for --${other} only`;
    const good = done.length - failed.length;
    print(`${good} of ${done.length} labs as they should be${left}, ${seconds.toFixed(1)} s`);
    if (failed.length > 0) print(`not: ${failed.map(({ lab }) => lab.id).join(', ')}`);
  }
}

function failed(error: string): ActResult {
  const report = {
    ...{ mode: 'real', events: [], programs: [], sockets: [], connections: [], kept: {}, trouble: [] },
    ...{ bound: {}, lines: [] },
  } as ActReport;
  return { name: 'stage', ok: false, report, checks: [], difference: '', error };
}

/** About how long a lab takes with a real kernel. */
function weight({ acts }: Lab): number {
  return acts.reduce((sum, act) => sum + (act.patience ?? 1000) + 1000, 0);
}

function asJson({ lab, result, seconds, tries }: Checked): object {
  return {
    ...{ id: lab.id, mode: result.mode, ok: result.ok, seconds, tries },
    acts: result.acts.map(({ name, ok, checks, error, difference }) => ({
      ...{ name, ok, error, difference },
      checks: checks.map(({ text, ok: good, detail = null }) => ({ text: text.en, ok: good, detail })),
    })),
  };
}
