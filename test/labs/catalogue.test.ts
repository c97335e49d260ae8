/**
 * Every lab of the catalogue is green in the simulator, and red as soon as what it is about is broken.
 * `FOURWAVE_LAB=close/` plays those only whose id begins so.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findLab, LABS } from '../../src/labs/catalogue/index.ts';
import { INVARIANT_NAMES } from '../../src/labs/invariants.ts';
import type { Lab } from '../../src/labs/lab.ts';
import type { LabResult } from '../../src/labs/result.ts';
import { runInSim } from '../../src/labs/sim/run-sim.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..').replace(/\/(build|dist)(\/.*)?$/, '');
const wanted = LABS.filter(({ id }) => id.startsWith(process.env['FOURWAVE_LAB'] ?? ''));
const simulated = wanted.filter(({ only }) => only?.stage !== 'real');

/** What a failure prints: every check that is red, and the ladders. */
function redOf({ acts }: LabResult): string {
  return acts
    .filter(({ ok }) => !ok)
    .map(({ name, error, checks, difference }) => {
      const red = checks.filter(({ ok }) => !ok).map(({ text, detail }) => `✗ ${text.en}: ${detail ?? ''}`);
      return [`act ${name}`, error, ...red, difference].filter((line) => line !== '').join('\n');
    })
    .join('\n\n');
}

describe('green as they are', () => {
  for (const lab of simulated) {
    test(`${lab.id} (${lab.answers.join(' ')})`, async () => {
      const result = await runInSim(lab);
      assert.ok(result.ok, `\n${redOf(result)}\n`);
      for (const { name, checks } of result.acts) {
        const waived = lab.acts.find((act) => act.name === name)?.waive?.length ?? 0;
        assert.ok(checks.length > INVARIANT_NAMES.length - waived, `${name} checks nothing of its own`);
      }
    });
  }
});

describe('red when broken', () => {
  for (const lab of simulated) {
    test(`${lab.id}: ${lab.broken.what}`, async () => {
      const result = await runInSim(lab, { broken: true });
      assert.ok(!result.ok, 'the break went unnoticed');
      const thrown = result.acts
        .filter(({ ok }) => !ok)
        .map(({ error, checks }) => error !== '' && checks.every(({ ok }) => ok));
      assert.ok(!thrown.every(Boolean), 'only the script noticed it, none of the checks');
    });
  }
});

describe('what a lab says of itself', () => {
  for (const lab of wanted) {
    test(lab.id, () => {
      assert.equal(findLab(lab.id), lab);
      for (const file of lab.code) assert.ok(existsSync(join(ROOT, file)), `${file} is not there`);
      for (const id of lab.next ?? []) assert.ok(id in NAMES, `next: there is no lab ${id}`);
      assert.ok(Object.keys(lab.type).length > 0, 'nobody is told what to type');
    });
  }
  test('every question of the subject, B1 to B60, is answered by a lab', () => {
    const answered = new Set(LABS.flatMap(({ answers }) => answers));
    const questions = Array.from({ length: 60 }, (_, index) => `B${index + 1}`);
    assert.deepEqual(
      questions.filter((one) => !answered.has(one)),
      [],
    );
  });
  test('ids are unique, and levels never go down', () => {
    const ids = LABS.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const levels = LABS.map(({ level }) => level);
    assert.deepEqual(levels, levels.toSorted());
  });
});

const NAMES: Readonly<Record<string, Lab>> = Object.fromEntries(LABS.map((lab) => [lab.id, lab]));

test('two runs of a lab give the same log to the last bit', async () => {
  const lab = findLab('close/last-ack-lost') as Lab;
  const [one, two] = [await runInSim(lab), await runInSim(lab)];
  assert.equal(JSON.stringify(one), JSON.stringify(two));
});
