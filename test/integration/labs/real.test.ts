/** Every lab with the real kernel and real programs, several at a time, each in a namespace of its own. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LABS } from '../../../src/labs/catalogue/index.ts';
import { LabBench } from '../../support/labs.ts';
import { skipWithout } from '../../support/running-stack.ts';

interface Checked {
  readonly id: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly tries: number;
  readonly acts: readonly {
    readonly name: string;
    readonly error: string;
    readonly difference: string;
    readonly checks: readonly {
      readonly text: string;
      readonly ok: boolean;
      readonly detail: string | null;
    }[];
  }[];
}

const JOBS = '3';
const PATIENCE = 540_000;

function failureOf({ acts }: Checked): string {
  return acts
    .flatMap(({ name, error, difference, checks }) => [
      ...(error === '' ? [] : [`${name}: ${error}`]),
      ...checks.filter(({ ok }) => !ok).map(({ text, detail }) => `${name}: ${text}: ${detail ?? ''}`),
      difference,
    ])
    .join('\n');
}

describe('all labs for real', {
  skip: skipWithout('nc', 'script', 'curl', 'python3', 'ncat', 'socat'),
}, () => {
  test('lab check all --real --auto', async (t) => {
    const bench = new LabBench();
    try {
      const program = bench.start('lab', 'check', 'all', '--real', '--auto', '--json', '--jobs', JOBS);
      const { code, stdout, stderr } = await program.end(PATIENCE);
      assert.ok(code === 0 || code === 1, stderr);
      const all = JSON.parse(stdout.toString()) as Checked[];
      const wanted = LABS.filter(({ only }) => only?.stage !== 'sim').map(({ id }) => id);
      assert.deepEqual(all.map(({ id }) => id).sort(), [...wanted].sort());
      for (const checked of all) {
        await t.test(`${checked.id}: real nc, real kernel`, (lab) => {
          lab.diagnostic(`${checked.seconds.toFixed(1)} s, played ${checked.tries} times`);
          assert.ok(checked.ok, failureOf(checked));
        });
      }
    } finally {
      await bench.close();
    }
  });
});
