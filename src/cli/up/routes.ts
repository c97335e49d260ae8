/** Whether the host already routes the range that we are about to use, and a free one if so. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Prefix } from '../arguments.ts';
import { missing } from '../errors.ts';

const run = promisify(execFile);
const IP_PATIENCE = 5000;

interface Range {
  /** int, unsigned. */
  readonly first: number;
  readonly last: number;
}

/** `10.9.0.0/24` as numbers; a bare address is a /32. Null for `default` and what is none. */
export function rangeOf(text: string): Range | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) return null;
  const bytes = match.slice(1, 5).map(Number) as [number, number, number, number];
  const length = match[5] === undefined ? 32 : Number(match[5]);
  const address = ((bytes[0] * 256 + bytes[1]) * 256 + bytes[2]) * 256 + bytes[3];
  const size = 2 ** (32 - length);
  const first = Math.floor(address / size) * size;
  return length === 0 ? null : { first, last: first + size - 1 };
}

function overlap(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** The route that the range of `peer` collides with, or null. */
export function collision(peer: Prefix, routes: readonly string[]): string | null {
  const own = rangeOf(`${peer.address}/${peer.length}`) as Range;
  return (
    routes.find((route) => {
      const range = rangeOf(route);
      return range !== null && overlap(own, range);
    }) ?? null
  );
}

/** The first /24 for private use that nothing here routes, as arguments; null when all are taken. */
export function freeRange(routes: readonly string[]): string | null {
  const taken = routes.map(rangeOf).filter((range): range is Range => range !== null);
  const candidates = [
    ...Array.from({ length: 246 }, (_, index) => `10.${index + 9}.0`),
    ...Array.from({ length: 16 }, (_, index) => `172.${31 - index}.255`),
    ...Array.from({ length: 256 }, (_, index) => `192.168.${255 - index}`),
  ];
  const free = candidates.find((candidate) => {
    const range = rangeOf(`${candidate}.0/24`) as Range;
    return !taken.some((other) => overlap(range, other));
  });
  return free === undefined ? null : `--peer ${free}.1/24 --address ${free}.2`;
}

/** Destinations of all routes there, and the interfaces. @throws CliError when ip(8) is missing */
export async function routesIn(netns: string | null): Promise<{ destinations: string[]; devices: string[] }> {
  const where = netns === null ? [] : ['-n', netns];
  const routes = await ipJson<{ dst?: string }>([...where, '-4', 'route', 'show']);
  const links = await ipJson<{ ifname?: string }>([...where, 'link', 'show']);
  return {
    destinations: routes.map((route) => route.dst ?? ''),
    devices: links.map((link) => link.ifname ?? ''),
  };
}

async function ipJson<Row>(args: readonly string[]): Promise<Row[]> {
  try {
    const { stdout } = await run('ip', ['-j', ...args], {
      timeout: IP_PATIENCE,
      maxBuffer: 64 * 1024 * 1024,
    });
    return JSON.parse(stdout.trim() === '' ? '[]' : stdout) as Row[];
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw missing('the command "ip" is missing: install the package iproute2');
    throw missing(`"ip ${args.join(' ')}" failed: ${(stderr ?? String(error)).trim()}`);
  }
}

/** @throws CliError when the interface exists or the range is routed already */
export async function checkRange(tun: string, peer: Prefix, netns: string | null): Promise<void> {
  const { destinations, devices } = await routesIn(netns);
  if (devices.includes(tun)) {
    throw missing(
      `the interface ${tun} exists already: stop the stack that uses it, or choose another name with --tun`,
    );
  }
  const route = collision(peer, destinations);
  if (route === null) return;
  const free = freeRange(destinations);
  const proposal = free === null ? '' : `; this is free: ${free}`;
  throw missing(
    `the range of --peer ${peer.address}/${peer.length} is routed here already (${route})${proposal}`,
  );
}
