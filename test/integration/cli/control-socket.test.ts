/** What the control socket allows, and what it refuses: see docs/security.md. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EventFeed } from '../../../src/cli/up/event-feed.ts';
import { controlHandlers, Services } from '../../../src/cli/up/handlers.ts';
import { createStack, memoryLink } from '../../../src/index.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';
import { programArguments } from '../../support/source-program.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const ROOT = here('../../..');
const NOBODY = 65_534;
const MAX_CLIENTS = 64;
/** ms for an answer. */
const PATIENCE = 5000;
const folder = mkdtempSync(join(tmpdir(), 'fourwave-control-'));
const NEAR = join(folder, 'near.sock');
let stacks: ChildProcess;
/** Says nothing from the beginning on. */
let silent: Socket;
let silentSince = 0;

interface Answer {
  result?: unknown;
  event?: unknown;
  done?: true;
  error?: { exit: number; message: string };
}

before(
  async () => {
    chmodSync(folder, 0o755);
    stacks = spawn(
      process.execPath,
      [...programArguments(here('two-stacks.ts')), NEAR, join(folder, 'far.sock')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(stacks.stdout as NodeJS.ReadableStream, 'data');
    silent = connect(NEAR);
    await once(silent, 'connect');
    silentSince = performance.now();
  },
  { timeout: 40_000 },
);

after(() => {
  silent.destroy();
  stacks.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Sends one line and reads until the stack ends the conversation; `alive` lines are left out. */
async function say(line: string): Promise<Answer[]> {
  const socket = connect(NEAR);
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.write(`${line}\n`);
  const timer = setTimeout(() => socket.destroy(), PATIENCE);
  await closed(socket);
  clearTimeout(timer);
  const answers = text.split('\n').filter((part) => part !== '');
  return answers.map((part) => JSON.parse(part) as Answer).filter((answer) => !('alive' in answer));
}

/** The end of it, by an error or without. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function ask(command: unknown, args?: unknown): Promise<Answer[]> {
  return say(JSON.stringify({ command, arguments: args }));
}

async function assertAlive(): Promise<void> {
  const [answer] = await ask('about');
  assert.deepEqual(answer?.result, { netns: null, userNamespace: false, pid: stacks.pid });
}

/** The commands of the table in docs/security.md. */
function documented(): string[] {
  const text = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
  const table = text.split('## The control socket')[1]?.split('\n## ')[0] ?? '';
  return [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  );
}

test('the commands are those that docs/security.md lists', async () => {
  const [device] = memoryLink();
  const stack = await createStack({ device, address: '10.9.0.2' });
  try {
    const about = { netns: null, userNamespace: false, pid: 1 };
    const feed = new EventFeed(new TraceRecorder({ clock: stack.clock }));
    const handlers = controlHandlers(stack, new Services(stack, null), feed, about);
    assert.deepEqual([...handlers.keys()].sort(), documented().sort());
  } finally {
    await stack.close();
  }
});

test('every other command is refused, whatever it is called', async () => {
  const names = [
    '',
    'exit',
    'up',
    'shell',
    'exec',
    'www',
    'replay',
    '__proto__',
    'constructor',
    'toString',
    'get',
  ];
  for (const command of [...names, 5, null, true, {}, ['ss'], undefined]) {
    const [answer] = await ask(command);
    assert.equal(answer?.error?.exit, 2, JSON.stringify(command));
    assert.match(answer?.error?.message ?? '', /does not know the command/);
  }
  await assertAlive();
});

const REFUSED: readonly [command: string, args: unknown, words: RegExp][] = [
  ['config', { key: 'no.such' }, /no option/],
  ['config', { key: '__proto__', value: '1' }, /no option/],
  ['config', { key: 'constructor', value: '1' }, /no option/],
  ['config', { key: 'msl', value: 'soon' }, /msl/],
  ['config', { key: 'msl', value: '-1s' }, /msl/],
  ['config', { key: 'synQueue', value: '1e99' }, /synQueue/],
  ['config', { key: 'rto.min', value: '24h' }, /rto\.min/],
  ['service', { verb: 'start', name: 'shell' }, /no service/],
  ['service', { verb: 'start', name: '__proto__' }, /no service/],
  ['service', { verb: 'stop' }, /no service/],
  ...['close', 'abort', 'pause', 'resume'].flatMap((command) =>
    ['c999999', '', '1', 'c-1', 'c1e99', '__proto__'].map(
      (id) => [command, { id }, /there is no connection/] as [string, unknown, RegExp],
    ),
  ),
  ['close', {}, /there is no connection/],
  ['connect', { host: '10.9.0.1', port: 0 }, /port/i],
  ['connect', { host: '10.9.0.1', port: 65_536 }, /port/i],
  ['connect', { host: '10.9.0.1', port: 'telnet' }, /port/i],
  ['connect', { host: '10.9.0.255', port: 7 }, /no address that the stack sends to/],
  ['connect', { host: '224.0.0.1', port: 7 }, /no address that the stack sends to/],
  ['connect', { host: '10.9.0.2', port: 7 }, /own address/],
  ['connect', { host: '10.9.0.1', port: 4 }, /refused/i],
  ['connect', { host: '10.9.0.1', port: 7, localPort: 70_000 }, /port/i],
  ['listen', { port: 7 }, /in use/],
  ['listen', { port: 65_536 }, /port/i],
  ['listen', { port: -1 }, /port/i],
  ['listen', { port: 'http' }, /port/i],
];

test('what a command cannot do is refused with one sentence, changes nothing, and the stack goes on', async () => {
  const before = await ask('config');
  for (const [command, args, words] of REFUSED) {
    const answers = await ask(command, args);
    const told = answers.at(-1)?.error;
    const what = `${command} ${JSON.stringify(args)}: ${JSON.stringify(answers)}`;
    assert.ok(told !== undefined, what);
    assert.match(told.message, words, what);
    assert.ok(!told.message.includes('\n') && !/^\s*at /m.test(told.message), what);
  }
  assert.deepEqual(await ask('config'), before);
  assert.deepEqual(Object.keys(Object.prototype), []);
  await assertAlive();
});

test('arguments of any type are survived', async () => {
  for (const command of documented().filter((name) => !['log', 'listen', 'connect'].includes(name))) {
    for (const args of [null, [], 5, 'x', { id: {}, key: [], value: {}, verb: 5, name: null, raw: 'yes' }]) {
      const answers = await ask(command, args);
      const last = answers.at(-1);
      assert.ok(last?.done === true || last?.error !== undefined, `${command} ${JSON.stringify(args)}`);
    }
  }
  await assertAlive();
});

test('what is no request is answered with an error, and a request of more than 256 KiB is not read on', async () => {
  for (const line of ['', 'null', '[]', '5', '{', '"ss"', `{"command":"${'x'.repeat(300_000)}"}`]) {
    const [answer] = await say(line);
    assert.ok(answer === undefined || answer.error !== undefined, line.slice(0, 20));
    assert.equal(answer?.result, undefined);
  }
  await assertAlive();
});

test('mode 0600: another user cannot open the socket, its owner can', (t) => {
  assert.equal(statSync(NEAR).mode & 0o777, 0o600);
  if (process.getuid?.() !== 0) {
    t.diagnostic('to be another user needs root');
    return;
  }
  const may = (flag: string, path: string): boolean =>
    spawnSync('test', [flag, path], { uid: NOBODY, gid: NOBODY, cwd: '/' }).status === 0;
  assert.ok(may('-S', NEAR), 'nobody sees it');
  assert.ok(!may('-w', NEAR), 'and may not connect');
  assert.ok(!may('-r', NEAR));
});

test('the 65th client is turned away, and served when another has gone', async () => {
  const clients = Array.from({ length: MAX_CLIENTS - 1 }, () => connect(NEAR));
  for (const client of clients) client.on('error', () => {});
  await Promise.all(clients.map((client) => once(client, 'connect')));
  // Each holds its place with a request that does not end.
  for (const client of clients) {
    client.write(`${JSON.stringify({ command: 'log', arguments: { follow: true } })}\n`);
    client.resume();
  }
  if (silent.destroyed) {
    const one = connect(NEAR);
    one.on('error', () => {});
    await once(one, 'connect');
    clients.push(one);
  }
  assert.deepEqual(await ask('about'), []);
  for (const client of clients) client.destroy();
  for (let tries = 0; tries < 100; tries++) {
    const [answer] = await ask('about');
    if (answer?.result !== undefined) return;
  }
  assert.fail('nobody is served any more');
});

test('a client that says nothing is dropped after ten seconds', { timeout: 30_000 }, async () => {
  if (!silent.destroyed) {
    silent.resume();
    await closed(silent);
  }
  assert.ok(performance.now() - silentSince > 5000, 'not at once either');
  await assertAlive();
});
