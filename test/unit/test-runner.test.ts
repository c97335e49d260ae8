/** What `npm test` is run by: nothing is forgotten, nothing that fails is taken for a success. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

interface Task {
  readonly name: string;
  readonly load: number;
  readonly alone: boolean;
  readonly seconds: number;
}

interface Outcome {
  readonly pass: number;
  readonly fail: number;
  readonly skipped: number;
  readonly failures: readonly { readonly title: string; readonly why: string }[];
  readonly text: string;
}

const script = (name: string): string => new URL(`../../scripts/${name}`, import.meta.url).href;
const { schedule } = (await import(script('schedule.js'))) as {
  schedule: (tasks: readonly Task[], capacity: number, run: (task: Task) => Promise<void>) => Promise<void>;
};
const { runTestFile } = (await import(script('test-file.js'))) as {
  runTestFile: (script: string, options?: { limit: number }) => Promise<Outcome>;
};

const folder = mkdtempSync(join(tmpdir(), 'fourwave-runner-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
let made = 0;

/** How a file with this text goes. */
function outcomeOf(text: string, limit = 0): Promise<Outcome> {
  const path = join(folder, `${made++}.mjs`);
  writeFileSync(path, `import { describe, test } from 'node:test';\n${text}`);
  return runTestFile(path, { limit });
}

const named = (load: number, seconds: number, alone = false): Task => {
  return { name: `${load} ${seconds}${alone ? ' alone' : ''}`, load, seconds, alone };
};

test('every task runs once, the longest first, never more at a time than there is room for', async () => {
  const tasks = [1, 2, 3, 4, 5, 6].flatMap((seconds) => [named(1, seconds), named(0.4, seconds + 0.5)]);
  const begun: Task[] = [];
  let used = 0;
  let most = 0;
  await schedule(tasks, 2.5, async (task) => {
    begun.push(task);
    used += task.load;
    most = Math.max(most, used);
    await sleep(task.seconds);
    used -= task.load;
  });
  assert.equal(used, 0);
  assert.deepEqual(new Set(begun), new Set(tasks));
  assert.equal(begun.length, tasks.length);
  assert.equal(begun[0]?.seconds, 6.5);
  assert.ok(most > 2 && most <= 2.5 + 1e-9, `${most}`);
});

test('one that measures the machine has it to itself, after all others; one that is too large runs all the same', async () => {
  const order: string[] = [];
  let running = 0;
  const tasks = [named(1, 9, true), named(1, 1), named(9, 2), named(1, 3), named(0.1, 8, true)];
  await schedule(tasks, 2, async (task) => {
    order.push(task.name);
    running++;
    if (task.alone || task.load === 9) assert.equal(running, 1, task.name);
    await sleep(2);
    running--;
  });
  assert.deepEqual(order.slice(-2), ['1 9 alone', '0.1 8 alone']);
  assert.equal(order.length, tasks.length);
});

test('a file that passes: its tests are counted, also those within others, and those that are skipped', async () => {
  const { text, ...counts } = await outcomeOf(`
    describe('outer', () => { test('one', () => {}); test('two', () => {}); });
    test('three', { skip: true }, () => {});`);
  assert.deepEqual([counts.pass, counts.fail, counts.skipped, counts.failures], [2, 0, 1, []]);
  assert.match(text, /outer[\s\S]*one[\s\S]*two[\s\S]*three/);
});

test('a file that fails: which tests, within which, and why', async () => {
  const { fail, failures } = await outcomeOf(`
    describe('outer', () => {
      test('one', () => { throw new Error('because'); });
      test('two', () => {});
    });
    test('three', () => Promise.reject(new Error('also')));`);
  assert.equal(fail, 2);
  assert.deepEqual(failures.map(({ title, why }) => [title, why]).sort(), [
    ['outer › one', 'because'],
    ['three', 'also'],
  ]);
});

for (const [what, text, why] of [
  ['cannot be imported', "import './nowhere.mjs';", /ended with 1/],
  ['has no test', '', /no test in it/],
  [
    'ends its process between its tests',
    "test('one', () => {}); setTimeout(() => process.exit(0), 50); test('two', () => new Promise((r) => setTimeout(r, 9999)));",
    /no test in it|ended/,
  ],
  [
    'ends its process with an error after its tests',
    "test('one', () => {}); process.on('exit', () => { process.exitCode = 3; });",
    /ended with 3/,
  ],
  ['throws between its tests', "test('one', () => {}); throw new Error('now');", /ended with|now/],
] as const) {
  test(`a file that ${what} has failed`, async () => {
    const { fail, failures } = await outcomeOf(text);
    assert.ok(fail > 0);
    assert.match(failures.map((failure) => failure.why).join(), why);
  });
}

test('a file that does not end is ended, and has failed', async () => {
  const { fail, failures } = await outcomeOf(
    "test('one', () => new Promise((r) => setInterval(r, 1e6)).then(() => new Promise(() => {})));",
    1500,
  );
  assert.ok(fail > 0);
  assert.match(failures.map(({ why }) => why).join(), /did not end in time/);
});
