import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { ask, follow, openControl } from '../../../src/cli/control/client.ts';
import { newSocketPath, socketFolders, socketName } from '../../../src/cli/control/paths.ts';
import { messages } from '../../../src/cli/control/protocol.ts';
import { ControlServer, type Handler } from '../../../src/cli/control/server.ts';
import { CliError, describe, sentence } from '../../../src/cli/errors.ts';

const PATIENCE = { timeout: 10_000 };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'fourwave-control-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

async function serve(t: TestContext, handlers: [string, Handler][]): Promise<string> {
  const path = join(folder(t), 'host-fw0.sock');
  const server = await ControlServer.open(path, new Map(handlers));
  t.after(() => server.close());
  return path;
}

async function parse(chunks: (string | Buffer)[], limit = 100): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const message of messages(
    Readable.from(
      chunks.map((chunk) => Buffer.from(chunk)),
      { objectMode: true },
    ),
    limit,
  )) {
    found.push(message);
  }
  return found;
}

test('messages are lines, however they are cut', PATIENCE, async () => {
  assert.deepEqual(await parse(['{"a":1}\n{"b', '":2', '}', '\n', '{"c":3']), [{ a: 1 }, { b: 2 }]);
  const umlaut = Buffer.from('{"a":"ü"}\n');
  assert.deepEqual(await parse([umlaut.subarray(0, 7), umlaut.subarray(7)]), [{ a: 'ü' }]);
});

test('a message that is too long or no object ends the conversation', PATIENCE, async () => {
  await assert.rejects(parse(['x'.repeat(60), 'y'.repeat(60)]), /longer than 100 bytes/);
  await assert.rejects(parse([`"${'x'.repeat(200)}"\n`]), /longer than 100 bytes/);
  for (const line of ['[1]\n', 'null\n', '1\n', 'nonsense\n']) await assert.rejects(parse([line]), line);
});

test('a question gets its answer, and an error its exit code', PATIENCE, async (t) => {
  const control = await serve(t, [
    ['double', ({ arguments: { n } }) => Number(n) * 2],
    [
      'refuse',
      () => {
        throw new CliError(4, 'not here');
      },
    ],
    [
      'events',
      async ({ send }) => {
        for (let n = 0; n < 3; n++) await send({ event: { n } });
      },
    ],
  ]);
  assert.equal(await ask({ control }, 'double', { n: 21 }), 42);
  await assert.rejects(ask({ control }, 'refuse'), { exitCode: 4, message: 'not here' });
  await assert.rejects(ask({ control }, 'unknown'), {
    exitCode: 2,
    message: /does not know the command "unknown"/,
  });
  const seen: unknown[] = [];
  await follow({ control }, { command: 'events', arguments: {} }, (event) => seen.push(event));
  assert.deepEqual(seen, [{ n: 0 }, { n: 1 }, { n: 2 }]);
});

test('the socket is for its owner alone', PATIENCE, async (t) => {
  const control = await serve(t, []);
  assert.equal(statSync(control).mode & 0o777, 0o600);
});

test('nonsense from a client is answered and harms nobody', PATIENCE, async (t) => {
  const control = await serve(t, [['double', ({ arguments: { n } }) => Number(n) * 2]]);
  for (const bytes of [
    'nonsense\n',
    '[]\n',
    'null\n',
    '{}\n',
    '{"command":"toString"}\n',
    'x'.repeat(300_000),
  ]) {
    const socket = connect(control);
    socket.on('error', () => {});
    socket.write(bytes);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    await new Promise((resolve) => socket.once('close', resolve).once('end', () => socket.destroy()));
    assert.match(answer, /"error"/, bytes.slice(0, 30));
  }
  assert.equal(await ask({ control }, 'double', { n: 4 }), 8);
});

test('a slow client makes the sender wait, and one that leaves ends it', PATIENCE, async (t) => {
  let sent = 0;
  let over: (reason: unknown) => void = () => {};
  const ended = new Promise((resolve) => {
    over = resolve;
  });
  const control = await serve(t, [
    [
      'flood',
      async ({ send }) => {
        try {
          for (;;) {
            await send({ event: 'x'.repeat(10_000) });
            sent++;
          }
        } catch (error) {
          over(error);
        }
      },
    ],
  ]);
  const socket = connect(control);
  socket.pause();
  socket.write('{"command":"flood","arguments":{}}\n');
  await new Promise((resolve) => setTimeout(resolve, 200));
  const stalled = sent;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(sent, stalled);
  assert.ok(sent < 1000, `${sent} messages were sent to nobody`);
  socket.destroy();
  assert.match(String(await ended), /the client is gone/);
});

test('a stale socket is replaced, a living one and any other file are not', PATIENCE, async (t) => {
  const path = join(folder(t), 'host-fw0.sock');
  // A server that vanished without unlinking leaves a socket that refuses.
  const dead = createServer().listen(path);
  await new Promise((resolve) => dead.once('listening', resolve));
  const copy = `${path}.kept`;
  const { linkSync, renameSync } = await import('node:fs');
  linkSync(path, copy);
  await new Promise((resolve) => dead.close(resolve));
  renameSync(copy, path);
  const server = await ControlServer.open(path, new Map());
  t.after(() => server.close());
  await assert.rejects(ControlServer.open(path, new Map()), { exitCode: 4, message: /already answers/ });
  const file = join(folder(t), 'file');
  writeFileSync(file, '');
  await assert.rejects(ControlServer.open(file, new Map()), { exitCode: 4, message: /is no socket/ });
});

test('without a stack, and with several, commands end with code 4', PATIENCE, async (t) => {
  const runtime = folder(t);
  const before = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = runtime;
  t.after(() => {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
  });
  assert.equal(socketFolders()[0], join(runtime, 'fourwave'));
  await assert.rejects(openControl({ control: join(runtime, 'none') }), { exitCode: 4 });
  const first = newSocketPath(null, 'fw0');
  assert.equal(first, join(runtime, 'fourwave', 'host-fw0.sock'));
  const servers = await Promise.all(
    [first, newSocketPath('lab', 'fw0')].map((path) => ControlServer.open(path, new Map())),
  );
  t.after(() => Promise.all(servers.map((server) => server.close())));
  await assert.rejects(openControl({}), {
    exitCode: 4,
    message: /several stacks are running, name one: .*host-fw0 .*lab-fw0 /,
  });
});

test('sockets are named after namespace and interface', () => {
  assert.equal(socketName(null, 'fw0'), 'host-fw0.sock');
  assert.equal(socketName('lab', 'fw1'), 'lab-fw1.sock');
});

test('errors become exit codes', () => {
  const coded = (code: string): Error => Object.assign(new Error(`it failed: ${code}`), { code });
  assert.equal(describe(coded('EPERM')).exitCode, 3);
  assert.equal(describe(coded('EACCES')).exitCode, 3);
  for (const code of ['ENOENT', 'EBUSY', 'ENODEV', 'ENOSYS', 'EADDRINUSE'])
    assert.equal(describe(coded(code)).exitCode, 4, code);
  assert.equal(describe(coded('EIO')).exitCode, 1);
  assert.equal(describe('odd').message, 'odd');
  assert.equal(sentence(new CliError(1, 'two\nlines \u001b[1m')), 'fourwave: two lines \\x1b[1m\n');
});
