import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask } from '../../../src/cli/control/client.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import { programArguments } from '../../support/source-program.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const MAIN = here('../../../src/cli/main.ts');
const PATIENCE = { timeout: 40_000 };

const folder = mkdtempSync(join(tmpdir(), 'fourwave-run-'));
/** The stack with the services, and the one that plays the peer. */
const NEAR = join(folder, 'near.sock');
const FAR = join(folder, 'far.sock');
let stacks: ChildProcess;
let ready: Record<string, unknown>;

before(async () => {
  stacks = spawn(process.execPath, [...programArguments(here('two-stacks.ts')), NEAR, FAR, 'msl=20s'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(stacks.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  ready = JSON.parse(line.toString()) as Record<string, unknown>;
}, PATIENCE);

after(async () => {
  stacks.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [...programArguments(MAIN), ...args], { stdio: 'pipe' });
}

async function finish(child: ChildProcess): Promise<{ code: number; stdout: Buffer; stderr: string }> {
  const chunks: Buffer[] = [];
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout: Buffer.concat(chunks), stderr };
}

async function run(
  args: string[],
  input: string | Buffer = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = start(...args);
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const { code, stdout, stderr } = await finish(child);
  return { code, stdout: stdout.toString(), stderr };
}

async function records(...args: string[]): Promise<ConnectionRecord[]> {
  return JSON.parse((await run(['ss', '--json', '--control', NEAR, ...args])).stdout) as ConnectionRecord[];
}

/** An open connection of the peer to a service, and its record here. */
async function open(port: number): Promise<{ client: ChildProcess; id: string }> {
  const client = start('connect', '-N', '--control', FAR, '10.9.0.2', String(port));
  client.stdin?.on('error', () => {});
  for (;;) {
    const all = await ask<ConnectionRecord[]>({ control: NEAR }, 'ss');
    const found = all.find(({ state, local }) => state === 'ESTABLISHED' && local.endsWith(`:${port}`));
    if (found !== undefined) return { client, id: found.id };
    await sleep(50);
  }
}

test('the ready line has the fields that were promised, in their order', () => {
  assert.deepEqual(Object.keys(ready), [
    'event',
    'tun',
    'netns',
    'address',
    'peer',
    'mtu',
    'offload',
    'queues',
    'steering',
    'services',
    'control',
    'inspector',
    'pid',
    'uid',
  ]);
  assert.deepEqual((ready['services'] as unknown[])[0], { name: 'echo', port: 7 });
  assert.equal((ready['services'] as unknown[]).length, 15);
  assert.equal(ready['pid'], stacks.pid);
  assert.equal(ready['control'], NEAR);
  assert.deepEqual(ready['address'], ['10.9.0.2']);
});

test('connect -N sends stdin, then FIN, and prints what comes back', PATIENCE, async () => {
  const body = Buffer.from(Array.from({ length: 500_000 }, (_, index) => (index * 7) % 251));
  const child = start('connect', '-N', '--control', FAR, '10.9.0.2', '7');
  child.stdin?.end(body);
  const { code, stdout, stderr } = await finish(child);
  assert.equal(code, 0, stderr);
  assert.equal(
    createHash('sha256').update(stdout).digest('hex'),
    createHash('sha256').update(body).digest('hex'),
  );
});

test('daytime leaves TIME-WAIT here, counting down from 2 MSL', PATIENCE, async () => {
  const { code, stdout } = await run(['connect', '--control', FAR, '10.9.0.2', '13']);
  assert.equal(code, 0);
  assert.match(stdout, /GMT\r\n$/);
  const [timeWait] = await records('state', 'time-wait', 'port', '13');
  assert.equal(timeWait?.closedFirst, 'us');
  const [timer] = timeWait?.timers ?? [];
  assert.equal(timer?.name, 'time-wait');
  assert.ok((timer?.remainingMs ?? 0) > 5000 && (timer?.remainingMs ?? 99_999) <= 40_000);
  const text = await run(['ss', '--control', NEAR, 'state', 'time-wait']);
  assert.match(
    text.stdout,
    /^TIME-WAIT +0 +0 +10\.9\.0\.2:13 +10\.9\.0\.1:\d+ +timer:\(timewait,[\d.]+(sec|ms),0\) c\d+$/m,
  );
});

test('a refused connection is code 1 and one sentence', PATIENCE, async () => {
  const { code, stdout, stderr } = await run(['connect', '--control', FAR, '10.9.0.2', '99']);
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^fourwave: 10\.9\.0\.2:99 refuses the connection: [^\n]+ \(ECONNREFUSED\)\n$/);
});

test('listen answers one connection, both ways', PATIENCE, async () => {
  const listener = start('listen', '--control', FAR, '4000');
  listener.stdin?.end('from the listener\n');
  const listened = finish(listener);
  let answer = { code: 1, stdout: '', stderr: '' };
  while (answer.code !== 0)
    answer = await run(['connect', '-N', '--control', NEAR, '10.9.0.1', '4000'], 'from the client\n');
  assert.equal(answer.stdout, 'from the listener\n');
  const { code, stdout } = await listened;
  assert.equal(code, 0);
  assert.equal(stdout.toString(), 'from the client\n');
});

test('close ends a leaky connection as its application would', PATIENCE, async () => {
  const { client, id } = await open(2002);
  const done = finish(client);
  client.stdin?.end();
  while ((await records('state', 'close-wait')).length === 0) await sleep(50);
  assert.equal((await run(['close', id, '--control', NEAR])).code, 0);
  assert.equal((await done).code, 0);
  assert.equal(
    (await records()).some((record) => record.id === id && record.state === 'CLOSE-WAIT'),
    false,
  );
});

test('abort resets a connection', PATIENCE, async () => {
  const { client, id } = await open(2002);
  const done = finish(client);
  assert.equal((await run(['abort', id, '--control', NEAR])).code, 0);
  const { code, stderr } = await done;
  assert.equal(code, 1);
  assert.match(stderr, /ECONNRESET/);
  const again = await run(['abort', id, '--control', NEAR]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /there is no connection/);
});

test('pause stops the application from reading until resume', PATIENCE, async () => {
  const { client, id } = await open(7);
  assert.equal((await run(['pause', id, '--control', NEAR])).code, 0);
  client.stdin?.write('are you there?');
  let waiting = 0;
  while (waiting === 0) waiting = (await records()).find((record) => record.id === id)?.recvQ ?? 0;
  assert.equal(waiting, 14);
  let echoed = '';
  client.stdout?.on('data', (chunk: Buffer) => {
    echoed += chunk.toString();
  });
  await sleep(200);
  assert.equal(echoed, '');
  assert.equal((await run(['resume', id, '--control', NEAR])).code, 0);
  while (echoed === '') await sleep(20);
  assert.equal(echoed, 'are you there?');
  const done = finish(client);
  client.stdin?.end();
  await done;
});

test('services stop, start and are listed', PATIENCE, async () => {
  assert.match((await run(['service', 'stop', 'echo', '--control', NEAR])).stdout, /^echo +7 +stopped/);
  assert.equal((await run(['connect', '--control', FAR, '10.9.0.2', '7'])).code, 1);
  const [echo] = JSON.parse(
    (await run(['service', 'start', 'echo', '--json', '--control', NEAR])).stdout,
  ) as { running: boolean }[];
  assert.equal(echo?.running, true);
  const list = (await run(['service', 'list', '--control', NEAR])).stdout.trim().split('\n');
  assert.equal(list.length, 15);
});

test('options are shown and set', PATIENCE, async () => {
  assert.match((await run(['config', 'msl', '--control', NEAR])).stdout, /^msl +20s +default 30s +RFC 9293/);
  const set = await run(['config', 'ack.delay=10ms', '--json', '--control', NEAR]);
  assert.equal((JSON.parse(set.stdout) as { value: string }).value, '10ms');
  assert.ok(
    (JSON.parse((await run(['config', '--json', '--control', NEAR])).stdout) as unknown[]).length > 50,
  );
});

test('stats count the refused segment', PATIENCE, async () => {
  const stats = JSON.parse((await run(['stats', '--json', '--control', NEAR])).stdout) as {
    reasons: { name: string; count: number }[];
  };
  assert.ok((stats.reasons.find(({ name }) => name === 'NO_SOCKET')?.count ?? 0) > 0);
});

test('the log tells of the past, and goes on with -f', PATIENCE, async () => {
  const { stdout } = await run(['log', '--json', '--level', 'core', '--control', NEAR]);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { ev: string; n: number });
  assert.ok(events.some(({ ev }) => ev === 'conn:state'));
  assert.ok(
    events.every(({ ev }) => !ev.startsWith('timer:')),
    'timers are not core',
  );
  assert.ok(events.every(({ n }, index) => index === 0 || n > (events[index - 1]?.n ?? 0)));
  const follower = start('log', '-f', '--json', '--control', NEAR);
  let seen = '';
  follower.stdout?.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  while (!seen.includes('conn:state')) await sleep(20);
  const length = seen.length;
  await run(['connect', '--control', FAR, '10.9.0.2', '13']);
  while (!seen.slice(length).includes('TIME-WAIT')) await sleep(20);
  follower.kill('SIGTERM');
  await finish(follower);
});

test('a signal stops it within a second, and clients are told', PATIENCE, async () => {
  const follower = start('ladder', '--control', NEAR);
  await once(follower.stdout as NodeJS.ReadableStream, 'data');
  const followed = finish(follower);
  const exited = once(stacks, 'exit');
  const began = Date.now();
  stacks.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
  assert.ok(Date.now() - began < 1000);
  const { code, stderr } = await followed;
  assert.equal(code, 1);
  assert.match(stderr, /the stack went away/);
  assert.equal((await run(['ss', '--control', NEAR])).code, 4);
});
