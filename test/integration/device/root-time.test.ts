/** How long `fourwave up` has privileges, and what is left of them when it is ready: docs/security.md. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, Namespace, type Ready, RunningStack, skipWithout } from '../../support/running-stack.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const NOBODY = 65_534;
const POWERLESS = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];

function statusOf(path: string): ReadonlyMap<string, string> {
  const lines = readFileSync(`${path}/status`, 'utf8').split('\n');
  return new Map(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
}

function isPowerless(status: ReadonlyMap<string, string>, uid: number): boolean {
  const ids = [...(status.get('Uid') ?? '').split('\t'), ...(status.get('Gid') ?? '').split('\t')];
  return (
    POWERLESS.every((field) => Number.parseInt(status.get(field) ?? '1', 16) === 0) &&
    status.get('NoNewPrivs') === '1' &&
    (uid === 0 || ids.every((id) => id === String(uid)))
  );
}

interface Life {
  readonly ready: Ready;
  readonly pid: number;
  /** ms from its start until it had no privileges, and until it was ready. */
  readonly privileged: number;
  readonly readyAfter: number;
}

/** Looks at the process about every millisecond until it is ready. */
async function watch(
  namespace: Namespace,
  user: readonly string[],
  uid: number,
  work: (life: Life) => Promise<void> | void,
): Promise<void> {
  const args = [MAIN, 'up', '--netns', namespace.name, '--json', '--quiet', ...user];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const begin = performance.now();
  let text = '';
  let readyAfter = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (readyAfter === 0 && text.includes('\n')) readyAfter = performance.now() - begin;
  });
  try {
    let privileged = Number.NaN;
    await eventually(
      () => {
        if (Number.isNaN(privileged) && isPowerless(statusOf(`/proc/${child.pid}`), uid)) {
          privileged = performance.now() - begin;
        }
        return readyAfter > 0;
      },
      () => 'ready',
      20_000,
    );
    await work({ ready: JSON.parse(text) as Ready, pid: child.pid as number, privileged, readyAfter });
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

/** What the process has open, by what /proc says about each descriptor; node's own things are left out. */
function openThings(pid: number): string[] {
  const things = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return [...new Set(things.map((thing) => thing.replace(/:\[.*\]/, '')))]
    .filter((thing) => !/^(pipe|anon_inode|\/dev\/null)/.test(thing))
    .sort();
}

describe('what runs as root, and for how long', { skip: skipWithout('ip') }, () => {
  test('given up before the program listens to anybody: no thread has anything when the socket appears', async (t) => {
    const namespace = new Namespace();
    try {
      await watch(namespace, ['--user', 'nobody'], NOBODY, ({ ready, pid, privileged, readyAfter }) => {
        t.diagnostic(
          `privileges for ${Math.round(privileged)} ms of the ${Math.round(readyAfter)} ms until ready`,
        );
        assert.ok(privileged < readyAfter);
        const threads = readdirSync(`/proc/${pid}/task`);
        assert.ok(threads.length > 1);
        for (const thread of threads) {
          assert.ok(isPowerless(statusOf(`/proc/${pid}/task/${thread}`), NOBODY), `thread ${thread}`);
        }
        const socket = statSync(ready.control);
        assert.deepEqual(
          [socket.uid, socket.mode & 0o777],
          [NOBODY, 0o600],
          'made by the user, for him alone',
        );
        assert.deepEqual([ready.pid, ready.uid], [pid, NOBODY]);
      });
    } finally {
      await namespace.close();
    }
  });

  test('without --user the uid stays 0, without a capability in any thread', async () => {
    const namespace = new Namespace();
    try {
      await watch(namespace, [], 0, ({ pid, privileged, readyAfter }) => {
        assert.ok(privileged < readyAfter);
        for (const thread of readdirSync(`/proc/${pid}/task`)) {
          assert.ok(isPowerless(statusOf(`/proc/${pid}/task/${thread}`), 0), `thread ${thread}`);
        }
      });
    } finally {
      await namespace.close();
    }
  });

  test('what it keeps open: the TUN, its control socket and the diagnosis socket of the namespace, and no file of root’s', async () => {
    const stack = await RunningStack.start('--user', 'nobody');
    try {
      assert.deepEqual(openThings(stack.ready.pid), ['/dev/net/tun', 'socket']);
      // It is outside of the namespace, but for the TUN.
      assert.equal(readlinkSync(`/proc/${stack.ready.pid}/ns/net`), readlinkSync('/proc/self/ns/net'));
    } finally {
      await stack.close();
    }
  });
});
