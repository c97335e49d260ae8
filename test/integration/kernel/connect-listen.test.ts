import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { eventually, type Program, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('fourwave connect and listen against the kernel’s nc', { skip: skipWithout('nc') }, () => {
  let stack: RunningStack;
  before(async () => {
    stack = await RunningStack.start();
  });
  after(() => stack?.close());

  /** A kernel `nc -l` that listens already. */
  async function listener(port: number, ...args: string[]): Promise<Program> {
    const program = stack.start('nc', ...args, '-l', stack.kernel, String(port));
    await eventually(
      async () => (await stack.run('ss', ['-tlnH', `sport = :${port}`])).stdout.length > 0,
      () => `nc listens on ${port}`,
    );
    return program;
  }

  async function listens(port: number): Promise<void> {
    await eventually(
      async () => {
        const { stdout } = await stack.fourwave('ss', '-l', '--json', 'port', String(port)).end();
        return (JSON.parse(stdout.toString()) as unknown[]).length === 1;
      },
      () => `fourwave listens on ${port}`,
    );
  }

  test('connect: bytes both ways, then FIN both ways', async () => {
    const server = await listener(3001, '-N');
    const client = stack.fourwave('connect', '-N', stack.kernel, '3001');
    client.type('to the kernel\n');
    server.type('to the stack\n');
    await eventually(
      () => server.text === 'to the kernel\n' && client.text === 'to the stack\n',
      () => `${server.text} ${client.text}`,
    );
    const [record] = (await stack.ss()).filter(({ peer }) => peer === `${stack.kernel}:3001`);
    assert.deepEqual(record?.path, ['SYN-SENT', 'ESTABLISHED']);
    client.endInput('last words\n');
    server.endInput('goodbye\n');
    const [theirs, ours] = [await server.end(), await client.end()];
    assert.deepEqual([theirs.code, theirs.stdout.toString()], [0, 'to the kernel\nlast words\n']);
    assert.deepEqual([ours.code, ours.stdout.toString(), ours.stderr], [0, 'to the stack\ngoodbye\n', '']);
  });

  test('connect and listen carry megabytes unharmed', async () => {
    const bytes = randomBytes(8 * 1024 * 1024);
    const server = await listener(3002);
    const client = stack.fourwave('connect', '-N', stack.kernel, '3002');
    client.endInput(bytes);
    server.endInput();
    assert.equal(sha256((await server.end()).stdout), sha256(bytes));
    assert.equal((await client.end()).code, 0);

    const ours = stack.fourwave('listen', '3003');
    ours.endInput(bytes);
    await listens(3003);
    const back = await stack.run('nc', ['-N', STACK, '3003'], bytes);
    assert.equal(sha256(back.stdout), sha256(bytes));
    const { code, stdout } = await ours.end();
    assert.equal(sha256(stdout), sha256(bytes));
    assert.equal(code, 0);
  });

  test('listen takes one connection and ends with it', async () => {
    const server = stack.fourwave('listen', '3004');
    await listens(3004);
    const client = stack.start('nc', '-N', STACK, '3004');
    client.type('question\n');
    await eventually(
      () => server.text === 'question\n',
      () => server.text,
    );
    server.endInput('answer\n');
    client.endInput();
    assert.deepEqual([(await client.end()).stdout.toString(), (await server.end()).code], ['answer\n', 0]);
    assert.equal((await stack.run('nc', ['-N', STACK, '3004'])).code, 1, 'refused: it listens no more');
  });

  test('listen -k takes the next one too', async () => {
    const server = stack.fourwave('listen', '-k', '3005');
    // Like nc's, it leaves a connection only when its own input is over too.
    server.endInput();
    await listens(3005);
    for (const text of ['one\n', 'two\n']) {
      const client = stack.start('nc', '-N', STACK, '3005');
      client.endInput(text);
      assert.equal((await client.end(10_000)).code, 0);
    }
    await eventually(
      () => server.text === 'one\ntwo\n',
      () => server.text,
    );
    await server.kill('SIGTERM');
    await eventually(
      async () => (await stack.run('nc', ['-N', STACK, '3005'])).code === 1,
      () => 'its listener goes with it',
    );
  });

  test('connect to a closed port is refused: exit 1, one sentence', async () => {
    const client = stack.fourwave('connect', '-N', stack.kernel, '3999');
    client.endInput();
    const { code, stderr } = await client.end(10_000);
    assert.equal(code, 1);
    assert.match(stderr, /^[^\n]*(ECONNREFUSED|refused)[^\n]*\n$/);
  });

  test('listen on a port that a service has: exit 4', async () => {
    const server = stack.fourwave('listen', '7');
    server.endInput();
    assert.equal((await server.end(10_000)).code, 4);
  });
});
