/** What is kept of runs: `runs/<date>/<lab>.…` in the folder where one works. */

import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabResult } from '../../labs/result.ts';
import { unusable } from '../errors.ts';

const RUNS = 'runs';

/** `close/last-ack-lost` as the beginning of a file name. */
export function fileName(id: string): string {
  return id.replace('/', '-');
}

/** A new folder for what a run leaves. @throws CliError */
export function newRunFolder(now: Date = new Date()): string {
  const name = now.toISOString().slice(0, 23).replaceAll(/[:.]/g, '-');
  const folder = join(RUNS, name);
  try {
    mkdirSync(folder, { recursive: true });
    for (const one of [RUNS, folder]) giveBack(one);
  } catch (error) {
    throw unusable(`the folder ${folder} cannot be made`, error, 'go to a folder that you may write in');
  }
  return folder;
}

/** What sudo has written belongs to the person who has typed it. */
export function giveBack(path: string): void {
  const { SUDO_UID, SUDO_GID } = process.env;
  if (process.getuid?.() !== 0 || SUDO_UID === undefined) return;
  try {
    chownSync(path, Number(SUDO_UID), Number(SUDO_GID ?? SUDO_UID));
  } catch {
    // A file system that knows no owners.
  }
}

/** A run as its file tells it. */
export interface SavedRun {
  readonly lab: string;
  readonly mode: string;
  readonly ok: boolean;
  readonly date: string;
  /** A person has typed it. */
  readonly typed: boolean;
  /** The logs, one for each act. */
  readonly logs: readonly string[];
  readonly result: LabResult;
}

/** Large parts of a report that the log has anyway. */
export async function saveResult(base: string, run: SavedRun): Promise<void> {
  const text = JSON.stringify(run, (key, value: unknown) => (key === 'events' ? undefined : value), 1);
  await writeFile(`${base}.json`, `${text}\n`);
  giveBack(`${base}.json`);
}

/** Of each lab the run that was last, by its id. */
export function lastRuns(): ReadonlyMap<string, { readonly ok: boolean; readonly date: string }> {
  const found = new Map<string, { ok: boolean; date: string }>();
  for (const folder of names(RUNS)) {
    for (const file of names(join(RUNS, folder)).filter((name) => name.endsWith('.json'))) {
      const run = readRun(join(RUNS, folder, file));
      if (run === null) continue;
      const before = found.get(run.lab);
      if (before === undefined || before.date <= run.date) found.set(run.lab, { ok: run.ok, date: run.date });
    }
  }
  return found;
}

/** Null where the file is not one of ours. */
export function readRun(path: string): SavedRun | null {
  try {
    const run = JSON.parse(readFileSync(path, 'utf8')) as Partial<SavedRun>;
    return typeof run.lab === 'string' && typeof run.ok === 'boolean' && typeof run.date === 'string'
      ? (run as SavedRun)
      : null;
  } catch {
    return null;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
