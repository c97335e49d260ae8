import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type Program, type RunningStack, skipWithout } from '../../support/running-stack.ts';
import { assertCleanStart, assertNothingLeft, assertWorks, FOURWAVE, inPlace, withStack } from './support.ts';

/** A connection from the kernel to echo, established on both sides. */
async function idleClient(stack: RunningStack): Promise<Program> {
  const client = stack.start('nc', '10.9.0.2', '7');
  await stack.bothBecome(7, 'ESTABLISHED', 'ESTAB');
  return client;
}

describe('signals to up', { concurrency: 2, skip: skipWithout('nc', 'script') }, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal}: code 0 within a second, the peers are told, nothing is left`, () =>
      withStack([], async (stack) => {
        const client = await idleClient(stack);
        const resets = await stack.kernelCounter('EstabResets');
        const begin = performance.now();
        stack.up.child.kill(signal);
        assert.equal((await stack.up.end()).code, 0);
        assert.ok(performance.now() - begin < 1500, `${performance.now() - begin} ms`);
        await client.end(5000);
        assert.equal(await stack.kernelCounter('EstabResets'), resets + 1);
        assert.equal(existsSync(stack.ready.control), false);
        await assertNothingLeft(stack);
      }));
  }

  test('a second SIGINT ends the time that --linger gives; a third harms nothing', () =>
    withStack(['--linger', '10m'], async (stack) => {
      const client = await idleClient(stack);
      stack.up.child.kill('SIGINT');
      await sleep(300);
      assert.ok(client.running && stack.up.running, 'it lingers');
      stack.up.child.kill('SIGINT');
      stack.up.child.kill('SIGINT');
      assert.equal((await stack.up.end(5000)).code, 0);
      await client.end(5000);
      await assertNothingLeft(stack);
    }));

  test('--linger ends when the last connection does', () =>
    withStack(['--linger', '10m'], async (stack) => {
      const client = await idleClient(stack);
      stack.up.child.kill('SIGINT');
      await sleep(100);
      client.endInput('late\n');
      await client.kill('SIGINT');
      assert.equal((await stack.up.end(10_000)).code, 0);
      await assertNothingLeft(stack);
    }));

  test('SIGTERM while it starts: nothing is left, whenever it comes, and the next start is clean', () =>
    inPlace(async (place) => {
      for (const delay of [20, 120, 200, 280, 360]) {
        const up = place.start('sh', '-c', `exec ${FOURWAVE} up --netns ${place.name} --json --quiet`);
        await sleep(delay);
        up.child.kill('SIGTERM');
        const { code } = await up.end(5000);
        assert.ok(code === null || code === 0, `code ${code} after ${delay} ms`);
        await assertNothingLeft(place);
      }
      await assertCleanStart(place);
    }));

  test('kill -9: the interface is gone, the next start is clean', () =>
    withStack([], async (stack) => {
      const client = await idleClient(stack);
      await stack.up.kill('SIGKILL');
      await eventually(
        () => !stack.ip('-br', 'link').includes('fw0'),
        () => 'the interface is gone',
      );
      await client.kill();
      await assertCleanStart(stack);
    }));

  test('Ctrl-S in its terminal does not stop the stack, Ctrl-C does', () =>
    inPlace(async (place) => {
      const command = `exec ${FOURWAVE} up --control ${place.folder}/c.sock`;
      const terminal = place.start('script', '-qefc', command, '/dev/null');
      await eventually(
        () => terminal.text.includes('Ctrl-C stops it'),
        () => terminal.text,
      );
      terminal.type('\x13');
      await sleep(100);
      for (let i = 0; i < 3; i++) {
        const { stdout } = await place.run('nc', ['-N', '-w', '5', '10.9.0.2', '7'], 'hello', 10_000);
        assert.equal(stdout.toString(), 'hello');
      }
      const shown = terminal.text;
      terminal.type('\x03');
      assert.equal((await terminal.end(5000)).code, 0);
      assert.doesNotMatch(shown, /c3 closed/, 'the terminal did stand still');
      await assertNothingLeft(place);
    }));
});

describe('signals to the other commands', { concurrency: 2, skip: skipWithout('nc') }, () => {
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    test(`${signal} to listen: its port is free, its connection ends, the stack goes on`, () =>
      withStack([], async (stack) => {
        const listening = async (): Promise<boolean> =>
          (await stack.fourwave('ss', '-l').end()).stdout.toString().includes(':4000 ');
        const listener = stack.fourwave('listen', '-k', '4000');
        await eventually(listening, () => 'a listener');
        await listener.kill(signal);
        await eventually(
          async () => !(await listening()),
          () => 'a free port',
        );
        const again = stack.fourwave('listen', '4000');
        await eventually(listening, () => 'a listener again');
        const client = stack.start('nc', '10.9.0.2', '4000');
        client.type('to the listener\n');
        await eventually(
          () => again.text === 'to the listener\n',
          () => again.stderr,
        );
        await again.kill(signal);
        await eventually(
          async () => (await stack.kernelConnections(4000)).every(({ state }) => state !== 'ESTAB'),
          () => 'the peer is told',
        );
        await assertWorks(stack);
      }));

    test(`${signal} to connect: before, while and after it is connected, the stack goes on`, () =>
      withStack([], async (stack) => {
        // Nobody has this address: the kernel drops the SYN.
        const before = stack.fourwave('connect', '10.9.0.77', '4000');
        await eventually(
          async () => (await stack.ss()).some(({ state }) => state === 'SYN-SENT'),
          () => 'a SYN-SENT',
        );
        await before.kill(signal);
        const server = stack.start('nc', '-l', '10.9.0.1', '4000');
        await eventually(
          async () => (await stack.sh('ss -tlnH')).stdout.toString().includes(':4000'),
          () => 'a server',
        );
        const client = stack.fourwave('connect', '10.9.0.1', '4000');
        client.type('hello\n');
        await eventually(
          () => server.text === 'hello\n',
          () => client.stderr,
        );
        await client.kill(signal);
        await server.end(10_000);
        await eventually(
          async () => (await stack.ss()).every(({ state }) => !/SYN-SENT|ESTABLISHED|CLOSE-WAIT/.test(state)),
          () => 'no connection of theirs',
        );
        await assertWorks(stack);
      }));
  }

  test('kill -9 to a connect that waits for a peer who does not read: its connection ends', () =>
    withStack([], async (stack) => {
      const server = stack.start('sh', '-c', 'sleep 600 | nc -l 10.9.0.1 4000 | sleep 600');
      await eventually(
        async () => (await stack.sh('ss -tlnH')).stdout.toString().includes(':4000'),
        () => 'a server',
      );
      const command = `exec ${FOURWAVE} connect --control ${stack.ready.control} 10.9.0.1 4000`;
      const client = stack.start('sh', '-c', `yes | (${command})`);
      await eventually(
        async () => {
          const [record] = await stack.ss(4000);
          return (record?.snd?.wnd ?? 1) === 0 && (record?.snd?.unsent ?? 0) > 0;
        },
        () => 'a closed window',
        20_000,
      );
      await client.kill('SIGKILL');
      await eventually(
        async () => (await stack.ss(4000)).every(({ state }) => state !== 'ESTABLISHED'),
        () => 'the connection ends',
        20_000,
      );
      await server.kill();
      await assertWorks(stack);
    }));

  test('kill -9 to followers of the log: the stack goes on', () =>
    withStack([], async (stack) => {
      const control = `--control ${stack.ready.control}`;
      const followers = stack.start(
        'sh',
        '-c',
        `for i in 1 2 3 4 5; do ${FOURWAVE} log -f ${control} & done; wait`,
      );
      await eventually(
        () => followers.text.split('listen:opened listener=0').length === 6,
        () => 'five followers',
        20_000,
      );
      await followers.kill('SIGKILL');
      assert.equal((await stack.fourwave('ss').end()).code, 0);
      await assertWorks(stack);
    }));
});
