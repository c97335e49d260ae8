/** Which netcat is which: Ctrl-D means something else to each of them. */

import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** The programs that labs know, by the names that their `type` uses. */
export const FLAVOURS = ['nc.openbsd', 'nc.traditional', 'ncat', 'busybox', 'socat', 'curl'] as const;
export type Flavour = (typeof FLAVOURS)[number];

/** A program of this machine. */
export interface FoundFlavour {
  readonly flavour: Flavour;
  /** What one types for it. */
  readonly command: string;
  /** The file itself, symbolic links resolved. */
  readonly path: string;
}

const run = promisify(execFile);
/** ms that a program gets to print its help. */
const PATIENCE = 3000;

/** The file of a program in PATH or where root's programs are; null when there is none. */
export function which(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** As `readlink -f` does: /usr/bin/nc → /etc/alternatives/nc → /usr/bin/nc.openbsd. */
function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const BY_FILE: Readonly<Record<string, Flavour>> = {
  'nc.openbsd': 'nc.openbsd',
  'nc.traditional': 'nc.traditional',
  ncat: 'ncat',
  busybox: 'busybox',
};

/** What the help text of something called `nc` says that it is. */
export function flavourOfHelp(text: string): Flavour | null {
  if (/BusyBox/i.test(text)) return 'busybox';
  if (/\bNcat\b/.test(text)) return 'ncat';
  if (/OpenBSD netcat/.test(text) || /\[-\w*N\w*\]/.test(text)) return 'nc.openbsd';
  if (/\[v1\.\d+/.test(text) || /GNU netcat/.test(text)) return 'nc.traditional';
  return null;
}

async function helpOf(path: string): Promise<string> {
  const said = await run(path, ['-h'], { timeout: PATIENCE }).catch((error: unknown) => error);
  const { stdout, stderr } = said as { stdout?: string; stderr?: string };
  return `${stdout ?? ''}${stderr ?? ''}`;
}

async function plainNc(): Promise<FoundFlavour | null> {
  const found = which('nc');
  if (found === null) return null;
  const path = resolved(found);
  const flavour = BY_FILE[basename(path)] ?? flavourOfHelp(await helpOf(found));
  return flavour === null ? null : { flavour, command: 'nc', path };
}

const NAMED: readonly [Flavour, string, string][] = [
  ['nc.openbsd', 'nc.openbsd', 'nc.openbsd'],
  ['nc.traditional', 'nc.traditional', 'nc.traditional'],
  ['ncat', 'ncat', 'ncat'],
  ['busybox', 'busybox', 'busybox nc'],
  ['socat', 'socat', 'socat'],
  ['curl', 'curl', 'curl'],
];

let known: Promise<readonly FoundFlavour[]> | null = null;

/** Everything of the kind that this machine has; what plain `nc` is comes first. */
export function findFlavours(): Promise<readonly FoundFlavour[]> {
  known ??= look();
  return known;
}

async function look(): Promise<readonly FoundFlavour[]> {
  const plain = await plainNc();
  const found: FoundFlavour[] = plain === null ? [] : [plain];
  for (const [flavour, file, command] of NAMED) {
    if (found.some((one) => one.flavour === flavour)) continue;
    const path = which(file);
    if (path !== null && (flavour !== 'busybox' || (await hasApplet(path))))
      found.push({ flavour, command, path: resolved(path) });
  }
  return found;
}

/** A busybox can be built without nc. */
async function hasApplet(path: string): Promise<boolean> {
  const said = await run(path, ['nc', '--help'], { timeout: PATIENCE }).catch((error: unknown) => error);
  const { stdout, stderr } = said as { stdout?: string; stderr?: string };
  return /Usage:\s+nc\b/.test(`${stdout ?? ''}${stderr ?? ''}`);
}

/** Netcats among what was found, curl and socat left out. */
export function netcatsOf(found: readonly FoundFlavour[]): readonly FoundFlavour[] {
  return found.filter(({ flavour }) => flavour !== 'curl' && flavour !== 'socat');
}
