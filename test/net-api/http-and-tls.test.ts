/** node:http and node:tls over stack.net, and what happens to memory when nobody reads. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { type Hosts, SERVER_ADDRESS, twoHosts } from './two-hosts.ts';

async function withHosts(body: (hosts: Hosts) => Promise<void>): Promise<void> {
  const hosts = twoHosts();
  try {
    await body(hosts);
  } finally {
    await hosts.close();
  }
}

/** An http server on the stack, and its port. */
async function serveHttp(hosts: Hosts, handler: http.RequestListener): Promise<number> {
  const server = http.createServer(handler);
  const listener = hosts.serverNet.createServer((socket) =>
    server.emit('connection', socket as unknown as Socket),
  );
  listener.listen(0, SERVER_ADDRESS);
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

test('http: an upload is answered with its hash, twice on one kept connection', {
  timeout: 20_000,
}, async () => {
  await withHosts(async (hosts) => {
    const peers = new Set<number | undefined>();
    const port = await serveHttp(hosts, (request, response) => {
      peers.add(request.socket.remotePort);
      const hash = createHash('sha256');
      request.on('data', (chunk: Buffer) => hash.update(chunk));
      request.on('end', () => response.end(hash.digest('hex')));
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const body = Buffer.alloc(300_000, 'upload');
    for (let i = 0; i < 2; i++) {
      const createConnection = hosts.clientNet.connect as unknown as typeof import('node:net').connect;
      Object.assign(agent, { createConnection });
      const request = http.request({ host: SERVER_ADDRESS, port, method: 'PUT', agent });
      request.end(body);
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      let text = '';
      for await (const chunk of response) text += String(chunk);
      assert.equal(text, createHash('sha256').update(body).digest('hex'));
    }
    assert.equal(peers.size, 1);
    agent.destroy();
  });
});

test('http: a request with its own createConnection', { timeout: 20_000 }, async () => {
  await withHosts(async (hosts) => {
    const port = await serveHttp(hosts, (request, response) => response.end(`path ${request.url}`));
    const createConnection = hosts.clientNet
      .createConnection as unknown as typeof import('node:net').createConnection;
    const request = http.get({
      host: SERVER_ADDRESS,
      port,
      path: '/some/where',
      createConnection: createConnection as never,
    });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    assert.equal(text, 'path /some/where');
  });
});

// tls reads and writes a stream that is not Node's own socket from outside: that stream must not end
// its writing side by itself, or what tls still has to say is lost (with any Duplex).
test('tls: a secured echo over two stacks', { timeout: 20_000 }, async () => {
  await withHosts(async (hosts) => {
    const psk = Buffer.alloc(16, 7);
    const secured = tls.createServer(
      { ciphers: 'PSK', maxVersion: 'TLSv1.2', pskCallback: () => psk },
      (socket) => {
        socket.pipe(socket);
      },
    );
    const listener = hosts.serverNet
      .createServer({ allowHalfOpen: true }, (socket) => secured.emit('connection', socket))
      .listen(0, SERVER_ADDRESS);
    await once(listener, 'listening');
    const socket = hosts.clientNet.connect({
      port: (listener.address() as AddressInfo).port,
      host: SERVER_ADDRESS,
      allowHalfOpen: true,
    }) as unknown as Socket;
    const client = tls.connect({
      socket,
      ciphers: 'PSK',
      maxVersion: 'TLSv1.2',
      pskCallback: () => ({ psk, identity: 'test' }),
      checkServerIdentity: () => undefined,
    });
    const body = Buffer.alloc(200_000, 'secret');
    client.end(body);
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat(chunks).equals(body));
  });
});

test('a peer that does not read stops the writer: nothing buffers without bound', {
  timeout: 20_000,
}, async () => {
  await withHosts(async (hosts) => {
    let reader: Socket | undefined;
    const listener = hosts.serverNet.createServer({ pauseOnConnect: true }, (socket) => {
      reader = socket as unknown as Socket;
    });
    listener.listen(0, SERVER_ADDRESS);
    await once(listener, 'listening');
    const client = hosts.clientNet.connect((listener.address() as AddressInfo).port, SERVER_ADDRESS);
    await once(client, 'connect');
    const block = Buffer.alloc(65_536, 1);
    let written = 0;
    // The buffers of both ends hold 6 MB and 4 MB at most.
    while (written < 40_000_000) {
      written += block.length;
      if (client.write(block)) continue;
      const drained = await Promise.race([
        once(client, 'drain').then(() => true),
        sleep(300).then(() => false),
      ]);
      if (!drained) break;
    }
    assert.ok(written < 16_000_000, `the writer was never stopped: ${written} bytes`);
    assert.ok(
      reader !== undefined && reader.readableLength <= 131_072,
      'the reader has buffered without being asked',
    );
    let received = 0;
    reader.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    reader.resume();
    client.end();
    await once(reader, 'end');
    assert.equal(received, written);
  });
});

test('closing with unread data resets the peer; a small chunk holds no large slab', {
  timeout: 20_000,
}, async () => {
  await withHosts(async (hosts) => {
    const listener = hosts.serverNet.createServer({ pauseOnConnect: true }, (socket) => {
      setTimeout(() => socket.destroy(), 30);
    });
    listener.listen(0, SERVER_ADDRESS);
    await once(listener, 'listening');
    const client = hosts.clientNet.connect((listener.address() as AddressInfo).port, SERVER_ADDRESS);
    client.write('never read');
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');
    assert.equal(error.syscall, 'read');

    const echo = hosts.serverNet.createServer((socket) => socket.pipe(socket)).listen(0, SERVER_ADDRESS);
    await once(echo, 'listening');
    const second = hosts.clientNet.connect((echo.address() as AddressInfo).port, SERVER_ADDRESS);
    second.write('abc');
    const [chunk] = (await once(second, 'data')) as [Buffer];
    assert.equal(chunk.buffer.byteLength, 3);
    second.destroy();
  });
});

test('every connection is gone from the tables once both sides are closed', { timeout: 20_000 }, async () => {
  await withHosts(async (hosts) => {
    const listener = hosts.serverNet.createServer((socket) => socket.resume()).listen(0, SERVER_ADDRESS);
    await once(listener, 'listening');
    for (let i = 0; i < 20; i++) {
      const client = hosts.clientNet.connect((listener.address() as AddressInfo).port, SERVER_ADDRESS);
      client.end('x');
      client.resume();
      await once(client, 'close');
    }
    await sleep(20);
    assert.equal(hosts.client.tcp.stats.connections, 0);
    assert.equal(hosts.server.tcp.stats.connections, 0);
    assert.equal(hosts.client.tcp.stats.timeWait, 20);
    assert.equal(hosts.client.tcp.stats.memory, 0);
  });
});
