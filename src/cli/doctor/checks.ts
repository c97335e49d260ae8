/** The checks behind `fourwave doctor`. */

import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { hasNetAdmin } from '../capability.ts';
import { printable } from '../printable.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Without it `up` cannot run; the others only make something harder. */
  readonly needed: boolean;
  readonly found: string;
  /** One line that people can type or do; null when there is nothing to cure. */
  readonly cure: string | null;
}

const run = promisify(execFile);
const LEAST_NODE = 20;
const LEAST_WIDTH = 100;

export async function checkMachine(): Promise<Check[]> {
  return [
    node(),
    system(),
    tunDevice(),
    privilege(),
    tool('ip', true, 'apt-get install iproute2'),
    userNamespaces(),
    appArmor(),
    await netcat(),
    tool('curl', false, 'apt-get install curl'),
    tool('ping', false, 'apt-get install iputils-ping'),
    terminal(),
  ];
}

function node(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  const cure = `install Node ${LEAST_NODE} or later`;
  return { name: 'Node', ok: major >= LEAST_NODE, needed: true, found: process.version, cure };
}

function system(): Check {
  const ok = process.platform === 'linux';
  return {
    name: 'system',
    ok,
    needed: true,
    found: process.platform,
    cure: 'the TUN needs Linux; everything simulated works here',
  };
}

export function tunDevice(): Check {
  const path = '/dev/net/tun';
  const base = { name: path, needed: true };
  try {
    const mode = (statSync(path).mode & 0o777).toString(8);
    return { ...base, ok: true, found: `there, mode 0${mode}`, cure: null };
  } catch {
    const cure = 'sudo modprobe tun; in a container: --device /dev/net/tun --cap-add NET_ADMIN';
    return { ...base, ok: false, found: 'missing', cure };
  }
}

function privilege(): Check {
  const name = 'CAP_NET_ADMIN';
  const held = hasNetAdmin();
  const found = held ? 'held' : `missing (uid ${process.getuid?.() ?? '?'})`;
  return {
    name,
    ok: held,
    needed: true,
    found,
    cure: 'run "sudo fourwave up": root is given up once the TUN is open',
  };
}

export function userNamespaces(): Check {
  const most = Number(read('/proc/sys/user/max_user_namespaces') ?? 0);
  const allowed = (read('/proc/sys/kernel/unprivileged_userns_clone') ?? '1').trim() !== '0';
  const ok = most > 0 && allowed;
  const cure = 'sudo sysctl user.max_user_namespaces=10000 (or use sudo for "up")';
  return { name: 'user namespaces', ok, needed: false, found: ok ? `up to ${most}` : 'not allowed', cure };
}

export function appArmor(): Check {
  const restricted = (read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') ?? '0').trim() === '1';
  const cure = 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (or use sudo for "up")';
  return {
    name: 'AppArmor',
    ok: !restricted,
    needed: false,
    found: restricted ? 'restricts user namespaces' : 'no restriction',
    cure,
  };
}

/** The labs are written for OpenBSD's nc: traditional ones have no -N. */
async function netcat(): Promise<Check> {
  const found = which('nc');
  const base = { name: 'nc', needed: false, cure: 'apt-get install netcat-openbsd' };
  if (found === null) return { ...base, ok: false, found: 'missing' };
  const help = await run('nc', ['-h'], { timeout: 2000 }).catch(
    (error: unknown) => error as { stdout?: string; stderr?: string },
  );
  const text = `${help.stdout ?? ''}${help.stderr ?? ''}`;
  const openBsd = /OpenBSD/.test(text) || /-\w*N\w*/.test(text);
  return {
    ...base,
    ok: openBsd,
    found: openBsd ? `${printable(found)} (OpenBSD)` : `${printable(found)}, without -N`,
  };
}

export function tool(name: string, needed: boolean, cure: string): Check {
  const found = which(name);
  return { name, ok: found !== null, needed, found: found === null ? 'missing' : printable(found), cure };
}

export function terminal(): Check {
  const width = process.stdout.columns;
  const ok = width === undefined || width >= LEAST_WIDTH;
  const found = width === undefined ? 'no terminal' : `${width} columns`;
  return {
    name: 'terminal',
    ok,
    needed: false,
    found,
    cure: `make it ${LEAST_WIDTH} columns wide, or the ladder wraps`,
  };
}

function which(name: string): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
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

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
