import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type Program, type RunningStack, skipWithout } from '../../support/running-stack.ts';
import { assertCleanStart, assertNothingLeft, assertWorks, withStack } from './support.ts';

const FULL = process.env['FOURWAVE_FULL'] === '1';

async function idleClient(stack: RunningStack, port = 7): Promise<Program> {
  const client = stack.start('nc', '10.9.0.2', String(port));
  await stack.bothBecome(port, 'ESTABLISHED', 'ESTAB');
  return client;
}

/** What is typed now comes back. */
async function assertEchoes(client: Program, text: string, patience = 20_000): Promise<void> {
  client.type(`${text}\n`);
  await eventually(
    () => client.text.includes(text),
    () => `${text} in ${client.text}`,
    patience,
  );
}

const DOWNLOAD = `
  let bytes = 0;
  require('net').connect(5002, '10.9.0.2').on('data', (chunk) => { bytes += chunk.length; });
  setInterval(() => console.log(bytes), 50);`;

/** Reads from the source for ever. */
function download(stack: RunningStack): Program {
  return stack.start(process.execPath, '-e', DOWNLOAD);
}

function bytesOf(transfer: Program): number {
  return Number(transfer.text.trim().split('\n').at(-1));
}

function got(transfer: Program, bytes: number): Promise<void> {
  return eventually(
    () => bytesOf(transfer) >= bytes,
    () => `${bytes} bytes; it has ${bytesOf(transfer)}`,
    30_000,
  );
}

describe('the interface under a running stack', { concurrency: 2, skip: skipWithout('nc', 'ping') }, () => {
  test('deleted: code 1, one sentence, its users are told, nothing is left, the next start is clean', () =>
    withStack([], async (stack) => {
      await idleClient(stack);
      const listener = stack.start('nc', '-lk', '10.9.0.1', '4000');
      await eventually(
        async () => (await stack.sh('ss -tlnH')).stdout.toString().includes(':4000'),
        () => 'a server',
      );
      const own = stack.fourwave('connect', '10.9.0.1', '4000');
      await eventually(
        async () => (await stack.ss(4000)).length > 0,
        () => 'a connection of ours',
      );
      stack.ip('link', 'del', 'fw0');
      const { code, stderr } = await stack.up.end(5000);
      assert.equal(code, 1);
      assert.equal(
        stderr.match(/the TUN interface fw0 is gone .*: start again: somebody deleted it/g)?.length,
        1,
      );
      assert.equal(stderr.match(/ERROR|WARN/g)?.length, 1, stderr);
      const told = await own.end(5000);
      assert.equal(told.code, 1);
      assert.match(told.stderr, /^fourwave: [^\n]+\n$/);
      assert.equal(existsSync(stack.ready.control), false);
      await listener.kill();
      await assertNothingLeft(stack);
      await assertCleanStart(stack);
    }));

  test('set down and up again: the connections live on, data sent meanwhile arrives', () =>
    withStack([], async (stack) => {
      const client = await idleClient(stack);
      await assertEchoes(client, 'before');
      stack.ip('link', 'set', 'fw0', 'down');
      await sleep(300);
      assert.ok(stack.up.running);
      stack.ip('link', 'set', 'fw0', 'up');
      await assertEchoes(client, 'after');
      await assertWorks(stack);
      assert.equal((await stack.stopUp()).code, 0);
    }));

  test('set down while the stack has data in flight: it is sent again when the interface is up', () =>
    withStack([], async (stack) => {
      const transfer = download(stack);
      await got(transfer, 10_000_000);
      stack.ip('link', 'set', 'fw0', 'down');
      await sleep(500);
      const before = bytesOf(transfer);
      stack.ip('link', 'set', 'fw0', 'up');
      await got(transfer, before + 10_000_000);
      await transfer.kill();
      await assertWorks(stack);
    }));

  test('without its address, and with it again: the stack goes on', () =>
    withStack([], async (stack) => {
      const client = await idleClient(stack);
      stack.ip('addr', 'del', '10.9.0.1/24', 'dev', 'fw0');
      await sleep(300);
      assert.ok(stack.up.running);
      stack.ip('addr', 'add', '10.9.0.1/24', 'dev', 'fw0');
      await assertEchoes(client, 'after');
      await assertWorks(stack);
    }));

  test('with a smaller MTU on the kernel’s side: nothing ends', () =>
    withStack([], async (stack) => {
      const client = await idleClient(stack);
      stack.ip('link', 'set', 'fw0', 'mtu', '600');
      await assertEchoes(client, 'x'.repeat(5000));
      await assertWorks(stack);
    }));

  test('its namespace deleted: code 1, one sentence, nothing is left; the next start is clean', () =>
    withStack([], async (stack) => {
      const holder = stack.start('sh', '-c', 'echo inside; exec sleep 600');
      await eventually(
        () => holder.text !== '',
        () => 'a program inside',
      );
      execFileSync('ip', ['netns', 'del', stack.name]);
      const { code, stderr } = await stack.up.end(5000);
      // The harness deletes it again at the end.
      execFileSync('ip', ['netns', 'add', stack.name]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /ERROR: the network namespace fw-\S+ was deleted: make it and start again\n$/);
      assert.equal(existsSync(stack.ready.control), false);
      await eventually(
        async () => !(await linksOf(holder)).includes('fw0'),
        () => 'the interface is gone from the namespace that has no name',
      );
      await assertCleanStart(stack);
    }));
});

/** The interfaces where this process is. */
function linksOf({ child }: Program): Promise<string> {
  const args = ['-t', String(child.pid), '-n', 'ip', '-br', 'link'];
  return Promise.resolve(execFileSync('nsenter', args, { encoding: 'utf8' }));
}

describe('a stack that was stopped', { concurrency: 2, skip: skipWithout('nc') }, () => {
  const pause = FULL ? 60_000 : 2000;
  test(`SIGSTOP for ${pause / 1000} s: after SIGCONT what waits is read before timers fire, connections live on`, () =>
    withStack([], async (stack) => {
      const clients: Program[] = [];
      for (let i = 0; i < 5; i++) clients.push(stack.start('nc', '10.9.0.2', '7'));
      await eventually(
        async () => (await stack.ss(7)).filter(({ state }) => state === 'ESTABLISHED').length === 5,
        () => 'five connections',
      );
      for (const client of clients) await assertEchoes(client, 'before');
      const before = await timeouts(stack);
      // Data of ours is in flight when it stops, and acknowledged by the kernel meanwhile.
      const transfer = download(stack);
      await got(transfer, 10_000_000);
      stack.up.child.kill('SIGSTOP');
      for (const client of clients) client.type('while it slept\n');
      await sleep(pause);
      const slept = bytesOf(transfer);
      stack.up.child.kill('SIGCONT');
      for (const client of clients) {
        await eventually(
          () => client.text.endsWith('while it slept\n'),
          () => client.text,
          FULL ? 130_000 : 20_000,
        );
      }
      await got(transfer, slept + 10_000_000);
      assert.equal(await timeouts(stack), before, 'no timer fired on data that was acknowledged');
      await transfer.kill();
      for (const client of clients) await assertEchoes(client, 'after');
      assert.ok(clients.every(({ running }) => running));
      await assertWorks(stack);
    }));

  test('SIGTERM while it is stopped: it ends when it goes on', () =>
    withStack([], async (stack) => {
      await idleClient(stack);
      stack.up.child.kill('SIGSTOP');
      await sleep(100);
      stack.up.child.kill('SIGTERM');
      await sleep(200);
      assert.ok(stack.up.running);
      stack.up.child.kill('SIGCONT');
      assert.equal((await stack.up.end(5000)).code, 0);
      await assertNothingLeft(stack);
    }));

  test('a second up does not take its socket away, and says that it is there', () =>
    withStack([], async (stack) => {
      stack.up.child.kill('SIGSTOP');
      const args = ['--tun', 'fw1', '--peer', '10.10.0.1/24', '--address', '10.10.0.2'];
      const second = stack.fourwave('up', '--netns', stack.name, ...args);
      const { code, stderr } = await second.end(10_000);
      stack.up.child.kill('SIGCONT');
      assert.equal(code, 4, stderr);
      assert.match(stderr, /another stack already answers/);
      await assertWorks(stack);
    }));
});

/** Retransmission timeouts so far. */
async function timeouts(stack: RunningStack): Promise<number> {
  const { stdout } = await stack.fourwave('stats', '--json').end();
  const { reasons } = JSON.parse(stdout.toString()) as { reasons: { name: string; count: number }[] };
  const found = reasons.find(({ name }) => name === 'TCP_RTO');
  assert.ok(found !== undefined);
  return found.count;
}
