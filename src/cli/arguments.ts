/** Arguments are checked here, before anything is opened or contacted. */

import { isIPv4 } from 'node:net';
import { SERVICE_NAMES, type ServiceName } from '../apps/services.ts';
import { nearest, parseDuration } from '../stack/config-values.ts';
import { usage } from './errors.ts';

const MIN_MTU = 68;
const MAX_MTU = 65_535;
/** IFNAMSIZ - 1. */
const MAX_INTERFACE_NAME = 15;

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
    values[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return values;
}

/** `all`, `none` or names with commas. */
export function services(text: string): ServiceName[] {
  if (text === 'all') return [...SERVICE_NAMES];
  if (text === 'none') return [];
  return [...new Set(text.split(',').map((name) => oneOf(name.trim(), '--services', SERVICE_NAMES)))];
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
