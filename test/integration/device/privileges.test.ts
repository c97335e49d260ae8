import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { userNamespaceAllowed } from '../../../src/device/elevate.ts';
import { programArguments } from '../../support/source-program.ts';
import { exchange, hasProgram, inNamespace, ip, skip, until } from './support.ts';

const PROGRAM = fileURLToPath(new URL('./fixture-program.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const NODE = [process.execPath, ...programArguments(PROGRAM)];
const NOBODY = 65_534;
const NO_CAPABILITIES = '0000000000000000';
const SECRET_FIELDS = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];

interface Ready {
  readonly pid: number;
  readonly uid: number;
  readonly home: string;
  readonly note: string | null;
  readonly namespace: string;
  readonly tun: { name: string; queues: number[]; diagnosis: number };
  readonly error?: string;
  readonly code?: string;
  readonly cure?: string;
}

/** Starts the program and gives its first line to `work`; it is gone when this ends. */
async function withProgram(
  command: readonly string[],
  work: (ready: Ready, child: ChildProcess) => Promise<void>,
): Promise<void> {
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  try {
    const [line = ''] = await Promise.race([firstLine(child), exited.then(() => [])]);
    await work(JSON.parse(line === '' ? '{"error":"it printed nothing"}' : line) as Ready, child);
  } finally {
    child.stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
    await exited;
    clearTimeout(timer);
  }
}

function firstLine(child: ChildProcess): Promise<string[]> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return new Promise((resolve) => lines.once('line', (line) => resolve([line])));
}

function statusOfThreads(pid: number): Map<string, string>[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return new Map(text.split('\n').map((line) => line.split(/:\s*/, 2) as [string, string]));
  });
}

/** Every thread: nothing left, nothing to be had. */
function assertPowerless(pid: number, uid: number, groups: string): void {
  const threads = statusOfThreads(pid);
  assert.ok(threads.length > 1, 'Node has threads');
  for (const status of threads) {
    for (const field of SECRET_FIELDS) assert.equal(status.get(field), NO_CAPABILITIES, field);
    assert.equal(status.get('NoNewPrivs'), '1');
    assert.deepEqual(status.get('Uid')?.split('\t'), new Array<string>(4).fill(String(uid)));
    assert.deepEqual(status.get('Groups')?.trim(), groups);
  }
}

describe('privileges', { skip }, () => {
  test('given up for another user: every thread, the same pid, and the TUN still works', () =>
    inNamespace(async (netns) => {
      await withProgram([...NODE, 'drop', netns, 'nobody'], async (ready, child) => {
        assert.equal(ready.error, undefined);
        assert.deepEqual([ready.pid, ready.uid], [child.pid, NOBODY]);
        assertPowerless(ready.pid, NOBODY, String(NOBODY));
        assert.deepEqual([ready.home, ready.note], ['/nonexistent', null]);
        assert.equal(ready.namespace, readlinkSync('/proc/self/ns/net'), 'it never left our namespace');
        assert.match(readlinkSync(`/proc/${ready.pid}/fd/${ready.tun.diagnosis}`), /^socket:/);
        assert.deepEqual(await exchange(netns, 1, 1000), [1, 1000]);
      });
      await until(() => !ip('-n', netns, 'link').includes('fw0'), 'the end of the TUN');
    }));

  test('without another user root stays, without any capability', () =>
    inNamespace((netns) =>
      withProgram([...NODE, 'drop', netns, '-'], async (ready, child) => {
        assert.equal(ready.error, undefined);
        assert.deepEqual([ready.pid, ready.uid], [child.pid, 0]);
        const groups = statusOfThreads(process.pid)[0]?.get('Groups')?.trim() ?? '';
        assertPowerless(ready.pid, 0, groups);
        assert.deepEqual(await exchange(netns, 5), [5]);
      }),
    ));

  test('a user who does not exist is refused with the cure, before anything is dropped', () =>
    inNamespace((netns) =>
      withProgram([...NODE, 'drop', netns, 'no-such-user'], async (ready) => {
        assert.match(ready.error ?? '', /no user no-such-user.*--user/);
        assert.equal(ready.code, 'ENOENT');
      }),
    ));

  const noSudo = !hasProgram('sudo') && process.env['CI'] !== 'true' ? 'needs sudo' : false;
  test('a helper under sudo passes the descriptors', { skip: noSudo }, () =>
    inNamespace((netns) =>
      withProgram([...NODE, 'ask', netns, 'sudo', '--'], async (ready) => {
        assert.equal(ready.error, undefined);
        assert.deepEqual(await exchange(netns, 1, 1000), [1, 1000]);
      }),
    ),
  );

  test('a helper passes the descriptors to a program that keeps them open alone', () =>
    inNamespace(async (netns) => {
      await withProgram([...NODE, 'ask', netns, 'env'], async (ready) => {
        assert.equal(ready.error, undefined);
        assert.equal(ready.tun.name, 'fw0');
        assert.match(readlinkSync(`/proc/${ready.pid}/fd/${ready.tun.diagnosis}`), /^socket:/);
        assert.deepEqual(await exchange(netns, 7), [7]);
      });
      await until(() => !ip('-n', netns, 'link').includes('fw0'), 'the end of the TUN');
    }));

  test("what the helper could not do comes back as its caller's error", async () => {
    await withProgram([...NODE, 'ask', 'fwtest-none', 'env'], async (ready) => {
      assert.match(ready.error ?? '', /there is no network namespace fwtest-none/);
      assert.deepEqual([ready.code, ready.cure], ['ENOENT', 'create it with: ip netns add fwtest-none']);
    });
  });

  test('a helper that does not get that far, or is not there, is a missing privilege', async () => {
    for (const [elevate, words] of [
      ['false', /false did not open the TUN/],
      ['no-such-sudo', /there is no no-such-sudo/],
    ] as const) {
      await withProgram([...NODE, 'ask', 'any', elevate], async (ready) => {
        assert.match(ready.error ?? '', words);
        assert.equal(ready.code, 'EPERM');
      });
    }
  });

  const noUserNamespace = !userNamespaceAllowed() ? 'user namespaces are not allowed here' : false;
  test('in a user namespace the program opens its own TUN, with the same pid', {
    skip: noUserNamespace,
  }, async () => {
    await withProgram([...NODE, 'unshare'], async (ready, child) => {
      assert.equal(ready.error, undefined);
      assert.equal(ready.pid, child.pid);
      assert.notEqual(ready.namespace, readlinkSync('/proc/self/ns/net'));
      assert.notEqual(readlinkSync(`/proc/${ready.pid}/ns/user`), readlinkSync('/proc/self/ns/user'));
    });
  });
});
