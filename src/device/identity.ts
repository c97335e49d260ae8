/** As whom the program goes on once everything that needs root is open. */

import { execFileSync } from 'node:child_process';
import { DeviceError } from './device-error.ts';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Login name, or the uid where it has none. */
  readonly name: string;
  readonly home: string;
}

export interface IdentitySources {
  /** `--user`, a name or a number. */
  readonly user?: string | null;
  readonly env?: NodeJS.ProcessEnv;
  /** Runs a program and returns what it prints; throws when that fails. */
  readonly run?: (command: string, args: string[]) => string;
}

function runProgram(command: string, args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/**
 * `--user`, else who called sudo, else null: stay root, without capabilities.
 *
 * @throws DeviceError when there is no such user
 */
export function chooseIdentity(sources: IdentitySources = {}): Identity | null {
  const { user = null, env = process.env, run = runProgram } = sources;
  if (user !== null) return lookUp(user, run) ?? unknownUser(user);
  const uid = idOf(env['SUDO_UID']);
  if (uid === null || uid === 0) return null;
  const gid = idOf(env['SUDO_GID']) ?? uid;
  return lookUp(String(uid), run) ?? { uid, gid, groups: [gid], name: String(uid), home: '/' };
}

/** Ids are 32 bits, and the last one means "none". */
function idOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffffffff ? Number(text) : null;
}

/** Through the system's name service, so that users of a directory are found too. */
function lookUp(user: string, run: (command: string, args: string[]) => string): Identity | null {
  try {
    const fields = run('getent', ['passwd', '--', user]).trim().split(':');
    const [name = '', , uid, gid, , home = '/'] = fields;
    const ids = [idOf(uid), idOf(gid)] as const;
    if (name === '' || ids[0] === null || ids[1] === null) return null;
    const groups = run('id', ['-G', '--', name]).trim().split(/\s+/).map(Number);
    if (!groups.every(Number.isInteger)) return null;
    return { uid: ids[0], gid: ids[1], groups, name, home };
  } catch {
    return null;
  }
}

function unknownUser(user: string): never {
  throw new DeviceError(`there is no user ${user}`, {
    code: 'ENOENT',
    errno: 2,
    syscall: 'getpwnam',
    cure: 'name one that exists with --user',
  });
}
