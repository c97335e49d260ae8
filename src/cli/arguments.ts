/** Arguments are checked here, before anything is opened or contacted. */

import { isIPv4 } from 'node:net';
import { SERVICE_NAMES, type ServiceName } from '../apps/services.ts';
import { FaultSyntaxError } from '../faults/lexer.ts';
import { parseLine } from '../faults/parser.ts';
import { configOption } from '../stack/config.ts';
import { nearest, parseDuration } from '../stack/config-values.ts';
import { usage } from './errors.ts';
import { printable } from './printable.ts';

const MIN_MTU = 68;
const MAX_MTU = 65_535;
/** IFNAMSIZ - 1. */
const MAX_INTERFACE_NAME = 15;
/** Of sun_path, with its zero byte taken off. */
export const MAX_SOCKET_PATH = 107;

/** µs. */
export function duration(text: string, what: string): number {
  const value = parseDuration(text);
  if (value === null)
    throw usage(`${what} must be a duration such as 30s, 200ms or 2m, not ${JSON.stringify(text)}`);
  return value;
}

export function integer(text: string, what: string, least: number, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw usage(`${what} must be a whole number between ${least} and ${most}, not ${JSON.stringify(text)}`);
  }
  return value;
}

export function port(text: string, what = 'PORT'): number {
  return integer(text, what, 1, 65_535);
}

export function mtu(text: string): number {
  return integer(text, '--mtu', MIN_MTU, MAX_MTU);
}

export function address(text: string, what: string): string {
  if (!isIPv4(text))
    throw usage(`${what} must be an IPv4 address such as 10.9.0.2, not ${JSON.stringify(text)}`);
  const first = Number(text.split('.')[0]);
  if (first === 0 || first === 127 || first >= 224)
    throw usage(`${what} must be an address that a host can have, not ${text}`);
  return text;
}

export interface Prefix {
  readonly address: string;
  readonly length: number;
}

/** @throws CliError unless `text` is an address of a host in the subnet of `--peer` */
export function hostWithin(text: string, what: string, subnet: Prefix): void {
  const last = 2 ** (32 - subnet.length) - 1;
  const first = number(subnet.address) - (number(subnet.address) % (last + 1));
  const host = number(text) - first;
  const range = `${dotted(first)}/${subnet.length}`;
  if (host < 0 || host > last) {
    throw usage(`${what} ${text} is outside of ${range}, the subnet of --peer: choose one inside`);
  }
  if (host === 0) throw usage(`${what} ${text} is the address of the network ${range} itself, not of a host`);
  if (host === last) throw usage(`${what} ${text} is the broadcast address of ${range}, not of a host`);
}

function number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** `10.9.0.1/24`. */
export function prefix(text: string, what: string): Prefix {
  const [host = '', length = '', ...rest] = text.split('/');
  if (
    rest.length > 0 ||
    !isIPv4(host) ||
    !/^\d{1,2}$/.test(length) ||
    Number(length) < 1 ||
    Number(length) > 30
  ) {
    throw usage(
      `${what} must be an address with its prefix such as 10.9.0.1/24, not ${JSON.stringify(text)}`,
    );
  }
  return { address: address(host, what), length: Number(length) };
}

export function interfaceName(text: string): string {
  if (text.length > MAX_INTERFACE_NAME || !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text)) {
    throw usage(
      `--tun must be up to ${MAX_INTERFACE_NAME} letters, digits, "-", "_" and ".", not ${JSON.stringify(text)}`,
    );
  }
  return text;
}

export function namespaceName(text: string): string {
  if (text.length > 255 || !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text)) {
    throw usage(`--netns must be the name of a network namespace, not ${JSON.stringify(text)}`);
  }
  return text;
}

export function oneOf<const Word extends string>(text: string, what: string, words: readonly Word[]): Word {
  if ((words as readonly string[]).includes(text)) return text as Word;
  const guess = nearest(text, words);
  const hint = guess === null ? '' : ` (did you mean ${JSON.stringify(guess)}?)`;
  throw usage(
    `${what} must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}, not ${JSON.stringify(text)}${hint}`,
  );
}

/** `KEY=VALUE` pairs as an object. The values are checked by whoever knows the keys. */
export function assignments(pairs: readonly string[]): Record<string, string> {
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw usage(`--set takes KEY=VALUE, not ${JSON.stringify(pair)}`);
    assign(values, pair.slice(0, equals), pair.slice(equals + 1));
  }
  return values;
}

/** @throws CliError when the key has another value already */
export function assign(values: Record<string, string>, name: string, value: string): void {
  const { key } = configOption(name);
  const before = values[key];
  if (before !== undefined && before !== value) {
    throw usage(`${key} cannot be both ${before} and ${value}: give one of them`);
  }
  values[key] = value;
}

/** `all`, `none` or names with commas. */
export function services(text: string): ServiceName[] {
  if (text === 'all') return [...SERVICE_NAMES];
  if (text === 'none') return [];
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw usage('--services must be all, none, or names with commas between them');
  if (names.some((name) => name === 'all' || name === 'none')) {
    throw usage(`--services ${text} contradicts itself: all and none stand alone`);
  }
  return [...new Set(names.map((name) => oneOf(name, '--services', SERVICE_NAMES)))];
}

/** A file, folder or user: anything but nothing. */
export function named(text: string, what: string): string {
  if (text === '' || text.includes('\0'))
    throw usage(`${what} must have a name after it, not ${JSON.stringify(text)}`);
  return text;
}

/** What the kernel takes as the path of a unix socket. */
export function socketPath(text: string): string {
  named(text, '--control');
  const length = Buffer.byteLength(text);
  if (length > MAX_SOCKET_PATH) {
    throw usage(
      `--control must be at most ${MAX_SOCKET_PATH} bytes long, not ${length}: choose a shorter path`,
    );
  }
  return text;
}

/** `c3` or `3`. */
export function connectionId(text: string): string {
  const match = /^c?(\d{1,12})$/.exec(text);
  if (match === null)
    throw usage(
      `CONN must be a connection such as c3 ("fourwave ss" shows them), not ${JSON.stringify(text)}`,
    );
  return `c${match[1]}`;
}

/** A line of the fault language. A person at a terminal sees where it goes wrong, too. */
export function faultLine(text: string, what: string): string {
  try {
    parseLine(text);
    return text;
  } catch (error) {
    if (!(error instanceof FaultSyntaxError)) throw error;
    if (process.stderr.isTTY) {
      for (const line of error.drawing.split('\n')) process.stderr.write(`  ${printable(line)}\n`);
    }
    throw usage(`${what}: ${error.message}`);
  }
}
