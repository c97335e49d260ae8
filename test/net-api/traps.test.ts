/** The traps of Node's own API: errors that nobody hears, streams left half-way, memory that is held. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import nodeNet from 'node:net';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { moduleOf, textArguments } from '../support/source-program.ts';
import { type Hosts, SERVER_ADDRESS, twoHosts } from './two-hosts.ts';

type NetModule = typeof nodeNet;
const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a program of its own prints; it has `net`, node:net's or a stack's, and the address of the server. */
async function printed(world: 'node' | 'stack', body: string): Promise<string> {
  const preamble =
    world === 'node'
      ? `import net from 'node:net'; const host = '127.0.0.1'; const stack = null;`
      : `import { createStack, loopback } from '${moduleOf('src/index.ts')}';
         const host = '10.5.0.1';
         const stack = await createStack({ device: loopback(), address: host });
         const net = stack.net;`;
  const args = textArguments(`${preamble}\n${body}`);
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 20_000 });
  return stdout;
}

test('N06: a reset before anybody listens for errors surfaces as node:net’s does, and the stack goes on', async () => {
  const program = `
    process.on('uncaughtException', (error) => console.log('uncaught', error.code));
    const server = net.createServer((socket) => {
      socket.resume();
      if (first) client.resetAndDestroy();
      else socket.end('still here');
      first = false;
    });
    let first = true;
    await new Promise((resolve) => server.listen(0, host, resolve));
    const { port } = server.address();
    const client = net.connect(port, host);
    client.on('error', () => {});
    await new Promise((resolve) => client.on('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = net.connect(port, host);
    for await (const chunk of second) console.log(String(chunk));
    if (stack !== null && stack.guarded !== null) console.log('thrown in the packet path', stack.guarded);
    process.exit();`;
  const expected = await printed('node', program);
  assert.equal(expected, 'uncaught ECONNRESET\nstill here\n');
  assert.equal(await printed('stack', program), expected);
});

async function withHosts(run: (hosts: Hosts) => Promise<void>): Promise<void> {
  const hosts = twoHosts();
  try {
    await run(hosts);
  } finally {
    await hosts.close();
  }
}

async function listening(net: NetModule, host: string, handler: (socket: nodeNet.Socket) => void) {
  const server = net.createServer(handler);
  server.listen(0, host);
  await once(server, 'listening');
  return { server, port: (server.address() as nodeNet.AddressInfo).port };
}

test('N08: a thousand chunks of one byte hold a thousand bytes, not a thousand slabs', () =>
  withHosts(async ({ clientNet, serverNet }) => {
    const chunks: Buffer[] = [];
    const { port } = await listening(serverNet as unknown as NetModule, SERVER_ADDRESS, (socket) => {
      socket.on('data', (chunk) => {
        chunks.push(chunk);
        socket.write('.');
      });
    });
    const client = clientNet.connect(port, SERVER_ADDRESS);
    client.setNoDelay(true);
    await once(client, 'connect');
    for (let i = 0; i < 1000; i++) {
      client.write('x');
      await once(client, 'data');
    }
    assert.equal(chunks.length, 1000);
    const slabs = new Set(chunks.map(({ buffer }) => buffer));
    const held = [...slabs].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert.ok(held <= 64 * 1024, `${held} bytes are held`);
    client.destroy();
  }));

/** Runs a full garbage collection. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Opens and closes `count` connections; returns the sockets of both ends, held by nobody else. */
async function churn({ clientNet, serverNet }: Hosts, count: number, signal: AbortSignal) {
  const sockets: WeakRef<object>[] = [];
  const { server, port } = await listening(serverNet as unknown as NetModule, SERVER_ADDRESS, (socket) => {
    sockets.push(new WeakRef(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(chunk));
    socket.setTimeout(60_000);
  });
  for (let i = 0; i < count; i++) {
    const client = new clientNet.Socket({ signal } as never).connect(port, SERVER_ADDRESS);
    sockets.push(new WeakRef(client));
    client.setTimeout(60_000);
    client.write('x');
    await once(client, 'data');
    if (i % 3 === 0) client.end();
    else if (i % 3 === 1) client.destroy();
    else client.resetAndDestroy();
    await once(client, 'close');
  }
  server.close();
  await once(server, 'close');
  return sockets;
}

test('N26: after three hundred connections nothing holds a socket: no table, no timer, no listener of a signal', () =>
  withHosts(async (hosts) => {
    const abort = new AbortController();
    const sockets = await churn(hosts, 300, abort.signal);
    assert.equal(sockets.length, 600);
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
    for (let i = 0; i < 10; i++) {
      await sleep(5);
      collect();
    }
    const alive = sockets.filter((socket) => socket.deref() !== undefined).length;
    assert.ok(alive <= 4, `${alive} of 600 sockets are still held`);
    for (const { tcp } of [hosts.client, hosts.server]) {
      const { connections, memory, timers, orphans } = tcp.stats;
      assert.deepEqual([connections, memory, timers, orphans], [0, 0, 0, 0]);
    }
  }));

interface World {
  net: NetModule;
  serverNet: NetModule;
  host: string;
}

const BLOCK = Buffer.alloc(4_000_000, 'x');

/** What the other end sees when a reader leaves its stream in one of these ways, before or after reading all. */
const LEAVING: Record<string, (client: nodeNet.Socket, log: string[]) => Promise<void>> = {
  async 'break in for await, nothing unread'(client) {
    client.end('small');
    for await (const chunk of client) if (String(chunk).endsWith('small')) break;
  },
  async 'break in for await, much unread'(client) {
    client.write('large');
    for await (const chunk of client) if (chunk.length > 0) break;
  },
  async 'destroy with an error'(client, log) {
    client.on('error', (error) => log.push(error.message));
    client.write('small');
    await once(client, 'data');
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.destroy(new Error('changed my mind'));
    await closed;
  },
  async 'a pipeline whose target fails'(client, log) {
    client.write('large');
    const target = new Writable({
      write(_chunk, _encoding, done) {
        done(new Error('the disk is full'));
      },
    });
    await pipeline(client, target).catch((error: Error) => log.push(error.message));
  },
  async 'a pipeline that is aborted'(client, log) {
    client.write('large');
    const target = new Writable({ write() {} });
    const ended = pipeline(client, target, { signal: AbortSignal.timeout(30) });
    await ended.catch((error: Error) => log.push(error.name));
  },
};

/** Plays one way of leaving; tells what both ends see. */
async function leave(world: World, name: string): Promise<string[]> {
  const log: string[] = [];
  let peerGone: (value: unknown) => void = () => {};
  const ended = new Promise((resolve) => {
    peerGone = resolve;
  });
  const { server, port } = await listening(world.serverNet, world.host, (socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => log.push(`peer error ${error.code}`));
    socket.on('end', () => log.push('peer end'));
    socket.on('close', () => peerGone(null));
    socket.once('data', (word) => socket.write(String(word) === 'large' ? BLOCK : word));
  });
  const client = world.net.connect(port, world.host);
  await once(client, 'connect');
  await LEAVING[name]?.(client, log);
  await ended;
  log.push(`destroyed ${client.destroyed}, ${client.readyState}`);
  await new Promise((resolve) => server.close(resolve));
  return log;
}

for (const name of Object.keys(LEAVING)) {
  test(`N28: ${name}: FIN or RST as of node:net, and nothing stays`, { timeout: 20_000 }, () =>
    withHosts(async ({ clientNet, serverNet, client, server }) => {
      const expected = await leave({ net: nodeNet, serverNet: nodeNet, host: '127.0.0.1' }, name);
      const net = clientNet as unknown as NetModule;
      const ours = { net, serverNet: serverNet as unknown as NetModule, host: SERVER_ADDRESS };
      assert.deepEqual(await leave(ours, name), expected);
      await sleep(20);
      assert.deepEqual([client.tcp.stats.connections, server.tcp.stats.connections], [0, 0]);
      assert.deepEqual([client.tcp.stats.memory, server.tcp.stats.memory], [0, 0]);
    }),
  );
}
