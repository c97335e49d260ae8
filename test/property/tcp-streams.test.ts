/**
 * Two stacks, a link that does everything a network may do, and applications that end in every way:
 * whatever the seed draws, streams are byte-exact, every connection ends, and nothing is left.
 */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runSeed } from './support/run.ts';

const SEEDS = Number(process.env['FOURWAVE_SEEDS'] ?? 5_000);
const FIRST = Number(process.env['FOURWAVE_FIRST_SEED'] ?? 1);
/** Failures that are worth printing. */
const ENOUGH = 10;

it(`streams arrive and connections end, seeds ${FIRST} to ${FIRST + SEEDS - 1}`, () => {
  const failures: string[] = [];
  for (let seed = FIRST; seed < FIRST + SEEDS && failures.length < ENOUGH; seed++) {
    try {
      runSeed(seed);
    } catch (error) {
      failures.push(
        `${error instanceof Error ? error.message : String(error)}\n` +
          `    to see it: node --import tsx test/property/run-seed.ts ${seed}`,
      );
    }
  }
  assert.equal(failures.length, 0, failures.join('\n'));
});
