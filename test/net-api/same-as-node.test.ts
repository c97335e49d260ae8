/** The same program on node:net over the kernel's loopback and on stack.net: both must tell the same story. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import nodeNet from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVER_ADDRESS, twoHosts } from './two-hosts.ts';

type NetModule = typeof nodeNet;
interface World {
  readonly clientNet: NetModule;
  readonly serverNet: NetModule;
  /** Address of the server. */
  readonly host: string;
  readonly client: string[];
  readonly server: string[];
}
type Scenario = (world: World) => Promise<void>;

const EVENTS = [
  'lookup',
  'connectionAttempt',
  'connect',
  'ready',
  'end',
  'finish',
  'close',
  'timeout',
  'error',
  'drain',
  'pause',
  'resume',
] as const;

function tell(error: unknown): string {
  const { message, code, errno, syscall, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  return JSON.stringify({ message, code, errno, syscall, address, port });
}

/** Writes down what a socket says; data as one entry however it was cut. */
function listen(socket: nodeNet.Socket, log: string[]): void {
  let bytes = 0;
  for (const name of EVENTS) {
    socket.on(name, (first?: unknown) => {
      if (name === 'end') log.push(`data ${bytes}`);
      if (name === 'error') log.push(`error ${tell(first)}`);
      else if (name === 'close') log.push(`close ${String(first)}`);
      else log.push(name);
    });
  }
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
}

async function serve(world: World, options: nodeNet.ServerOpts, handler: (socket: nodeNet.Socket) => void) {
  const server = world.serverNet.createServer(options, (socket) => {
    world.server.push('connection');
    handler(socket);
  });
  server.on('error', (error) => world.server.push(`error ${tell(error)}`));
  server.on('close', () => world.server.push('server close'));
  server.listen(0, world.host);
  await once(server, 'listening');
  return { server, port: (server.address() as nodeNet.AddressInfo).port };
}

const closed = (socket: nodeNet.Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once('close', () => resolve(null)));

const scenarios: Record<string, Scenario> = {
  async 'the client closes first'(world) {
    const { server, port } = await serve(world, {}, (socket) => listen(socket, world.server));
    const client = world.clientNet.connect(port, world.host, () => client.end('hello'));
    listen(client, world.client);
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'the server closes first'(world) {
    const { server, port } = await serve(world, {}, (socket) => {
      listen(socket, world.server);
      socket.end('bye');
    });
    const client = world.clientNet.connect({ port, host: world.host });
    listen(client, world.client);
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'the server answers after the half-close'(world) {
    const { server, port } = await serve(world, { allowHalfOpen: true }, (socket) => {
      listen(socket, world.server);
      socket.on('end', () => socket.end('answer'));
    });
    const client = world.clientNet.connect({ port, host: world.host });
    listen(client, world.client);
    client.end('question');
    await closed(client);
    world.client.push(`read ${client.bytesRead} written ${client.bytesWritten}`);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'nobody listens'(world) {
    const { server, port } = await serve(world, {}, () => {});
    await new Promise((resolve) => server.close(resolve));
    const client = world.clientNet.connect(port, world.host);
    listen(client, world.client);
    client.write('lost', (error) =>
      world.client.push(`write ${(error as NodeJS.ErrnoException | null)?.code}`),
    );
    await closed(client);
    world.client.push(client.readyState, String(client.destroyed), String(client.pending));
  },
  async 'the address is in use'(world) {
    const { server, port } = await serve(world, {}, () => {});
    const second = world.serverNet.createServer();
    second.on('error', (error) => world.server.push(`second ${tell(error)}`));
    second.listen(port, world.host);
    await sleep(20);
    world.server.push(String(second.listening), String(second.address()));
    await new Promise((resolve) => server.close(resolve));
  },
  async 'the peer resets'(world) {
    const { server, port } = await serve(world, {}, (socket) => {
      listen(socket, world.server);
      socket.once('data', () => socket.resetAndDestroy());
    });
    const client = world.clientNet.connect(port, world.host);
    listen(client, world.client);
    client.write('provoke');
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'writing after the end is refused'(world) {
    const { server, port } = await serve(world, {}, (socket) => {
      listen(socket, world.server);
      socket.on('error', () => {});
    });
    const client = world.clientNet.connect(port, world.host, () => {
      client.end();
      client.write('more', (error) => world.client.push(`write ${(error as NodeJS.ErrnoException)?.code}`));
    });
    listen(client, world.client);
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'writing to a peer that has finished'(world) {
    const { server, port } = await serve(world, {}, (socket) => {
      listen(socket, world.server);
      socket.end();
    });
    const client = world.clientNet.connect(port, world.host);
    listen(client, world.client);
    client.on('end', () => {
      client.write('late', (error) =>
        world.client.push(`write ${(error as NodeJS.ErrnoException | null)?.code}`),
      );
    });
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'destroy before the connection'(world) {
    const { server, port } = await serve(world, {}, (socket) => listen(socket, world.server));
    const client = world.clientNet.connect(port, world.host);
    listen(client, world.client);
    client.destroy(new Error('changed my mind'));
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'a timeout'(world) {
    const { server, port } = await serve(world, {}, (socket) => listen(socket, world.server));
    const client = world.clientNet.connect(port, world.host);
    listen(client, world.client);
    client.setTimeout(30, () => client.destroy());
    await closed(client);
    await sleep(10);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'a signal'(world) {
    const { server, port } = await serve(world, {}, (socket) => listen(socket, world.server));
    const abort = new AbortController();
    const client = new world.clientNet.Socket({ signal: abort.signal });
    listen(client, world.client);
    client.connect(port, world.host, () => abort.abort());
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'too many connections'(world) {
    const { server, port } = await serve(world, {}, (socket) => listen(socket, world.server));
    server.maxConnections = 1;
    server.on('drop', (data) => world.server.push(`drop ${Object.keys(data ?? {}).join()}`));
    const first = world.clientNet.connect(port, world.host);
    await once(first, 'connect');
    const second = world.clientNet.connect(port, world.host);
    listen(second, world.client);
    await closed(second);
    const count = await new Promise((resolve) => server.getConnections((_error, n) => resolve(n)));
    world.server.push(`connections ${String(count)}`);
    first.end();
    await new Promise((resolve) => server.close(resolve));
  },
  async pauseOnConnect(world) {
    const { server, port } = await serve(world, { pauseOnConnect: true }, (socket) => {
      world.server.push(String(socket.isPaused()));
      listen(socket, world.server);
      setTimeout(() => socket.resume(), 20);
    });
    const client = world.clientNet.connect(port, world.host);
    listen(client, world.client);
    client.end('waiting');
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'a megabyte each way, with backpressure'(world) {
    const { server, port } = await serve(world, {}, (socket) => {
      socket.pipe(socket);
      socket.on('close', (hadError) => world.server.push(`close ${hadError}`));
    });
    const client = world.clientNet.connect(port, world.host);
    let received = 0;
    client.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    client.on('close', (hadError) =>
      world.client.push(`close ${hadError} ${received} ${client.bytesRead} ${client.bytesWritten}`),
    );
    const block = Buffer.alloc(1 << 16, 'x');
    for (let i = 0; i < 16; i++) {
      if (!client.write(block)) await once(client, 'drain');
    }
    client.end();
    await closed(client);
    await new Promise((resolve) => server.close(resolve));
  },
  async 'closing what does not run'(world) {
    const server = world.serverNet.createServer();
    server.close((error) => world.server.push(tell(error)));
    await sleep(5);
    assert.throws(
      () => server.listen(70_000),
      (error) => Boolean(world.server.push(tell(error))),
    );
    assert.throws(
      () => world.clientNet.connect(-1),
      (error) => Boolean(world.client.push(tell(error))),
    );
    assert.throws(
      () => world.clientNet.connect({} as never),
      (error) => Boolean(world.client.push((error as NodeJS.ErrnoException).code as string)),
    );
    server.listen(0, world.host);
    await once(server, 'listening');
    assert.throws(
      () => server.listen(0),
      (error) => Boolean(world.server.push(tell(error))),
    );
    await new Promise((resolve) => server.close(resolve));
    const socket = new world.clientNet.Socket();
    world.client.push(
      String(socket.pending),
      socket.readyState,
      String(socket.remoteAddress),
      JSON.stringify(socket.address()),
    );
    socket.on('close', (hadError) => world.client.push(`close ${hadError}`));
    socket.resetAndDestroy().on('error', (error) => world.client.push(tell(error)));
    await sleep(5);
  },
};

/** The server's address and its port, which differ from world to world, get names. */
function normalize(lines: readonly string[], host: string): string[] {
  return lines.map((line) =>
    line
      .replaceAll(host, 'HOST')
      .replace(/"port":\d+/g, '"port":PORT')
      .replace(/HOST:\d+/g, 'HOST:PORT'),
  );
}

async function run(scenario: Scenario, clientNet: NetModule, serverNet: NetModule, host: string) {
  const world: World = { clientNet, serverNet, host, client: [], server: [] };
  await scenario(world);
  await sleep(10);
  return { client: normalize(world.client, host), server: normalize(world.server, host) };
}

for (const [name, scenario] of Object.entries(scenarios)) {
  test(`like node:net: ${name}`, { timeout: 20_000 }, async () => {
    const hosts = twoHosts();
    try {
      const expected = await run(scenario, nodeNet, nodeNet, '127.0.0.1');
      const clientNet = hosts.clientNet as unknown as NetModule;
      const serverNet = hosts.serverNet as unknown as NetModule;
      assert.deepEqual(await run(scenario, clientNet, serverNet, SERVER_ADDRESS), expected);
      assert.notEqual(expected.client.length + expected.server.length, 0);
    } finally {
      await hosts.close();
    }
  });
}
