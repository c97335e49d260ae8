/** Two stacks with socket calls, on one virtual clock and a link that loses what it is told to lose. */

import assert from 'node:assert/strict';
import { SeededRandom } from '../../../src/base/random.ts';
import { REASON } from '../../../src/base/reasons.ts';
import { type VirtualClock, virtualClock } from '../../../src/base/virtual-clock.ts';
import { type PacketDevice, packetDevice } from '../../../src/device/packet-device.ts';
import { createPosix, type Posix } from '../../../src/posix/index.ts';
import { checkConnection } from '../../../src/sim/invariants.ts';
import { Stack } from '../../../src/stack/stack.ts';
import type { Configuration } from './configurations.ts';

const DAY = 24 * 3600 * 1e6;
const MOST_PACKETS = 100_000;

interface Host {
  readonly stack: Stack;
  readonly device: PacketDevice;
  readonly posix: Posix;
}

export class TwoHosts {
  readonly clock: VirtualClock = virtualClock(1_000_000_000);
  readonly hosts: readonly Host[];
  /** So many of the next packets are lost. */
  toLose = 0;
  private packets = 0;

  constructor(configuration: Configuration) {
    this.hosts = [1, 2].map((host) => this.host(`10.9.0.${host}/24`, host, configuration));
    this.connect(0, 1);
    this.connect(1, 0);
  }

  advanceBy(microseconds: number): void {
    this.packets = 0;
    this.clock.advanceBy(microseconds);
    assert.ok(this.packets < MOST_PACKETS, `${this.packets} packets`);
  }

  check(): void {
    for (const { stack } of this.hosts) {
      if (stack.guarded !== null) throw stack.guarded;
      assert.equal(stack.counters.byReason[REASON.PACKET_GUARD], 0, 'PACKET_GUARD');
      assert.ok(stack.nextDeadline() > this.clock.now, 'a turn is due and does not run');
      stack.tcp.forEachConnection((tcb) => {
        const limit = tcb.limits.receive;
        // A user may make the buffer smaller than what was offered.
        if (tcb.limits.receiveFixed) tcb.limits.receive = Infinity;
        try {
          checkConnection(tcb, this.clock.now);
        } finally {
          tcb.limits.receive = limit;
        }
      });
    }
  }

  /** Every descriptor is closed: a day later nothing is left. */
  finish(): void {
    this.toLose = 0;
    this.advanceBy(DAY);
    this.check();
    for (const { stack } of this.hosts) {
      const none = {
        connections: 0,
        timeWait: 0,
        synReceived: 0,
        orphans: 0,
        flows: 0,
        listeners: 0,
        timers: 0,
      };
      assert.deepEqual(stack.tcp.stats, { ...none, memory: 0 }, 'a day after everything was closed');
    }
  }

  private host(address: string, seed: number, { profile, offload, mtu, values }: Configuration): Host {
    const device = packetDevice({ mtu, offload });
    const random = new SeededRandom(seed);
    const stack = new Stack({ device, address, clock: this.clock, random, profile, config: values });
    return { stack, device, posix: createPosix(stack) };
  }

  private connect(from: number, to: number): void {
    const target = (this.hosts[to] as Host).device;
    (this.hosts[from] as Host).device.onPacket((packet, { gsoSize }) => {
      this.packets++;
      if (this.toLose > 0) this.toLose--;
      else target.inject(packet, gsoSize > 0 ? { gsoSize, checksum: 'partial' } : {});
    });
  }
}
