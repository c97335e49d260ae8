/** The stack and Node's event loop: whose turn it is, how long it lasts, and how many timers there are. */

import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Clock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import type { Device, DeviceListener } from '../../../src/device/device.ts';
import { type PacketDevice, packetDevice } from '../../../src/device/packet-device.ts';
import { NodeScheduler, systemClock } from '../../../src/stack/driver.ts';
import { Stack } from '../../../src/stack/stack.ts';
import type { Packet } from '../../../src/wire/packet.ts';
import { SERVER_ADDRESS, twoHosts } from '../../net-api/two-hosts.ts';
import { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';

const SECOND = 1_000_000;
const DAY_MS = 24 * 3600 * 1000;

/** A device that has a packet whenever it is asked. */
class Endless implements Device {
  readonly name = 'endless';
  readonly mtu = 1500;
  readonly checksumOffload = false;
  readonly segmentationLimit = 0;
  readonly writable = true;
  taken = 0;
  private readonly packet: Uint8Array;

  constructor(packet: Uint8Array) {
    this.packet = packet;
  }

  attach(_listener: DeviceListener): void {}

  receive(packet: Packet): boolean {
    this.taken++;
    packet.setMemory(this.packet, new DataView(this.packet.buffer));
    packet.start = 0;
    packet.end = this.packet.length;
    return true;
  }

  send(): boolean {
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A stack whose turns a test runs, on a clock that may leap. */
interface Leaping {
  clock: Clock & { now: number };
  device: PacketDevice;
  stack: Stack;
  bed: Testbed;
  app: Application;
}

/**
 * A connection as a {@link Testbed} makes it, to a stack whose clock is set by hand: packets of the
 * bed's peer wait in the device until the next turn.
 */
function leaping(): Leaping {
  const bed = testbed();
  const clock = { now: 1000 * SECOND };
  const device = packetDevice({ mtu: 1500, offload: 'off', queueLength: 4096 });
  const stack = new Stack({ device, address: '10.9.0.2/24', clock, random: new SeededRandom(3) });
  const app = new Application(stack, true);
  stack.tcp.listen(
    { address: 0, port: 7, backlog: 16 },
    {
      connectionsWaiting: (listener) => {
        const tcb = stack.tcp.accept(listener, app);
        if (tcb !== null) app.own(tcb);
      },
    },
  );
  bed.peer.stackPort = 7;
  const sent: Uint8Array[] = [];
  device.onPacket((packet) => sent.push(packet));
  device.inject(bed.peer.build({ flags: 'S', options: { mss: 1460 } }));
  stack.runTurn();
  const [synAck] = sent;
  assert.ok(synAck !== undefined);
  bed.peer.iss = new DataView(synAck.buffer).getUint32(24);
  bed.peer.rcvNxt = 1;
  device.inject(bed.peer.build({ flags: 'A' }));
  stack.runTurn();
  assert.equal(app.state, 'ESTABLISHED');
  return { clock, device, stack, bed, app };
}

test('N03: an endless flood: a turn takes 256 packets, and what is due is done in it', () => {
  const source = testbed();
  const device = new Endless(source.peer.build({ flags: 'A', checksumError: 1 }));
  const clock = { now: SECOND };
  const stack = new Stack({ device, address: '10.9.0.2/24', clock, random: new SeededRandom(1) });
  const app = new Application(stack, true);
  const open = { localAddress: 0, localPort: 0, peerAddress: source.peer.address | 0, peerPort: 80 };
  app.own(stack.tcp.connect(open, app));
  for (let turn = 1; turn <= 5; turn++) {
    stack.runTurn();
    assert.equal(device.taken, 256 * turn);
    clock.now = stack.nextDeadline() > clock.now ? stack.nextDeadline() : clock.now + 2 ** turn * SECOND;
  }
  assert.ok(stack.counters.byReason.some((count) => count >= 5 * 256));
  assert.ok(app.tcb.retry.retries >= 2, 'the SYN is sent again while the flood goes on');
});

test('N03: two stacks in one process with much to say to each other leave the event loop its turns', async (t) => {
  const hosts = twoHosts();
  t.after(() => hosts.close());
  const total = 100_000_000;
  let received = 0;
  const server = hosts.serverNet.createServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
  });
  server.listen(80, SERVER_ADDRESS);
  await once(server, 'listening');
  const client = hosts.clientNet.connect(80, SERVER_ADDRESS);
  await once(client, 'connect');
  let before = 0;
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, received - before);
    before = received;
  }, 1);
  const block = Buffer.alloc(65_536);
  let given = 0;
  const pump = (): void => {
    while (given < total) {
      given += block.length;
      if (!client.write(block)) {
        client.once('drain', pump);
        return;
      }
    }
    client.end();
  };
  pump();
  await once(client, 'close');
  clearInterval(timer);
  assert.ok(most <= total / 10, `${most} bytes of ${received} between two turns of the event loop`);
});

test('N04: ten thousand packets make no promise, no microtask and no timer', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const packets = Array.from({ length: 10_000 }, () => bed.peer.build({ flags: 'PA', data: 1 }));
  const made: string[] = [];
  const hook = createHook({
    init(_id, type) {
      made.push(type);
    },
  });
  hook.enable();
  for (const packet of packets) bed.inject(packet);
  bed.advance(1000);
  hook.disable();
  assert.equal(app.received.length, 10_000);
  assert.deepEqual(made, []);
});

/** What the scheduler asks of setTimeout while `run` runs; nothing fires. */
function timeoutsOf(run: () => void): number[] {
  const waits: number[] = [];
  const real = globalThis.setTimeout;
  globalThis.setTimeout = ((_call: () => void, wait = 0) => {
    waits.push(wait);
    return { ref: () => undefined, unref: () => undefined };
  }) as unknown as typeof setTimeout;
  try {
    run();
  } finally {
    globalThis.setTimeout = real;
  }
  return waits;
}

test('N05: a deadline beyond the 31 bits of setTimeout is waited for in pieces, not passed over', () => {
  for (const days of [24, 25, 50, 1000, 100_000]) {
    const { stack, clock, app } = leaping();
    stack.tcp.setKeepAlive(app.tcb, { on: true, idle: days * DAY_MS * 1000 });
    stack.runTurn();
    const waits = timeoutsOf(() => new NodeScheduler(stack, clock));
    assert.equal(waits.length, 1);
    const [wait] = waits as [number];
    assert.ok(wait <= 2 ** 31 - 1 && wait >= Math.min(days * DAY_MS, 2 ** 31 - 1) - 60_000, `${wait} ms`);
  }
});

test('N05: keep-alive after sixty days on the stack’s own wheel: neither at once nor never', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.stack.tcp.setKeepAlive(app.tcb, { on: true, idle: 60 * DAY_MS * 1000 });
  bed.advance(59 * DAY_MS);
  bed.peer.expectNothing();
  bed.advance(2 * DAY_MS);
  bed.peer.expect({ flags: 'A' });
});

test('N14: the wall clock is nobody’s clock: set back and forth, it changes nothing', () => {
  const real = Date.now;
  try {
    const before = systemClock.now;
    Date.now = () => 0;
    const back = systemClock.now;
    Date.now = () => 8.64e15;
    const forth = systemClock.now;
    assert.ok(before <= back && back <= forth && forth - before < 10 * SECOND);
  } finally {
    Date.now = real;
  }
});

test('N14: a clock that goes back stands still for the stack', () => {
  const { stack, clock, app } = leaping();
  app.write(1000);
  stack.runTurn();
  const { now } = stack.clock;
  clock.now -= 500 * SECOND;
  stack.runTurn();
  assert.equal(stack.clock.now, now);
  assert.equal(app.tcb.retry.retries, 0);
  assert.ok(app.tcb.rtt.srtt >= 0);
});

test('N14: after a leap of a day each timer is due once: one retransmission, and no connection is given up', () => {
  const { stack, clock, device, app } = leaping();
  app.write(1000);
  stack.runTurn();
  let packets = 0;
  device.onPacket(() => packets++);
  clock.now += 24 * 3600 * SECOND;
  for (let turn = 0; turn < 10; turn++) stack.runTurn();
  assert.equal(packets, 1);
  assert.deepEqual([app.state, app.tcb.retry.retries], ['ESTABLISHED', 1]);
});

test('N15: stopped for a minute: what has come meanwhile is taken before a timer expires', () => {
  const { stack, clock, device, bed, app } = leaping();
  app.write(5000);
  stack.runTurn();
  const { cwnd } = app.tcb.congestion;
  bed.peer.rcvNxt = 5001;
  device.inject(bed.peer.build({ flags: 'A' }));
  // The device says that packets wait; nobody is awake to look.
  clock.now += 60 * SECOND;
  stack.runTurn();
  assert.equal(app.tcb.unacked, 0);
  assert.equal(app.tcb.retry.retries, 0);
  assert.ok(app.tcb.congestion.cwnd >= cwnd);
});

test('N22: a thousand connections with timers of their own: one timer of Node’s', async () => {
  const device = packetDevice({ mtu: 1500, offload: 'off' });
  const random = { fill: (bytes: Uint8Array) => void randomFillSync(bytes) };
  const stack = new Stack({ device, address: '10.9.0.2/24', clock: systemClock, random });
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const scheduler = new NodeScheduler(stack, systemClock);
  for (let port = 1; port <= 1000; port++) {
    const app = new Application(stack, true);
    app.own(
      stack.tcp.connect({ localAddress: 0, localPort: 0, peerAddress: 0x0a090001, peerPort: port }, app),
    );
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stack.tcp.stats.timers, 1000);
  assert.ok(timers() - before <= 1, `${timers() - before} timers`);
  scheduler.stop();
  await stack.close();
});

test('N21: tables may be changed while they are walked: what is opened on the way does not keep the walk going', async () => {
  const bed = testbed();
  bed.listen(7);
  for (let i = 0; i < 20; i++) bed.newPeer().handshake('passive');
  let visited = 0;
  bed.stack.tcp.forEachConnection((tcb) => {
    visited++;
    assert.ok(visited <= 1000, 'the walk has an end');
    bed.stack.tcp.abort(tcb);
    bed.connect(bed.newPeer());
  });
  assert.ok(visited >= 20);
  const owner = {
    connectionEvents(): void {
      const { address } = bed.peer;
      if (bed.stack.tcp.stats.connections > 5000) throw new Error('the stack never closes');
      bed.stack.tcp.connect({ localAddress: 0, localPort: 0, peerAddress: address | 0, peerPort: 1 }, owner);
    },
  };
  bed.stack.tcp.forEachConnection((tcb) => {
    tcb.owner = owner;
  });
  await bed.stack.close();
});
