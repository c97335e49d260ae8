/** `up --busy-poll`: packets are asked for, not waited for; a core is spent on it, and nothing else changes. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunningStack, skipWithout } from '../../support/running-stack.ts';

const WATCHED_MS = 1500;
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** s of processor time that the process has used, all threads. */
function used(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The share of what it is idle for that a stack computes. */
async function idleLoad(stack: RunningStack): Promise<number> {
  const before = used(stack.ready.pid);
  await sleep(WATCHED_MS);
  return used(stack.ready.pid) - before;
}

async function started(t: TestContext, ...args: string[]): Promise<RunningStack> {
  const stack = await RunningStack.start('--services', 'http,echo', ...args);
  t.after(() => stack.close());
  return stack;
}

describe('up --busy-poll', { skip: skipWithout('curl', 'sha256sum', 'nc') }, () => {
  test('computes while it is idle, as a stack that sleeps does not; carries the same bytes; ends at once', async (t) => {
    const [polling, sleeping] = await Promise.all([started(t, '--busy-poll'), started(t)]);
    const [busy, idle] = await Promise.all([idleLoad(polling), idleLoad(sleeping)]);
    assert.ok(busy > 5 * idle && busy > 0.1, `${busy} s and ${idle} s`);

    const sums = await Promise.all(
      [polling, sleeping].map((stack) => stack.sh('curl -sS "http://10.9.0.2/big?kb=20000" | sha256sum')),
    );
    assert.equal(sums[0]?.stdout.toString(), sums[1]?.stdout.toString());
    const echoed = await polling.run('nc', ['-N', '10.9.0.2', '7'], 'there and back\n');
    assert.equal(echoed.stdout.toString(), 'there and back\n');
    const { code, took } = await polling.stopUp();
    assert.equal(code, 0);
    assert.ok(took < 2000, `${took} ms`);
  });

  test('of several queues each is polled', async (t) => {
    const stack = await started(t, '--busy-poll', '--queues', '2');
    const tries = Array.from({ length: 8 }, () => stack.run('nc', ['-N', '10.9.0.2', '7'], 'hello\n'));
    for (const { stdout } of await Promise.all(tries)) assert.equal(stdout.toString(), 'hello\n');
  });

  test('an interface that is deleted ends it with code 1, as ever', async (t) => {
    const stack = await started(t, '--busy-poll');
    stack.ip('link', 'delete', 'fw0');
    const { code, stderr } = await stack.up.end();
    assert.equal(code, 1, stderr);
    assert.match(stderr, /the device has failed/);
  });
});
