/**
 * The TUN, opened, and root given up: as root by executing ourselves anew, as an ordinary user with
 * sudo for the opening alone, or inside a user namespace.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import type { Device } from '../../device/device.ts';
import { openThroughHelper, reexecInUserNamespace, userNamespaceAllowed } from '../../device/elevate.ts';
import { chooseIdentity, type Identity } from '../../device/identity.ts';
import { loadNative, type Native } from '../../device/native.ts';
import { dropAndReexec, inheritedTun } from '../../device/privileges.ts';
import type { SteeringKey } from '../../device/steering-key.ts';
import {
  openTun,
  type PrivilegedExtras,
  type TunDescription,
  TunDevice,
  type TunOptions,
} from '../../device/tun.ts';
import { tuntap2 } from '../../device/tuntap2.ts';
import { hasNetAdmin } from '../capability.ts';
import { SYSTEM_FOLDER } from '../control/paths.ts';
import { CliError, EXIT_PRIVILEGE } from '../errors.ts';
import type { UpOptions } from './options.ts';

/** Set in the program that runs inside a user namespace of its own. */
const IN_NAMESPACE = 'FOURWAVE_USER_NAMESPACE';
/** Everybody may make a socket here, and nobody may remove another's. */
const SHARED_MODE = 0o1777;

/** Whether this program has made a user namespace for itself: others enter it by our pid. */
export function inOwnUserNamespace(): boolean {
  return process.env[IN_NAMESPACE] !== undefined;
}

/**
 * The open device, in a process without privileges. As root and without one the process starts its
 * program again to get there, and this call does not return.
 *
 * @throws DeviceError or CliError, which name the cure
 */
export async function openDevice(options: UpOptions): Promise<Device> {
  if (options.device === 'tuntap2') return tuntap2({ peer: peerOf(options), mtu: options.mtu });
  const device = new TunDevice(openInterface(options));
  device.polled = options.busyPoll;
  return device;
}

/** The same for those who make devices of the interface's queues themselves. */
export function openInterface(options: UpOptions): TunDescription {
  const inherited = inheritedTun();
  if (inherited !== null) return inherited;
  const { tun: name, mtu, netns, offload, gro, queues } = options;
  const peer = peerOf(options);
  const steering = queues > 1 ? randomKey() : null;
  const kernelSteers = options.steering === 'auto';
  const request: TunOptions = { name, peer, mtu, netns, offload, gro, queues, steering, kernelSteers };
  const extras: PrivilegedExtras = { diagnosis: true, rawSocket: options.allowInject };
  if (hasNetAdmin()) return openAndDrop(request, extras, options.user);
  if (options.user !== null) {
    throw new CliError(EXIT_PRIVILEGE, '--user needs root: run this command with sudo');
  }
  return openUnprivileged(request, extras);
}

function peerOf({ peer }: UpOptions): string {
  return `${peer.address}/${peer.length}`;
}

function randomKey(): SteeringKey {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return { low, high };
}

function openAndDrop(request: TunOptions, extras: PrivilegedExtras, user: string | null): never {
  const identity = inOwnUserNamespace() ? null : chooseIdentity({ user });
  const tun = openTun(request, extras);
  if (identity !== null) shareFolder(identity);
  return dropAndReexec({ tun, identity }, keepingStdio());
}

/** Node marks the standard descriptors close-on-exec when it starts; the program that we become needs them. */
function keepingStdio(): Native {
  const native = loadNative();
  return {
    ...native,
    execProgram: (path, argv, env, kept) => native.execProgram(path, argv, env, [0, 1, 2, ...kept]),
  };
}

/** Where that user has no folder of their own for the control socket, the system's takes it. */
function shareFolder(identity: Identity): void {
  if (identity.uid === 0) return;
  mkdirSync(SYSTEM_FOLDER, { recursive: true });
  chmodSync(SYSTEM_FOLDER, SHARED_MODE);
}

function openUnprivileged(request: TunOptions, extras: PrivilegedExtras): ReturnType<typeof openTun> {
  if (mayUseSudo()) {
    const program = [process.execPath, ...process.execArgv, process.argv[1] as string];
    return openThroughHelper({ options: request, extras }, ['sudo', '--', ...program, 'open-tun']);
  }
  if ((request.netns ?? null) === null && userNamespaceAllowed()) {
    return reexecInUserNamespace(undefined, { ...process.env, [IN_NAMESPACE]: '1' }, keepingStdio());
  }
  throw new CliError(
    EXIT_PRIVILEGE,
    'opening a TUN needs CAP_NET_ADMIN: run "sudo fourwave up" ("fourwave doctor" says what this machine allows)',
  );
}

/** Without a terminal sudo must not ask for a password. */
function mayUseSudo(): boolean {
  const asks = process.stdin.isTTY && process.stderr.isTTY;
  return spawnSync('sudo', asks ? ['-V'] : ['-n', 'true'], { stdio: 'ignore' }).status === 0;
}
