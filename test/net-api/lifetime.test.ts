/** What keeps the process alive, what the stack's end does to sockets, and names. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createStack, memoryLink, virtualClock } from '../../src/index.ts';
import type { AddressInfo, SystemError } from '../../src/net/index.ts';
import { moduleOf, textArguments } from '../support/source-program.ts';
import { SERVER_ADDRESS, twoHosts } from './two-hosts.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs `body` with a stack of its own in a new process; 'ended' or 'still alive' after two seconds. */
async function process(body: string): Promise<string> {
  const program = `
    import { createStack, loopback } from '${moduleOf('src/index.ts')}';
    const stack = await createStack({ device: loopback(), address: '10.5.0.1' });
    const server = stack.net.createServer().listen(80);
    ${body}
    console.log('ran');`;
  const args = textArguments(program);
  try {
    const { stdout } = await promisify(execFile)(globalThis.process.execPath, args, {
      cwd: root,
      timeout: 4000,
    });
    return stdout.trim() === 'ran' ? 'ended' : stdout;
  } catch (error) {
    const { killed, stdout, stderr } = error as { killed: boolean; stdout: string; stderr: string };
    return killed && stdout.trim() === 'ran' ? 'still alive' : stderr;
  }
}

test('N27: a listening server keeps the process alive; unref, close and the end of the stack let it go', async () => {
  assert.equal(await process(''), 'still alive');
  assert.equal(await process('server.unref();'), 'ended');
  assert.equal(await process('server.close();'), 'ended');
  assert.equal(await process('await stack.close();'), 'ended');
});

test('N27: a transfer keeps the process alive to its last byte; TIME-WAIT does too, unless it is told not to', async () => {
  const transfer = `
    server.close();
    stack.net.createServer((socket) => socket.end(Buffer.alloc(1_000_000))).listen(81).unref();
    let bytes = 0;
    stack.net.connect(81, '10.5.0.1').on('data', (chunk) => {
      bytes += chunk.length;
    }).on('close', () => console.log(bytes));`;
  assert.equal(await process(`stack.setReferenced(false);\n${transfer}`), 'ran\n1000000\n');
  const start = performance.now();
  assert.equal(await process(`stack.configure({ msl: '400ms' });\n${transfer}`), 'ran\n1000000\n');
  assert.ok(performance.now() - start >= 800, 'two segment lifetimes');
});

test('closing the stack closes its sockets and servers without an error', { timeout: 10_000 }, async () => {
  const [near, far] = memoryLink();
  const client = await createStack({ device: near, address: '10.5.0.1/24' });
  const stack = await createStack({ device: far, address: '10.5.0.2/24' });
  const codes: (string | undefined)[] = [];
  const server = stack.net.createServer((peer) => {
    peer.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
  });
  server.listen(80);
  await once(server, 'listening');
  const socket = client.net.connect(80, '10.5.0.2');
  await once(socket, 'connect');
  const ends = Promise.all([once(socket, 'close'), once(server, 'close')]);
  await client.close();
  await stack.close();
  assert.deepEqual((await ends)[0], [false]);
  assert.deepEqual(codes, ['ECONNRESET']);
});

test('on a virtual clock streams are done when idle() resolves', { timeout: 10_000 }, async () => {
  const clock = virtualClock();
  const [near, far] = memoryLink();
  const client = await createStack({ device: near, address: '10.5.0.1/24', clock });
  const server = await createStack({ device: far, address: '10.5.0.2/24', clock });
  server.net.createServer((socket) => socket.pipe(socket)).listen(7);
  const socket = client.net.connect(7, '10.5.0.2');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += String(chunk);
  });
  socket.end('virtual');
  await client.idle();
  await server.idle();
  await client.idle();
  assert.equal(text, 'virtual');
  assert.equal(clock.now, 0);
  await client.close();
  await server.close();
});

test('names: lookup is told, an IPv6 address is refused, an address of nobody is EADDRNOTAVAIL', {
  timeout: 10_000,
}, async () => {
  const hosts = twoHosts();
  try {
    const server = hosts.serverNet.createServer((socket) => socket.end()).listen(0, SERVER_ADDRESS);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    type Done = (error: null, address: string, family: number) => void;
    const lookup = (_host: string, _options: object, done: Done) =>
      setImmediate(done, null, SERVER_ADDRESS, 4);
    const named = hosts.clientNet.connect({ host: 'server.test', port, lookup });
    const told = once(named, 'lookup');
    await once(named, 'connect');
    assert.deepEqual(await told, [null, SERVER_ADDRESS, 4, 'server.test']);
    named.destroy();

    const [six] = (await once(hosts.clientNet.connect(port, '::1'), 'error')) as [SystemError];
    assert.equal(six.code, 'EAFNOSUPPORT');
    const [foreign] = (await once(hosts.serverNet.createServer().listen(1, '10.77.0.99'), 'error')) as [
      SystemError,
    ];
    assert.equal(foreign.message, 'listen EADDRNOTAVAIL: address not available 10.77.0.99:1');
    const local = hosts.clientNet.connect({
      host: SERVER_ADDRESS,
      port,
      localAddress: '10.77.0.99',
      localPort: 5,
    });
    const [bind] = (await once(local, 'error')) as [SystemError];
    assert.equal(bind.message, 'bind EADDRNOTAVAIL 10.77.0.99:5');
  } finally {
    await hosts.close();
  }
});
