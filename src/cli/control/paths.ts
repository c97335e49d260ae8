/** Where control sockets are. */

import { accessSync, constants, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_SOCKET_PATH } from '../arguments.ts';
import { missing } from '../errors.ts';

/** The one for everybody; `up` as root makes it. */
export const SYSTEM_FOLDER = '/run/fourwave';

/** Places in the order in which they are tried, for the user with this uid. */
export function socketFolders(uid: number = process.getuid?.() ?? 0): string[] {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const folders = [
    ...(runtime ? [join(runtime, 'fourwave')] : []),
    `/run/user/${uid}/fourwave`,
    SYSTEM_FOLDER,
  ];
  return [...new Set(folders)];
}

export function socketName(netns: string | null, tun: string): string {
  return `${netns ?? 'host'}-${tun}.sock`;
}

/** The path for a new socket; its folder exists then. @throws CliError when no folder can be used */
export function newSocketPath(netns: string | null, tun: string): string {
  const name = socketName(netns, tun);
  for (const folder of socketFolders()) {
    const path = join(folder, name);
    if (usable(folder) && Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  }
  throw missing(
    `no folder takes the control socket ${name} (tried ${socketFolders().join(', ')}): name a path with --control`,
  );
}

function usable(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return lstatSync(folder).isDirectory();
  } catch {
    return false;
  }
}

/** Sockets that belong to this user or to root: nobody else can answer in a stack's name. */
export function existingSockets(): string[] {
  const found: string[] = [];
  for (const folder of socketFolders()) {
    for (const name of namesIn(folder)) {
      const path = join(folder, name);
      if (name.endsWith('.sock') && isTrusted(path)) found.push(path);
    }
  }
  return found;
}

export function isTrusted(path: string): boolean {
  try {
    const { uid } = lstatSync(path);
    const own = process.getuid?.() ?? 0;
    return uid === own || uid === 0 || own === 0;
  } catch {
    return false;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
