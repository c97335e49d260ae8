/**
 * The scripts beside this file, each a test of its own whose title is the script's head: `.pkt` must
 * pass, `.pkt.bad` must fail as its head says, `fails: …` (or the check in it proves nothing).
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { failureText } from '../../src/drill/failure.ts';
import { scriptHead } from '../../src/drill/head.ts';
import { type DrillResult, runScript } from '../../src/drill/interpreter.ts';
import { parseScript } from '../../src/drill/parser.ts';

const FOLDER = import.meta.dirname;
const FAILS = /\bfails: (.+)$/;

function scripts(ending: string): string[] {
  return (readdirSync(FOLDER, { recursive: true }) as string[])
    .filter((file) => file.endsWith(ending))
    .sort();
}

function run(file: string, text: string): DrillResult {
  return runScript(parseScript(text, join('test/conformance', file)));
}

describe('scripts that pass', () => {
  for (const file of scripts('.pkt')) {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    test(`${file}: ${scriptHead(text)}`, () => {
      assert.notEqual(scriptHead(text), '', 'a script begins with a comment that says what it proves');
      const { failure } = run(file, text);
      if (failure !== null) assert.fail(failureText(file, failure));
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
      const { failure } = run(file, text);
      assert.ok(failure !== null, 'it passed');
      const message = failureText(file, failure);
      assert.ok(message.includes(expected), message);
    });
  }
});
