/** Which address ranges the host already routes: a TUN must not take them away. */

import { type Cidr, formatCidr, inPrefix, parseCidr } from '../wire/address.ts';
import { DeviceError } from './device-error.ts';
import type { Native } from './native.ts';

const EADDRINUSE = 98;
/** Hexadecimal columns of /proc/net/route. */
const INTERFACE = 0;
const DESTINATION = 1;
const MASK = 7;

/** Wider routes are default routes in disguise (0.0.0.0/1 of a VPN). */
const WIDE = 8;
/** Candidates tried in each private range. */
const TRIES = 4096;
/** RFC 1918 §3, and the range of RFC 2544 for what is not connected to the Internet. */
const PRIVATE_RANGES = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15'] as const;

/** `10.9.0.1/24`: an address and the subnet around it. @throws RangeError, one sentence */
export function parsePeer(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === null || cidr.prefixLength < 1 || cidr.prefixLength > 30) {
    throw new RangeError(
      `${JSON.stringify(text)} is no address with a prefix length of 1 to 30, like 10.9.0.1/24`,
    );
  }
  return cidr;
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return inPrefix(a.address, b.address, Math.min(a.prefixLength, b.prefixLength));
}

/** The routes in /proc/net/route, but default routes and those through `except`. */
export function parseRoutes(text: string, except: string): Cidr[] {
  const routes: Cidr[] = [];
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns.length <= MASK || columns[INTERFACE] === except) continue;
    const prefixLength = 32 - Math.log2(2 ** 32 - (fromHexadecimal(columns[MASK] as string) >>> 0));
    if (prefixLength < WIDE) continue;
    routes.push({ address: fromHexadecimal(columns[DESTINATION] as string), prefixLength });
  }
  return routes;
}

/** The kernel prints the network-order word as a number of this machine, which is little-endian. */
function fromHexadecimal(word: string): number {
  const swapped = word.match(/../g)?.reverse().join('') ?? '0';
  return Number.parseInt(swapped, 16) | 0;
}

/** An address in a range of this size that no route overlaps, or null. */
export function freeRange(routes: readonly Cidr[], prefixLength: number): Cidr | null {
  const size = 2 ** (32 - prefixLength);
  for (const text of PRIVATE_RANGES) {
    const range = parseCidr(text) as Cidr;
    for (let i = 0; i < TRIES && (i + 1) * size <= 2 ** (32 - range.prefixLength); i++) {
      const candidate = { address: (range.address + i * size + 1) | 0, prefixLength };
      if (!routes.some((route) => overlap(route, candidate))) return candidate;
    }
  }
  return null;
}

/** @throws DeviceError EADDRINUSE when the namespace already routes a part of the range otherwise than by `tun` */
export function refuseRoutedRange(native: Native, netns: string, wanted: Cidr, tun: string): void {
  let text: string;
  try {
    text = native.readRoutes(netns);
  } catch {
    // No /proc, or no such namespace: opening the interface says what is wrong.
    return;
  }
  const routes = parseRoutes(text, tun);
  if (!routes.some((route) => overlap(route, wanted))) return;
  const free = freeRange(routes, wanted.prefixLength);
  const proposal =
    free === null ? 'another --peer' : `--peer ${formatCidr(free)} and an --address in its subnet`;
  throw new DeviceError(`this host already routes ${formatCidr(wanted)}`, {
    code: 'EADDRINUSE',
    errno: EADDRINUSE,
    syscall: 'read(/proc/net/route)',
    cure: `choose ${proposal}`,
  });
}
