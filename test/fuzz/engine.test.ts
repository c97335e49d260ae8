/** The engine's share of the fuzzing in every test run. The others' is in others.test.ts, beside it. */

import { test } from 'node:test';
import { fuzzFor, SEED } from './support/run.ts';

const SECONDS = 75;

test(`fuzzing the whole stack for ${SECONDS} s from seed ${SEED} breaks no invariant`, (t) =>
  fuzzFor(t, 'engine', SECONDS));
