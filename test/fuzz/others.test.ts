/** Fuzzing in every test run: the simple parts, and the socket calls. */

import { test } from 'node:test';
import { fuzzFor, SEED } from './support/run.ts';

test(`fuzzing the codecs for 10 s from seed ${SEED}: they agree with plain ones (A01, A02, B01–B04)`, (t) =>
  fuzzFor(t, 'wire', 10));

test(`fuzzing reassembly for 10 s from seed ${SEED}: it agrees with a plain model (RFC 5722)`, (t) =>
  fuzzFor(t, 'reassembly', 10));

test(`fuzzing programs of socket calls for 25 s from seed ${SEED}: nothing but errno, nothing leaks`, (t) =>
  fuzzFor(t, 'posix', 25));
