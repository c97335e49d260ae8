/** What a TUN can do to a stack: errors of every kind, nonsense as packets, silence, a flood, a long sleep. */

import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { REASON, type ReasonName } from '../../../src/base/reasons.ts';
import type { Device, DeviceListener } from '../../../src/device/device.ts';
import { loadNative, type Native } from '../../../src/device/native.ts';
import { type TunDescription, TunDevice } from '../../../src/device/tun.ts';
import { NodeScheduler, systemClock } from '../../../src/stack/driver.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { Packet } from '../../../src/wire/packet.ts';
import { Application } from '../../support/application.ts';
import { testbed } from '../../support/peer.ts';

const BUILT = existsSync(new URL('../../../build/fourwave.node', import.meta.url));
const skip = !BUILT && process.env['CI'] !== 'true' ? 'the native addon is not built' : false;
const random = { fill: (bytes: Uint8Array) => void randomFillSync(bytes) };

const PLAIN: TunDescription = {
  ...{ name: 'pair', peer: '10.9.0.1/24', mtu: 1500, netns: null, queues: [] },
  ...{ vnetHeader: false, offload: [], diagnosis: -1, raw: -1 },
};

/** A stack on one end of a socket pair, and the other end as a device of the test's. */
class Rig {
  readonly native: Native = loadNative();
  readonly device: TunDevice;
  readonly far: TunDevice;
  readonly stack: Stack;
  private readonly scheduler: NodeScheduler;
  private readonly frame = new Frame();

  constructor(context: TestContext, wrap: (native: Native) => Native = (native) => native) {
    const [a, b] = this.native.socketPair();
    this.device = new TunDevice({ ...PLAIN, queues: [a] }, wrap(this.native));
    this.far = new TunDevice({ ...PLAIN, queues: [b] }, this.native);
    this.stack = new Stack({ device: this.device, address: '10.9.0.2/24', clock: systemClock, random });
    this.scheduler = new NodeScheduler(this.stack, systemClock);
    context.after(() => this.close());
  }

  /** Any bytes as one packet to the stack; false when the socket is full. */
  inject(packet: Uint8Array): boolean {
    this.frame.headerLength = 0;
    this.frame.payload = packet;
    this.frame.payloadLength = packet.length;
    return this.far.send(this.frame);
  }

  counted(reason: ReasonName): number {
    return this.stack.counters.byReason[REASON[reason]] as number;
  }

  private async close(): Promise<void> {
    this.scheduler.stop();
    await this.stack.close();
    await this.far.close();
  }
}

/** Takes all packets and shows them to `see`. */
function watch(device: Device, see: (packet: Uint8Array) => void = () => {}): DeviceListener {
  const packet = new Packet();
  const listener: DeviceListener = {
    readable: () => {
      while (device.receive(packet)) see(packet.bytes.slice(packet.start, packet.end));
    },
    writable: () => {},
    failed: () => {},
  };
  device.attach(listener);
  return listener;
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !condition(); i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(condition(), 'what was waited for did not happen');
}

describe('a TUN’s faults', { skip }, () => {
  test('N16: packets that are none: empty of sense, IPv6, a PI header in front, longer than the MTU', async (t) => {
    const rig = new Rig(t);
    watch(rig.far);
    const good = testbed().peer.build({ flags: 'S', destinationPort: 9 });
    const longer = new Uint8Array(9000);
    longer.set(good);
    new DataView(longer.buffer).setUint16(2, longer.length);
    const nonsense: [Uint8Array, ReasonName][] = [
      [new Uint8Array(1), 'PKT_TOO_SMALL'],
      [new Uint8Array(19).fill(0x45), 'PKT_TOO_SMALL'],
      [Uint8Array.from([0x60, ...new Uint8Array(59)]), 'IP_VERSION'],
      [Uint8Array.from([0, 0, 0x08, 0, ...good]), 'IP_VERSION'],
      [new Uint8Array(65_535), 'IP_VERSION'],
      [longer, 'IP_CSUM'],
    ];
    for (const [packet, reason] of nonsense) {
      const before = rig.counted(reason);
      rig.inject(packet);
      await until(() => rig.counted(reason) === before + 1);
    }
    assert.equal(rig.counted('PACKET_GUARD'), 0);
    rig.inject(good);
    await until(() => rig.counted('NO_SOCKET') === 1);
    assert.equal(rig.stack.failure, null);
  });

  test('N16: a write that fails with ENOBUFS, EIO, EINVAL or EBADFD is a lost packet, and no more than that', async (t) => {
    let errno = 0;
    let writes = 0;
    const rig = new Rig(t, (native) => ({
      ...native,
      write: (port, payload) => {
        writes++;
        return errno === 0 ? native.write(port, payload) : errno;
      },
    }));
    const answers: Uint8Array[] = [];
    watch(rig.far, (packet) => answers.push(packet));
    const bed = testbed();
    for (errno of [105, 5, 22, 77]) {
      const dropped = rig.device.dropped;
      rig.inject(bed.peer.build({ flags: 'S', destinationPort: 9 }));
      await until(() => rig.device.dropped === dropped + 1);
    }
    assert.equal(writes, 4, 'none is tried again and again');
    assert.equal(rig.counted('DEVICE_ERROR'), 4);
    assert.equal(rig.stack.failure, null);
    errno = 0;
    rig.inject(bed.peer.build({ flags: 'S', destinationPort: 9 }));
    await until(() => answers.length === 1);
  });

  test('N16: EAGAIN for a while: one packet waits, it is not tried without end, and the stack goes on after it', async (t) => {
    let full = true;
    let writes = 0;
    const rig = new Rig(t, (native) => ({
      ...native,
      write: (port, payload) => {
        writes++;
        return full ? 11 : native.write(port, payload);
      },
      // The socket is always writable: the kernel's word for a full queue is taken from the test.
      watch: (port, events) => native.watch(port, full ? events & 1 : events),
    }));
    const answers: Uint8Array[] = [];
    watch(rig.far, (packet) => answers.push(packet));
    const bed = testbed();
    for (let i = 0; i < 50; i++) rig.inject(bed.peer.build({ flags: 'S', seq: i, destinationPort: 9 }));
    await until(() => rig.counted('NO_SOCKET') === 50);
    assert.equal(writes, 1);
    assert.equal(rig.device.writable, false);
    full = false;
    rig.native.watch((rig.device as unknown as { queues: { port: object }[] }).queues[0]?.port as object, 3);
    await until(() => answers.length === 50);
  });

  test('N16: a device that dies tells its stack once, which tells its owner once', async (t) => {
    const rig = new Rig(t);
    const failures: Error[] = [];
    rig.stack.onFailure = (error) => failures.push(error);
    await rig.far.close();
    await until(() => failures.length > 0);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(failures.length, 1);
    assert.match((failures[0] as Error).message, /is gone/);
  });

  test('N03: a flood on the TUN: the event loop’s own timers and callbacks run between the batches', async (t) => {
    const rig = new Rig(t);
    watch(rig.far);
    const packet = testbed().peer.build({ flags: 'A', checksumError: 1 });
    let immediates = 0;
    let timers = 0;
    let flooding = true;
    const flood = (): void => {
      immediates++;
      while (rig.inject(packet));
      if (flooding) setImmediate(flood);
    };
    const timer = setInterval(() => timers++, 1);
    // The socket is full at all times.
    const start = performance.now();
    setImmediate(flood);
    while (performance.now() - start < 10_000 && rig.counted('TCP_CSUM') < 20_000) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    flooding = false;
    clearInterval(timer);
    const batches = rig.counted('TCP_CSUM') / 64;
    assert.ok(batches >= 20_000 / 64);
    assert.ok(immediates >= batches / 8, `${immediates} callbacks beside ${batches} batches`);
    assert.ok(timers > 0);
  });

  test('N15: after a sleep of the whole process an ACK that has come meanwhile is read before the timer expires', async (t) => {
    const rig = new Rig(t);
    const bed = testbed();
    watch(rig.far, (packet) => {
      // What the stack sends goes to the scripted peer.
      const view = new DataView(packet.buffer);
      const flags = packet[33] as number;
      if ((flags & 2) !== 0) bed.peer.iss = view.getUint32(24);
      if (packet.length <= 60) return;
      bed.peer.rcvNxt = 1001;
      rig.inject(bed.peer.build({ flags: 'A' }));
      // SIGSTOP, a long collection of garbage, a lid that is shut.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
    });
    const app = new Application(rig.stack, true);
    const connectionsWaiting = (listener: Parameters<typeof rig.stack.tcp.accept>[0]): void => {
      app.own(rig.stack.tcp.accept(listener, app) as never);
    };
    rig.stack.tcp.listen({ address: 0, port: 7, backlog: 1 }, { connectionsWaiting });
    rig.inject(bed.peer.build({ flags: 'S', options: { mss: 1460 } }));
    await until(() => bed.peer.iss !== null);
    bed.peer.rcvNxt = 1;
    rig.inject(bed.peer.build({ flags: 'A' }));
    await until(() => app.accepted);
    app.write(1000);
    await until(() => bed.peer.rcvNxt === 1001 && app.tcb.unacked === 0);
    assert.equal(rig.counted('TCP_RTO'), 0);
  });
});
