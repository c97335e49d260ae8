/** The TUN, opened, and the privileges that it took given up. */

import { type Device, tun } from '../../index.ts';
import type { UpOptions } from './options.ts';

/** @throws DeviceError when the machine refuses: it names the cure */
export async function openDevice(options: UpOptions): Promise<Device> {
  return tun({
    name: options.tun,
    peer: `${options.peer.address}/${options.peer.length}`,
    mtu: options.mtu,
    netns: options.netns,
    offload: options.offload,
  });
}
