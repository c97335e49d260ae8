import assert from 'node:assert/strict';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { abort } from '../../../src/apps/abort.ts';
import { daytime } from '../../../src/apps/daytime.ts';
import { discard, sink } from '../../../src/apps/discard.ts';
import { echo } from '../../../src/apps/echo.ts';
import { CHARGEN_CYCLE, chargen, SOURCE_PERIOD, source } from '../../../src/apps/flood.ts';
import { heartbeat } from '../../../src/apps/heartbeat.ts';
import { ka } from '../../../src/apps/ka.ts';
import { late } from '../../../src/apps/late.ts';
import { leaky } from '../../../src/apps/leaky.ts';
import type { NetService } from '../../../src/apps/net-service.ts';
import type { RawService } from '../../../src/apps/raw-service.ts';
import { rude } from '../../../src/apps/rude.ts';
import type { RawListenerOwner, RawTcp, Service } from '../../../src/apps/service.ts';
import { createServices, SERVICE_NAMES } from '../../../src/apps/services.ts';
import { slow } from '../../../src/apps/slow.ts';
import { stuck } from '../../../src/apps/stuck.ts';

const PATIENCE = { timeout: 10_000 };

/** Starts a service on a free port and opens a half-open-capable connection to it. */
async function dial(t: TestContext, service: Service): Promise<net.Socket> {
  await service.start(null, net);
  t.after(() => service.stop());
  const { port } = (service as NetService).address() as net.AddressInfo;
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function readBytes(socket: net.Socket, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= count) break;
  }
  return Buffer.concat(chunks).subarray(0, count);
}

const ended = (socket: net.Socket): Promise<unknown> => new Promise((resolve) => socket.once('end', resolve));
const outcome = (socket: net.Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.once('end', () => resolve('end'));
    socket.resume();
  });

test('echo sends everything back, also when half-closed, and then closes', PATIENCE, async (t) => {
  const socket = await dial(t, echo(0));
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  socket.end(bytes);
  assert.deepEqual(await readAll(socket), bytes);
});

for (const make of [discard, sink]) {
  test(`${make.name} answers nothing and closes after the peer`, PATIENCE, async (t) => {
    const socket = await dial(t, make(0));
    socket.end(Buffer.alloc(200_000));
    assert.equal((await readAll(socket)).length, 0);
  });
}

test('daytime writes a line and closes first', PATIENCE, async (t) => {
  const socket = await dial(
    t,
    daytime(0, () => new Date(0)),
  );
  assert.equal((await readAll(socket)).toString(), 'Thu, 01 Jan 1970 00:00:00 GMT\r\n');
});

test('chargen writes lines of RFC 864 without end, past the end of its peer', PATIENCE, async (t) => {
  const socket = await dial(t, chargen(0));
  socket.end();
  const count = CHARGEN_CYCLE.length * 40 + 100;
  const bytes = await readBytes(socket, count);
  assert.equal(
    bytes.subarray(0, 74).toString(),
    `${String.fromCharCode(...Array.from({ length: 72 }, (_, i) => 32 + i))}\r\n`,
  );
  assert.equal(bytes[74], 0x21, 'the second line begins one character later');
  for (let index = CHARGEN_CYCLE.length; index < count; index++) {
    assert.equal(bytes[index], bytes[index - CHARGEN_CYCLE.length]);
  }
});

test('source stops when the peer does not read', PATIENCE, async (t) => {
  const socket = await dial(t, source(0));
  socket.pause();
  await sleep(300);
  const before = process.memoryUsage().arrayBuffers;
  await sleep(300);
  assert.ok(process.memoryUsage().arrayBuffers - before < 4_000_000, 'nothing piles up');
  const bytes = await readBytes(socket, 1_000_000);
  assert.ok(bytes.every((byte, index) => byte === index % SOURCE_PERIOD));
});

test('late answers after the end, in three lines', PATIENCE, async (t) => {
  const socket = await dial(t, late(0, 50));
  let early = '';
  socket.on('data', (chunk: Buffer) => {
    early += chunk.toString();
  });
  socket.write('hi\n');
  await sleep(100);
  assert.equal(early, '');
  socket.end();
  await ended(socket);
  assert.equal(early.split('\n').length, 4);
  assert.match(early, /FIN and 3 bytes before it/);
});

test('leaky never closes', PATIENCE, async (t) => {
  const socket = await dial(t, leaky(0));
  socket.end('bye');
  socket.resume();
  const first = await Promise.race([ended(socket), sleep(400, 'still open')]);
  assert.equal(first, 'still open');
});

test('rude closes without reading: the peer sees a reset', PATIENCE, async (t) => {
  const service = rude(0);
  // Over Node's net the service behind it is a NetService.
  const dialled = dial(
    t,
    Object.assign(service, {
      address: () => (service as unknown as { service: NetService }).service.address(),
    }),
  );
  const socket = await dialled;
  const result = outcome(socket);
  socket.write('unread');
  assert.equal(await result, 'ECONNRESET');
});

test('slow reads a portion at a time and reaches the end', PATIENCE, async (t) => {
  const socket = await dial(t, slow(0, 40_000));
  const started = Date.now();
  socket.end(Buffer.alloc(30_000));
  assert.equal((await readAll(socket)).length, 0);
  assert.ok(Date.now() - started > 450, 'it took its time');
});

test('ka echoes', PATIENCE, async (t) => {
  const socket = await dial(t, ka(0));
  socket.end('still there');
  assert.equal((await readAll(socket)).toString(), 'still there');
});

test('abort resets at once', PATIENCE, async (t) => {
  const service = abort(0) as NetService;
  await service.start(null, net);
  t.after(() => service.stop());
  const socket = net.connect((service.address() as net.AddressInfo).port, '127.0.0.1');
  assert.equal(await outcome(socket), 'ECONNRESET');
});

test('heartbeat closes when pings stay unanswered', PATIENCE, async (t) => {
  const socket = await dial(t, heartbeat(0, 30, 3));
  const text = (await readAll(socket)).toString();
  assert.equal(text.match(/^ping$/gm)?.length, 3);
  assert.match(text, /no answer to 3 pings/);
});

test('heartbeat goes on while it is answered', PATIENCE, async (t) => {
  const socket = await dial(t, heartbeat(0, 30, 2));
  let pings = 0;
  let over = false;
  socket.on('end', () => {
    over = true;
  });
  socket.on('data', (chunk: Buffer) => {
    pings += chunk.toString().match(/^ping$/gm)?.length ?? 0;
    socket.write('pong\n');
  });
  await sleep(400);
  assert.equal(over, false);
  assert.ok(pings > 4, `${pings} pings`);
});

/** An engine of which only the listener's owner is real. */
class FakeTcp implements RawTcp {
  readonly calls: string[] = [];
  owner: RawListenerOwner | null = null;
  waiting: string[] = [];
  listen(options: { port: number; backlog: number }, owner: RawListenerOwner): string {
    this.calls.push(`listen ${options.port} ${options.backlog}`);
    this.owner = owner;
    return 'listener';
  }
  closeListener(): void {
    this.calls.push('closeListener');
  }
  accept(): string | null {
    return this.waiting.shift() ?? null;
  }
  close(connection: string): void {
    this.calls.push(`close ${connection}`);
  }
  forEachConnection(): void {}
  setKeepAlive(): void {}
  abort(connection: string): void {
    this.calls.push(`abort ${connection}`);
  }
}

test('stuck never accepts and has a backlog of 1', async () => {
  const tcp = new FakeTcp();
  const service = stuck();
  await service.start({ connectionBetween: () => null, tcp }, net);
  tcp.waiting = ['a'];
  tcp.owner?.connectionsWaiting('listener');
  assert.deepEqual(tcp.waiting, ['a']);
  await service.stop();
  assert.deepEqual(tcp.calls, ['listen 2008 1', 'closeListener']);
  await assert.rejects(service.start(null, net), /own stack only/);
});

test('rude on the raw interface closes on the first bytes, and stop aborts the rest', async () => {
  const tcp = new FakeTcp();
  const service = rude();
  await service.start({ connectionBetween: () => null, tcp }, net);
  tcp.waiting = ['a', 'b'];
  tcp.owner?.connectionsWaiting('listener');
  const owner = tcp.owner as unknown as RawService;
  owner.connectionEvents('a', 0x01);
  assert.deepEqual(tcp.calls, ['listen 2003 128']);
  owner.connectionEvents('a', 0x02);
  await service.stop();
  assert.deepEqual(tcp.calls, ['listen 2003 128', 'close a', 'closeListener', 'abort b']);
});

test('a service starts and stops again and again; a busy port is an error', PATIENCE, async (t) => {
  const first = echo(0) as NetService;
  await first.start(null, net);
  t.after(() => first.stop());
  const { port } = first.address() as net.AddressInfo;
  const second = echo(port);
  await assert.rejects(second.start(null, net), { code: 'EADDRINUSE' });
  assert.equal(second.running, false);
  await first.stop();
  assert.equal(first.running, false);
  await second.start(null, net);
  assert.equal(second.running, true);
  await second.stop();
});

test('stop ends what is open', PATIENCE, async (t) => {
  const service = leaky(0);
  const socket = await dial(t, service);
  const result = outcome(socket);
  await service.stop();
  assert.match(await result, /end|ECONNRESET/);
});

test('every service has its own name and port', () => {
  const services = [...createServices({ www: null })];
  assert.deepEqual(
    services.map(([name]) => name),
    [...SERVICE_NAMES],
  );
  for (const [name, service] of services) assert.equal(service.name, name);
  const ports = services.map(([, service]) => service.port);
  assert.deepEqual(ports, [7, 9, 13, 19, 80, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008, 5001, 5002]);
});
