/**
 * Giving up root. Capabilities belong to threads, and Node has threads before the first line of ours
 * runs; so the program drops what it has and executes itself anew, with the descriptors that only
 * root could open. What every thread of the new program starts with is what was left.
 */

import { accessSync, constants, existsSync, fstatSync } from 'node:fs';
import { DeviceError, explained } from './device-error.ts';
import type { Identity } from './identity.ts';
import { loadNative, type Native } from './native.ts';
import type { TunDescription } from './tun.ts';

/** Carries the description of what is open to the program that takes over. */
const INHERITED = 'FOURWAVE_DEVICE';

/** All descriptors of a description. */
export function descriptorsOf(tun: TunDescription): number[] {
  return [...tun.queues, tun.diagnosis, tun.raw].filter((fd) => fd >= 0);
}

export interface Reexec {
  /** What is open and stays open. */
  readonly tun: TunDescription;
  /** Null: keep the uid, without any capability. */
  readonly identity: Identity | null;
  /** The program and its arguments; this very one by default. */
  readonly argv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** This program as it was started. */
export function ownCommand(): string[] {
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
}

/**
 * Does not return: the process, with the same pid, starts its program again, and
 * {@link inheritedTun} gives it the descriptors.
 *
 * @throws DeviceError; what was given up until then stays given up
 */
export function dropAndReexec(reexec: Reexec, native: Native = loadNative()): never {
  const { tun, identity, argv = ownCommand(), env = process.env } = reexec;
  const context = { tun: tun.name, netns: tun.netns, peer: tun.peer, mtu: tun.mtu };
  const environment = { ...environmentFor(identity, env), [INHERITED]: JSON.stringify(tun) };
  try {
    native.dropPrivileges(identity ?? { uid: -1, gid: -1, groups: [] });
    checkReadable(argv, identity);
    return native.execProgram(argv[0] as string, argv, assignments(environment), descriptorsOf(tun));
  } catch (error) {
    throw explained(error, context);
  }
}

/** Node would only say "Cannot find module". */
function checkReadable(argv: readonly string[], identity: Identity | null): void {
  for (const file of argv.slice(1).filter((argument) => argument === process.argv[1])) {
    try {
      accessSync(file, constants.R_OK);
    } catch {
      throw new DeviceError(`${identity?.name ?? 'root without capabilities'} may not read ${file}`, {
        code: 'EACCES',
        errno: 13,
        syscall: 'access',
        cure: 'install the program where that user can read it, or choose another --user',
      });
    }
  }
}

/** root's HOME and the like are no use to another user. */
export function environmentFor(identity: Identity | null, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (identity === null) return { ...env };
  const { XDG_RUNTIME_DIR: _, ...rest } = env;
  const runtime = `/run/user/${identity.uid}`;
  return {
    ...rest,
    ...{ HOME: identity.home, USER: identity.name, LOGNAME: identity.name },
    ...(existsSync(runtime) ? { XDG_RUNTIME_DIR: runtime } : {}),
  };
}

function assignments(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

/**
 * What {@link dropAndReexec} left open, or null in a program that was started otherwise. To be called
 * once, early: it takes the note out of `env`, so that no child finds it.
 */
export function inheritedTun(env: NodeJS.ProcessEnv = process.env): TunDescription | null {
  const text = env[INHERITED];
  Reflect.deleteProperty(env, INHERITED);
  if (text === undefined) return null;
  try {
    const tun = JSON.parse(text) as TunDescription;
    for (const fd of descriptorsOf(tun)) fstatSync(fd);
    return tun;
  } catch {
    return null;
  }
}
