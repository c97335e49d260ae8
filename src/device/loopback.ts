/** A device whose far end is itself. */

import type { Device } from './device.ts';
import { checkOptions, MemoryDevice, type MemoryDeviceOptions } from './memory-link.ts';

const LOOPBACK_MTU = 65_535;

class LoopbackDevice extends MemoryDevice {
  readonly loopsBack = true;
}

/** What a stack sends here it receives in its next turn. The MTU is 65,535 unless told otherwise. */
export function loopback(options: MemoryDeviceOptions = {}): Device {
  return new LoopbackDevice('lo', checkOptions(options, LOOPBACK_MTU));
}
