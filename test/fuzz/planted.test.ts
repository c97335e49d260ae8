/** The fuzzer finds what it is for: faults planted in copies, and one deep in the stack. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFuzzer } from './support/run.ts';

const PLANTED = ['--targets', 'build/test/test/fuzz/planted', '--instrumented', 'build/test/', '--hang', '3'];
/** It takes seconds; a machine that does much else is given minutes. */
const PATIENCE = ['--seconds', '240', '--seed', '1'];

test('the fuzzer finds a reader of options that never ends (B03), and says where the input is', async (t) => {
  const run = await runFuzzer(t, 'hanging-options', ...PLANTED, ...PATIENCE);
  if (run === null) return;
  assert.equal(run.status, 1, run.output);
  assert.match(run.output, /hanging-options: an input hangs/);
  assert.match(run.output, /input: \S+timeout-[0-9a-f]{40}/);
});

test('the fuzzer finds a reader of options that reads one byte too many (B04), and minimizes the input', async (t) => {
  const run = await runFuzzer(t, 'overreading-options', ...PLANTED, ...PATIENCE);
  if (run === null) return;
  assert.equal(run.status, 1, run.output);
  assert.match(run.output, /RangeError: Offset is outside the bounds of the DataView/);
  // MSS cut off before its last byte, or timestamps before theirs.
  const [, input] = /which minimized is\n\s+([0-9a-f]+)/.exec(run.output) ?? [];
  assert.ok(input !== undefined && input.length <= 18, run.output);
  assert.match(run.output, /add it to test\/fuzz\/crashes/);
});

test('the fuzzer finds a broken invariant several steps deep in CLOSE-WAIT, where nothing throws', async (t) => {
  const run = await runFuzzer(t, 'shrinking-window', '--inputs', 'engine', ...PLANTED, ...PATIENCE);
  if (run === null) return;
  assert.equal(run.status, 1, run.output);
  assert.match(run.output, /CLOSE-WAIT: the window’s right edge moved by -1/);
});

test('what is not there is an error of its own, not a clean run', async (t) => {
  const run = await runFuzzer(t, 'no-such-target');
  assert.equal(run?.status, 2);
  assert.match(run?.output ?? '', /no target is called no-such-target/);
});
