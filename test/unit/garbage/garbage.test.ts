/** The packet path makes next to no garbage: a million segments do not fill V8's new space once. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const COMPILED = import.meta.url.endsWith('.js');
const BULK = fileURLToPath(new URL(COMPILED ? 'bulk.js' : 'bulk.ts', import.meta.url));
/** MiB: what new space grows to by itself where there is much to keep. */
const NEW_SPACE = 16;

interface Outcome {
  readonly scavenges: number;
  readonly whole: boolean;
}

function bulk(...words: string[]): Outcome {
  const loader = COMPILED ? [] : ['--import', 'tsx'];
  const args = [`--min-semi-space-size=${NEW_SPACE}`, ...loader, BULK, ...words];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Outcome;
}

for (const direction of ['sink', 'source']) {
  for (const mode of ['plain', 'offload']) {
    test(`${direction}, ${mode}: a million segments in steady state, no scavenge`, () => {
      assert.deepEqual(bulk(direction, mode), { scavenges: 0, whole: true, leaked: false });
    });
  }
}

test('one small object for each segment would be seen', () => {
  const { scavenges } = bulk('sink', 'plain', 'leak');
  assert.ok(scavenges > 0, `${scavenges}`);
});
