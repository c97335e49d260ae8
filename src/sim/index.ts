/** `fourwave/sim`: worlds without a network, repeatable to the last bit. */

export { NEVER } from '../base/clock.ts';
export { SeededRandom } from '../base/random.ts';
export { type ClockUser, VirtualClock, virtualClock } from '../base/virtual-clock.ts';
export type { Device, DeviceListener } from '../device/device.ts';
export { loopback } from '../device/loopback.ts';
export { MemoryDevice, type MemoryDeviceOptions, memoryLink, type Offload } from '../device/memory-link.ts';
export {
  type InjectedPacketInfo,
  PacketDevice,
  type PacketListener,
  packetDevice,
  type SentPacketInfo,
} from '../device/packet-device.ts';
export { LinkCounts, type Timeline } from './direction.ts';
export { Host, type HostOptions } from './host.ts';
export { ImpairedDevice, type ImpairedDeviceOptions } from './impaired-device.ts';
export type { Aim, Impairments } from './impairments.ts';
export { checkConnection, checkInvariants, InvariantError } from './invariants.ts';
export { Link, type LinkOptions, type SentPacket, SimDevice, type WatchedDevice } from './link.ts';
export {
  PacketError,
  readSegment,
  splitSuperPacket,
  type WireSegment,
} from './packet-reader.ts';
export { World, type WorldOptions } from './world.ts';
