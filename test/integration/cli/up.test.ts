import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../support/source-program.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = join(root, 'src/cli/main.ts');
const PATIENCE = { timeout: 40_000 };
const NETNS = `fwup${process.pid}`;

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  if (!existsSync(join(root, 'build/fourwave.node'))) return 'needs the native addon';
  return spawnSync('ip', ['netns', 'list']).status === 0 ? false : 'needs ip netns';
}
const skip = whyNot();

/** A namespace with nothing in it, and a folder for files. */
function place(t: TestContext): string {
  execFileSync('ip', ['netns', 'add', NETNS]);
  const folder = mkdtempSync(join(tmpdir(), 'fourwave-up-'));
  t.after(() => {
    execFileSync('ip', ['netns', 'del', NETNS]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

function up(t: TestContext, ...args: string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    [...programArguments(MAIN), 'up', '--netns', NETNS, '--json', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function ready(
  child: ChildProcess,
): Promise<{ pid: number; uid: number; tun: string; services: unknown[] }> {
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('it ended')));
  const [line] = (await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), failed])) as [
    Buffer,
  ];
  failed.catch(() => {});
  return JSON.parse(line.toString()) as { pid: number; uid: number; tun: string; services: unknown[] };
}

async function outcome(child: ChildProcess): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

const inside = (...command: string[]): string =>
  execFileSync('ip', ['netns', 'exec', NETNS, ...command], { encoding: 'utf8', timeout: 10_000 });

test('up answers the kernel, runs without privileges, and leaves nothing behind', {
  ...PATIENCE,
  skip,
}, async (t) => {
  const folder = place(t);
  const log = join(folder, 'run.tcplog.jsonl');
  const child = up(t, '--control', join(folder, 'c.sock'), '--log', log, '--set', 'msl=3s');
  const { pid, tun, services } = await ready(child);
  assert.equal(pid, child.pid, 'one process, whose pid is the one that was started');
  assert.equal(services.length, 15);
  assert.match(inside('ping', '-c', '1', '-W', '2', '10.9.0.2'), / 0% packet loss/);
  assert.match(inside('curl', '-s', 'http://10.9.0.2/'), /ESTABLISHED/);
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      assert.match(status, new RegExp(`^${set}:\\s*0+$`, 'm'), `${set} of thread ${task}`);
    }
    assert.match(status, /^NoNewPrivs:\s*1$/m);
  }
  const began = Date.now();
  child.kill('SIGTERM');
  assert.equal((await outcome(child)).code, 0);
  assert.ok(Date.now() - began < 1000, 'it stopped within a second');
  assert.doesNotMatch(inside('ip', 'link'), new RegExp(`${tun}:`));
  assert.equal(existsSync(join(folder, 'c.sock')), false);
  const lines = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(lines[0]?.['tcplog'], 1);
  assert.ok(lines.some((line) => line['ev'] === 'conn:state'));
});

test('up --user runs as that user', { ...PATIENCE, skip }, async (t) => {
  place(t);
  const child = up(
    t,
    '--user',
    'nobody',
    '--services',
    'echo',
    '--quiet',
    '--control',
    `/run/fourwave/${NETNS}.sock`,
  );
  const { uid, services } = await ready(child);
  const nobody = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
  assert.equal(uid, nobody);
  assert.deepEqual(services, [{ name: 'echo', port: 7 }]);
  assert.match(
    readFileSync(`/proc/${child.pid}/status`, 'utf8'),
    new RegExp(`^Uid:\\s*${nobody}\\s+${nobody}\\s+${nobody}`, 'm'),
  );
  child.kill('SIGINT');
  assert.equal((await outcome(child)).code, 0);
});

test('a range that is routed already is refused and a free one proposed', {
  ...PATIENCE,
  skip,
}, async (t) => {
  place(t);
  inside('ip', 'link', 'set', 'lo', 'up');
  inside('ip', 'route', 'add', '10.9.0.0/16', 'dev', 'lo');
  const { code, stdout, stderr } = await outcome(up(t));
  assert.equal(code, 4, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^fourwave: this host already routes [^\n]*choose --peer [^\n]*\n$/);
});

test('a namespace that is missing is code 4', { ...PATIENCE, skip }, async () => {
  const args = [...programArguments(MAIN), 'up', '--netns', `${NETNS}none`];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 4);
  assert.equal(stdout, '');
  assert.match(stderr, /^fourwave: there is no network namespace [^\n]*ip netns add[^\n]*\n$/);
});
