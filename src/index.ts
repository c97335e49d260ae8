/** Fourwave: a user-space TCP/IPv4 stack. Everything that a Node developer needs of it. */

import { randomFillSync } from 'node:crypto';
import { totalmem } from 'node:os';
import type { Clock } from './base/clock.ts';
import type { Random } from './base/random.ts';
import { VirtualClock } from './base/virtual-clock.ts';
import { createNet, type Net } from './net/index.ts';
import { NodeScheduler, systemClock } from './stack/driver.ts';
import { Stack, type StackOptions } from './stack/stack.ts';

export type { Clock } from './base/clock.ts';
export { NEVER } from './base/clock.ts';
export type { Random } from './base/random.ts';
export { SeededRandom } from './base/random.ts';
export { VirtualClock, virtualClock } from './base/virtual-clock.ts';
export type { Device, DeviceListener } from './device/device.ts';
export { loopback } from './device/loopback.ts';
export { memoryLink } from './device/memory-link.ts';
export { packetDevice } from './device/packet-device.ts';
export { type TunOptions, tun } from './device/tun.ts';
export { createNet, type Net } from './net/index.ts';
export { createPosix } from './posix/index.ts';
export { CONFIG_OPTIONS, ConfigError, type ConfigValue, type Profile } from './stack/config.ts';
export type { ConnectionRecord } from './stack/connection-record.ts';
export { replay } from './stack/replay.ts';
export { Stack, type StackOptions } from './stack/stack.ts';
export { RecordingTape, type Tape } from './stack/tape.ts';

/** The system's CSPRNG. */
const systemRandom: Random = {
  fill(bytes) {
    randomFillSync(bytes);
  },
};

/** All buffers together, bytes: the smaller of a quarter of this machine's memory and 512 MiB. */
function bufferTotal(): number {
  return Math.min(Math.floor(totalmem() / 4), 512 * 1024 * 1024);
}

/** Options of {@link createStack}: as {@link StackOptions}, with this machine's clock and randomness by default. */
export interface CreateStackOptions extends Omit<StackOptions, 'clock' | 'random'> {
  readonly clock?: Clock;
  readonly random?: Random;
  /**
   * On a real clock: asks the device for packets all the time, for a whole core. A TUN whose `polled` is
   * set before that does not wake the event loop besides.
   */
  readonly busyPoll?: boolean;
}

/** A stack on Node, with `node:net`'s API on top. */
export class NodeStack extends Stack {
  /** The module `net`, over this stack. */
  readonly net: Net;
  private readonly nodeScheduler: NodeScheduler | null;
  private readonly onVirtualClock: boolean;

  constructor(options: StackOptions & { readonly busyPoll?: boolean }) {
    // Siblings share the memory of this machine.
    const total = Math.floor(bufferTotal() / (options.siblings?.count ?? 1));
    const push = options.device.gathers === true ? { push: 'burst' } : {};
    super({ ...options, config: { 'buffer.total': total, ...push, ...options.config } });
    this.onVirtualClock = options.clock instanceof VirtualClock;
    this.nodeScheduler = this.onVirtualClock ? null : new NodeScheduler(this, options.clock);
    if (options.busyPoll === true) this.nodeScheduler?.busyPoll();
    this.net = createNet(this);
  }

  /**
   * On a virtual clock: resolves when neither the stack nor the streams on it have anything left to
   * do now. On a real clock: after one trip round the event loop.
   */
  async idle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      const turns = this.counters.turns;
      this.settle();
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.onVirtualClock && this.counters.turns !== turns ? 0 : quiet + 1;
    }
  }

  /** Resets all connections, ends all sockets and servers, closes the device. */
  override async close(): Promise<void> {
    const closed = super.close();
    this.net.stackClosed();
    await closed;
  }

  /** Whether the stack's own timer keeps the process alive (default: yes). */
  setReferenced(referenced: boolean): void {
    this.nodeScheduler?.setReferenced(referenced);
  }
}

/**
 * Makes a stack and starts it.
 *
 * @throws ConfigError for an unknown option or value, RangeError for an address that is none
 */
export function createStack(options: CreateStackOptions): Promise<NodeStack> {
  const world = { clock: options.clock ?? systemClock, random: options.random ?? systemRandom };
  return new Promise((resolve) => {
    resolve(new NodeStack({ ...options, ...world }));
  });
}
