/**
 * The scripts beside this file, each a test of its own whose title is the script's head: `.pkt` must
 * pass, `.pkt.bad` must fail as its head says, `fails: …` (or the check in it proves nothing). Each runs
 * over three devices: one that takes single segments, one that completes checksums, and one that takes
 * super-packets, which are cut before the script sees them.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { OFFLOADS, type Offload } from '../../src/device/memory-link.ts';
import { failureText } from '../../src/drill/failure.ts';
import { scriptHead } from '../../src/drill/head.ts';
import { type DrillResult, runScript } from '../../src/drill/interpreter.ts';
import { parseScript } from '../../src/drill/parser.ts';

const FOLDER = import.meta.dirname;
/** In the head of a script whose segments are cut at other places when they were sent together. */
const NOT_TOGETHER = /\bnot with super-packets: /;
const FAILS = /\bfails: (.+)$/;

function scripts(ending: string): string[] {
  return (readdirSync(FOLDER, { recursive: true }) as string[])
    .filter((file) => file.endsWith(ending))
    .sort();
}

/** One result for each kind of device. */
function runEach(file: string, text: string): [Offload, DrillResult][] {
  const script = parseScript(text, join('test/conformance', file));
  const together = !NOT_TOGETHER.test(scriptHead(text));
  return OFFLOADS.filter((offload) => together || offload !== 'tso4').map((offload) => [
    offload,
    runScript(script, { offload }),
  ]);
}

describe('scripts that pass', () => {
  for (const file of scripts('.pkt')) {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    test(`${file}: ${scriptHead(text)}`, () => {
      assert.notEqual(scriptHead(text), '', 'a script begins with a comment that says what it proves');
      for (const [offload, { failure }] of runEach(file, text)) {
        if (failure !== null) assert.fail(`offload ${offload}: ${failureText(file, failure)}`);
      }
    });
  }
});

describe('scripts that fail', () => {
  for (const file of scripts('.pkt.bad')) {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    test(`${file}: ${scriptHead(text)}`, () => {
      const expected = FAILS.exec(scriptHead(text))?.[1];
      assert.ok(
        expected !== undefined,
        'the head of a script that fails ends with "fails: " and the message',
      );
      for (const [offload, { failure }] of runEach(file, text)) {
        assert.ok(failure !== null, `offload ${offload}: it passed`);
        const message = failureText(file, failure);
        assert.ok(message.includes(expected), `offload ${offload}: ${message}`);
      }
    });
  }
});
