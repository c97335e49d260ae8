/** A machine that was suspended: hours pass between two turns of the stack. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '../../src/base/random.ts';
import { type PacketDevice, packetDevice } from '../../src/device/packet-device.ts';
import { Stack } from '../../src/stack/stack.ts';
import { Application } from '../support/application.ts';
import { type Testbed, testbed } from '../support/peer.ts';

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
const NIGHT = 8 * HOUR;

type Peer = ReturnType<Testbed['newPeer']>;

interface Known {
  readonly app: Application;
  readonly peer: Peer;
}

/** A stack whose clock is set by hand. What peers send waits in the device until the next turn. */
class Machine {
  readonly clock = { now: 1000 * SECOND };
  readonly device: PacketDevice = packetDevice({ mtu: 1500, offload: 'off', queueLength: 4096 });
  readonly stack: Stack;
  /** What came out in the last turns, as flags. */
  sent: Uint8Array[] = [];
  private readonly bed = testbed();
  private opened: Application | null = null;

  constructor(config: Record<string, string> = {}) {
    const random = new SeededRandom(5);
    this.stack = new Stack({
      device: this.device,
      address: '10.9.0.2/24',
      clock: this.clock,
      random,
      config,
    });
    this.device.onPacket((packet) => this.sent.push(packet));
    this.stack.tcp.listen(
      { address: 0, port: 7, backlog: 64 },
      {
        connectionsWaiting: (listener) => {
          const app = new Application(this.stack, true);
          const tcb = this.stack.tcp.accept(listener, app);
          if (tcb === null) return;
          app.own(tcb);
          this.opened = app;
        },
      },
    );
  }

  /** An established connection. */
  open(): Known {
    const peer = this.bed.newPeer();
    peer.stackPort = 7;
    this.inject(peer, { flags: 'S', options: { mss: 1460 } });
    const [synAck] = this.turn();
    assert.ok(synAck !== undefined);
    peer.iss = new DataView(synAck.buffer).getUint32(24);
    peer.rcvNxt = 1;
    this.inject(peer, { flags: 'A' });
    this.turn();
    const app = this.opened;
    assert.ok(app !== null && app.state === 'ESTABLISHED');
    this.opened = null;
    return { app, peer };
  }

  inject(peer: Peer, segment: Parameters<Peer['build']>[0]): void {
    this.device.inject(peer.build(segment));
  }

  /** Packets of the next turns, until nothing is left to do now. */
  turn(): Uint8Array[] {
    this.sent = [];
    for (let i = 0; i < 5; i++) this.stack.runTurn();
    return this.sent;
  }

  sleep(us: number): Uint8Array[] {
    this.clock.now += us;
    return this.turn();
  }
}

describe('a machine that was suspended for eight hours', () => {
  test('keep-alive (MUST-24): one probe at waking; an answer that follows keeps the connection for good', () => {
    const machine = new Machine();
    const { app, peer } = machine.open();
    machine.stack.tcp.setKeepAlive(app.tcb, { on: true });
    assert.equal(
      machine.sleep(NIGHT).length,
      1,
      'one probe, not one for each interval that was slept through',
    );
    assert.equal(machine.turn().length, 0);
    machine.inject(peer, { flags: 'A' });
    assert.equal(machine.sleep(SECOND).length, 0);
    assert.equal(machine.sleep(HOUR).length, 0, 'the idle time begins anew');
    assert.equal(app.state, 'ESTABLISHED');
  });

  test('keep-alive: a peer who is gone is given up after all nine probes, not at waking', () => {
    const machine = new Machine();
    const { app } = machine.open();
    machine.stack.tcp.setKeepAlive(app.tcb, { on: true });
    machine.sleep(NIGHT);
    for (let probes = 1; probes < 9; probes++) {
      assert.equal(app.state, 'ESTABLISHED', `after ${probes} probes`);
      machine.sleep(76 * SECOND);
    }
    machine.sleep(76 * SECOND);
    assert.ok(app.events.includes('failed'));
  });

  test('a user timeout (MUST-21) of 30 s: an ACK that came while it slept counts, silence does not', () => {
    for (const acknowledged of [true, false]) {
      const machine = new Machine();
      const { app, peer } = machine.open();
      machine.stack.tcp.setUserTimeout(app.tcb, 30 * SECOND);
      app.write(1000);
      machine.turn();
      peer.rcvNxt = 1001;
      if (acknowledged) machine.inject(peer, { flags: 'A' });
      machine.sleep(NIGHT);
      assert.equal(app.events.includes('failed'), !acknowledged);
      if (!acknowledged) continue;
      assert.deepEqual([app.state, app.tcb.retry.retries, app.tcb.unacked], ['ESTABLISHED', 0, 0]);
    }
  });

  test('data in flight: one retransmission at waking, and the ACK that then comes restores the rate', () => {
    const machine = new Machine();
    const { app, peer } = machine.open();
    app.write(5000);
    machine.turn();
    assert.equal(machine.sleep(NIGHT).length, 1);
    peer.rcvNxt = 5001;
    machine.inject(peer, { flags: 'A' });
    machine.sleep(SECOND / 100);
    assert.deepEqual([app.state, app.tcb.unacked, app.tcb.retry.retries], ['ESTABLISHED', 0, 0]);
    app.write(1000);
    assert.equal(machine.turn().length, 1);
    assert.ok(app.tcb.rtt.rto < 10 * SECOND, 'the hours are no round trip');
  });

  test('a closed window: one probe; TIME-WAIT: over', () => {
    const machine = new Machine();
    const blocked = machine.open();
    blocked.app.write(1000);
    machine.turn();
    blocked.peer.rcvNxt = 1001;
    machine.inject(blocked.peer, { flags: 'A', wnd: 0 });
    machine.turn();
    blocked.app.write(1000);
    machine.turn();
    assert.equal(machine.sleep(NIGHT).length, 1);
    assert.equal(blocked.app.state, 'ESTABLISHED');
    machine.inject(blocked.peer, { flags: 'A', wnd: 60_000 });
    machine.turn();

    const closing = machine.open();
    machine.stack.tcp.close(closing.app.tcb);
    machine.turn();
    closing.peer.rcvNxt = 2;
    machine.inject(closing.peer, { flags: 'A' });
    machine.inject(closing.peer, { flags: 'FA' });
    machine.turn();
    const states = (): string[] => machine.stack.connections().map(({ state }) => state);
    assert.ok(states().includes('TIME-WAIT'));
    machine.sleep(NIGHT);
    assert.ok(!states().includes('TIME-WAIT'));
  });

  test('fifty connections of all kinds: at most one packet for each, no storm', () => {
    const machine = new Machine();
    const all: Known[] = [];
    for (let i = 0; i < 50; i++) all.push(machine.open());
    all.forEach(({ app }, i) => {
      if (i % 3 === 0) machine.stack.tcp.setKeepAlive(app.tcb, { on: true });
      if (i % 3 === 1) app.write(20_000);
    });
    machine.turn();
    const packets = machine.sleep(NIGHT);
    assert.ok(packets.length <= 34, `${packets.length} packets`);
    assert.ok(packets.length >= 30, `${packets.length} packets`);
    assert.ok(all.every(({ app }) => app.state === 'ESTABLISHED'));
  });
});
