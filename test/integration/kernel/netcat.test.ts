import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

describe('nc against the built-in services', { skip: skipWithout('nc') }, () => {
  let stack: RunningStack;
  before(async () => {
    stack = await RunningStack.start();
  });
  after(() => stack?.close());

  test('echo sends everything back and closes when nc does', async () => {
    const client = stack.start('nc', '-N', STACK, '7');
    client.type('first\n');
    await eventually(
      () => client.text === 'first\n',
      () => client.text,
    );
    await stack.bothBecome(7, 'ESTABLISHED', 'ESTAB');
    client.endInput('second\n');
    const { code, stdout } = await client.end();
    assert.equal(stdout.toString(), 'first\nsecond\n');
    assert.equal(code, 0);
    // nc closed first: TIME-WAIT is the kernel's.
    await stack.bothBecome(7, undefined, 'TIME-WAIT');
  });

  test('daytime closes first: TIME-WAIT is the stack’s and counts down from 60 s', async () => {
    const client = stack.start('nc', STACK, '13');
    await eventually(
      () => client.text.endsWith('\r\n'),
      () => client.text,
    );
    assert.ok(Math.abs(Date.parse(client.text) - Date.now()) < 60_000, client.text);
    await stack.bothBecome(13, 'FIN-WAIT-2', 'CLOSE-WAIT');
    client.endInput();
    assert.equal((await client.end()).code, 0);
    await stack.bothBecome(13, 'TIME-WAIT', undefined);

    const remaining = async (): Promise<number> => {
      const [record, ...more] = await stack.ss(13);
      assert.equal(more.length, 0);
      assert.deepEqual([record?.state, record?.closedFirst], ['TIME-WAIT', 'us']);
      assert.equal(record?.timers.length, 1);
      assert.equal(record.timers[0]?.name, 'time-wait');
      return record.timers[0].remainingMs;
    };
    const begin = performance.now();
    const first = await remaining();
    assert.ok(first > 50_000 && first <= 60_000, `${first} ms remain`);
    await sleep(1000);
    const elapsed = performance.now() - begin;
    const second = await remaining();
    const gone = first - second;
    assert.ok(gone >= 900 && gone < elapsed + 3000, `${gone} ms less after ${elapsed} ms`);
    const { stdout } = await stack.fourwave('ss').end();
    assert.match(stdout.toString(), /TIME-WAIT .*timer:\(timewait,5\dsec,0\)/);
  });

  test('leaky never closes: CLOSE-WAIT stays', async () => {
    const client = stack.start('nc', '-N', STACK, '2002');
    client.endInput('x');
    await stack.bothBecome(2002, 'CLOSE-WAIT', 'FIN-WAIT-2');
    await sleep(500);
    assert.equal(client.running, true);
    const [record] = await stack.ss(2002);
    assert.deepEqual(record?.path, ['LISTEN', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT']);
    assert.equal(record?.closedFirst, 'peer');
    assert.deepEqual(record.timers, []);
    await client.kill();
  });

  test('a closed port is refused', async () => {
    const { code, stderr } = await stack.run('nc', ['-vN', STACK, '9999'], '', 5000);
    assert.equal(code, 1);
    assert.match(stderr, /refused/);
  });

  test('late answers a second after the FIN', async () => {
    const client = stack.start('nc', '-N', STACK, '2001');
    const begin = performance.now();
    client.endInput('12345');
    await stack.bothBecome(2001, 'CLOSE-WAIT', 'FIN-WAIT-2');
    const { code, stdout } = await client.end();
    assert.ok(performance.now() - begin >= 950);
    assert.equal(code, 0);
    assert.equal(
      stdout.toString(),
      'I have your FIN and 5 bytes before it.\nYou can send no more; I still can.\nNow I close too.\n',
    );
    await stack.bothBecome(2001, undefined, 'TIME-WAIT');
  });

  for (const [name, port, input] of [
    ['rude closes without reading', 2003, 'read me\n'],
    ['abort lingers for 0 s', 2006, ''],
  ] as const) {
    test(`${name}: a reset, and TIME-WAIT on neither side`, async () => {
      const resets = await stack.kernelCounter('EstabResets');
      const client = stack.start('nc', STACK, String(port));
      if (input !== '') client.type(input);
      await client.end(5000);
      assert.equal(client.text, '');
      assert.equal(await stack.kernelCounter('EstabResets'), resets + 1);
      assert.deepEqual(await stack.states(port), { stack: undefined, kernel: undefined });
    });
  }

  test('a half-closed HTTP request is answered', async () => {
    const { code, stdout } = await stack.run('nc', ['-N', STACK, '80'], 'GET / HTTP/1.0\r\n\r\n', 10_000);
    assert.equal(code, 0);
    assert.match(
      stdout.toString(),
      /^HTTP\/1\.[01] 200 OK\r\n[\s\S]*\r\n\r\nThis connection, seen from inside the stack/,
    );
  });

  test('ncat: echo, and a half-closed HTTP request', { skip: skipWithout('ncat') }, async () => {
    const echoed = await stack.run('ncat', [STACK, '7'], 'through ncat\n', 10_000);
    assert.deepEqual([echoed.code, echoed.stdout.toString()], [0, 'through ncat\n']);
    const page = await stack.run('ncat', [STACK, '80'], 'GET /close HTTP/1.0\r\n\r\n', 10_000);
    assert.match(page.stdout.toString(), /The server closes first/);
  });

  test('a connection whose program is killed ends on both sides', async () => {
    const client = stack.start('nc', STACK, '7');
    await stack.bothBecome(7, 'ESTABLISHED', 'ESTAB');
    await client.kill();
    await eventually(
      async () => (await stack.ss(7)).length === 0,
      () => 'gone',
    );
  });

  test('the kernel has found no fault with any segment', async () => {
    assert.equal(await stack.kernelCounter('InErrs'), 0);
    assert.equal(await stack.kernelCounter('TCPTimeouts'), 0);
    assert.equal(stack.up.running, true);
    assert.equal(stack.up.stderr.includes('rror'), false, stack.up.stderr);
  });
});
