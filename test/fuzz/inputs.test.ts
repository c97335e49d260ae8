/** What the repository knows: inputs that have broken the stack, the corpus, the seeds. Without the fuzzer. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corpusOf, crashesOf } from './support/committed.ts';
import { engineSeeds, STATE_SEEDS } from './support/seeds.ts';
import { loadTarget, TARGETS } from './support/targets.ts';
import { runProgram } from './targets/engine.ts';

for (const target of TARGETS) {
  for (const { bytes, about } of crashesOf(target)) {
    test(`a crash of ${target} that is repaired: ${about}`, async () => (await loadTarget(target))(bytes));
  }
  const corpus = corpusOf(target);
  test(`${target}: the ${corpus.length} inputs of its corpus break nothing`, async () => {
    const fuzz = await loadTarget(target);
    for (const { bytes } of corpus) fuzz(bytes);
  });
}

const seeds = engineSeeds();
test(`engine: the ${seeds.length} seeds break nothing`, async () => {
  const fuzz = await loadTarget('engine');
  for (const { bytes, about } of seeds) {
    assert.doesNotThrow(() => fuzz(bytes), about);
  }
});

for (const [state, steps] of Object.entries(STATE_SEEDS)) {
  test(`the engine's fuzzer has a seed that reaches ${state}`, () => {
    const { machine } = runProgram(Uint8Array.from([0, ...steps]));
    const states = machine.stack.connections().map((record) => record.state);
    if (state === 'CLOSED') assert.deepEqual(states, []);
    else assert.ok(states.includes(state as (typeof states)[number]), states.join(' '));
  });
}
