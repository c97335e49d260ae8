/** The checks behind `fourwave lab doctor`: what labs need of this machine. */

import { release } from 'node:os';
import { userNamespaceAllowed } from '../../device/elevate.ts';
import { hasNetAdmin } from '../capability.ts';
import { appArmor, type Check, terminal, tool, tunDevice, userNamespaces } from '../doctor/checks.ts';
import { printable } from '../printable.ts';
import { type FoundFlavour, findFlavours, netcatsOf, which } from './flavours.ts';

/** What is needed is needed for real labs: simulated ones need nothing at all. */
export async function checkForLabs(): Promise<Check[]> {
  const found = await findFlavours();
  return [
    kernel(),
    tunDevice(),
    // Where root or a user namespace is at hand, the other one is not missed.
    namespaces(),
    userNamespaces(),
    appArmor(),
    tool('ip', true, 'apt-get install iproute2'),
    tool('ss', true, 'apt-get install iproute2'),
    tool('script', true, 'apt-get install bsdutils'),
    netcats(found),
    ...others(found),
    tool('curl', false, 'apt-get install curl'),
    tool('python3', false, 'apt-get install python3'),
    terminal(),
  ];
}

function kernel(): Check {
  return {
    name: 'kernel',
    ok: process.platform === 'linux',
    needed: true,
    found: `${process.platform} ${release()}`,
    cure: 'real labs need Linux: use --sim, which runs everywhere',
  };
}

/** Root, or a user namespace of one's own. */
function namespaces(): Check {
  const name = 'network namespaces';
  if (hasNetAdmin()) return { name, ok: true, needed: true, found: 'allowed: we are root', cure: null };
  // Tried, not guessed: the device's mode counts as well.
  const free = which('nsenter') !== null && userNamespaceAllowed();
  const cure = 'sudo fourwave lab …, or allow user namespaces (below) and: sudo chmod 0666 /dev/net/tun';
  return { name, ok: free, needed: true, found: free ? 'in a user namespace' : 'not allowed', cure };
}

/** The pages say what to type for each; plain `nc` of the OpenBSD kind is what they are written for. */
function netcats(found: readonly FoundFlavour[]): Check {
  const all = netcatsOf(found);
  const names = all.map(({ flavour, command, path }) => `${command} = ${flavour} (${printable(path)})`);
  return {
    name: 'nc',
    ok: all.length > 0,
    needed: true,
    found: names.length === 0 ? 'missing' : names.join(', '),
    cure: 'apt-get install netcat-openbsd',
  };
}

const PACKAGES: readonly [string, string][] = [
  ['nc.openbsd', 'netcat-openbsd'],
  ['nc.traditional', 'netcat-traditional'],
  ['ncat', 'ncat'],
  ['busybox', 'busybox'],
  ['socat', 'socat'],
];

/** The lab nc/flavours compares them all; the others need one. */
function others(found: readonly FoundFlavour[]): Check[] {
  return PACKAGES.map(([flavour, name]) => {
    const there = found.find((one) => one.flavour === flavour);
    return {
      name: flavour,
      ok: there !== undefined,
      needed: false,
      found: there === undefined ? 'missing' : printable(there.path),
      cure: `apt-get install ${name}`,
    };
  });
}
