/** A stack in a simulated world. */

import { Stack, type StackOptions } from '../stack/stack.ts';
import type { WatchedDevice } from './link.ts';
import type { World } from './world.ts';

export interface HostOptions extends Omit<StackOptions, 'device' | 'clock' | 'random'> {
  /** For messages, and for the host's own random stream. */
  readonly name: string;
}

export class Host<D extends WatchedDevice = WatchedDevice> {
  readonly name: string;
  readonly device: D;
  readonly stack: Stack;

  /** Its clock is the world's, its random bytes depend on the world's seed and its name alone. */
  constructor(world: World, device: D, options: HostOptions) {
    const { name, ...stackOptions } = options;
    this.name = name;
    this.device = device;
    this.stack = new Stack({
      ...stackOptions,
      device,
      clock: world.clock,
      random: world.randomFor(`host ${name}`),
    });
  }
}
