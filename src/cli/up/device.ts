/** The TUN: checked, opened, and the privileges that it took given up. */

import { type Device, tun } from '../../index.ts';
import type { UpOptions } from './options.ts';
import { checkRange } from './routes.ts';

export async function openDevice(options: UpOptions): Promise<Device> {
  await checkRange(options.tun, options.peer, options.netns);
  return tun({
    name: options.tun,
    peer: `${options.peer.address}/${options.peer.length}`,
    mtu: options.mtu,
    offload: options.offload,
    ...(options.netns === null ? {} : { netns: options.netns }),
  });
}
