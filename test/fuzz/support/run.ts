/** Runs scripts/run-fuzz.js for a test. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** What a run is reproduced with. `FOURWAVE_FUZZ_SEED` chooses another. */
export const SEED = Number(process.env['FOURWAVE_FUZZ_SEED'] ?? 1);

/** The exit code of a machine on which the fuzzer does not run. */
const NOT_HERE = 4;

export interface Run {
  status: number | null;
  output: string;
  seconds: number;
}

/**
 * The fuzzer with these arguments, in a folder of its own. Null, and the test skipped, where it does not
 * run; not in CI.
 */
export async function runFuzzer(t: TestContext, ...args: string[]): Promise<Run | null> {
  const work = mkdtempSync(join(tmpdir(), 'fourwave-fuzz-'));
  const began = performance.now();
  const child = spawn(process.execPath, ['scripts/run-fuzz.js', '--work', work, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.signal.addEventListener('abort', () => child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const status = await new Promise<number | null>((done) => {
    child.on('close', done);
  });
  rmSync(work, { recursive: true });
  if (status === NOT_HERE) {
    assert.notEqual(process.env['CI'], 'true', output);
    t.skip(output.trim());
    return null;
  }
  return { status, output, seconds: (performance.now() - began) / 1000 };
}

/** Fuzzes `target` for `seconds`; what it finds is the test's failure. */
export async function fuzzFor(t: TestContext, target: string, seconds: number): Promise<void> {
  const run = await runFuzzer(t, target, '--seconds', String(seconds), '--seed', String(SEED));
  if (run === null) return;
  assert.equal(run.status, 0, run.output);
  const [last] = run.output.match(/\d+ runs, .*(?= \(the end\))/) ?? [];
  assert.ok(last !== undefined, run.output);
  t.diagnostic(`${target}: seed ${SEED}, ${last}`);
}
