/** The many shapes in which `listen` and `connect` take their arguments, and Node's checks of them. */

import { inspect } from 'node:util';
import { argumentError } from './errors.ts';

/** What `listen` and `connect` read, whatever form it came in. */
export interface NormalizedOptions {
  [name: string]: unknown;
  port?: unknown;
  host?: unknown;
  path?: unknown;
}
export type Callback = (...args: unknown[]) => void;

const normalized = new WeakSet<object>();

/** `(options[, cb])`, `(path[, cb])`, `([port][, host][, …][, cb])` → options and callback. */
export function normalizeArguments(args: readonly unknown[]): [NormalizedOptions, Callback | null] {
  const first = args[0];
  // net.connect has done it already for Socket.connect.
  if (Array.isArray(first) && normalized.has(first))
    return first as unknown as [NormalizedOptions, Callback | null];
  const last = args[args.length - 1];
  const result: [NormalizedOptions, Callback | null] = [
    normalizeOptions(args),
    typeof last === 'function' ? (last as Callback) : null,
  ];
  normalized.add(result);
  return result;
}

function normalizeOptions(args: readonly unknown[]): NormalizedOptions {
  const [first, second] = args;
  if (args.length === 0) return {};
  if (typeof first === 'object' && first !== null) return first as NormalizedOptions;
  if (typeof first === 'string' && toNumber(first) === false) return { path: first };
  if (typeof second === 'string') return { port: first, host: second };
  return { port: first };
}

/** A number of zero or more, or false. */
export function toNumber(value: unknown): number | false {
  const number = Number(value);
  return number >= 0 ? number : false;
}

/** A port, 0 … 65535, or Node's ERR_SOCKET_BAD_PORT. */
export function checkPort(port: unknown, name: string): number {
  const number = Number(port);
  const isText = typeof port === 'string' && port.trim() === '';
  const isPort = (typeof port === 'number' || typeof port === 'string') && !isText;
  if (isPort && number === number >>> 0 && number <= 0xffff) return number;
  const given =
    typeof port === 'string' ? `type string ('${port}')` : `type ${typeof port} (${inspect(port)})`;
  throw argumentError(
    'ERR_SOCKET_BAD_PORT',
    `${name} should be >= 0 and < 65536. Received ${given}.`,
    RangeError,
  );
}

/** `value` when it is undefined or a number; below zero it is 0. */
export function checkDelay(value: unknown, name: string): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return Math.max(0, value);
  throw wrongType(name, 'number', value);
}

/** Node's ERR_INVALID_ARG_TYPE. */
export function wrongType(name: string, expected: string, value: unknown): Error {
  const kind = name.includes('.') ? 'property' : 'argument';
  const given =
    value === null || value === undefined ? String(value) : `type ${typeof value} (${inspect(value)})`;
  return argumentError(
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" ${kind} must be of type ${expected}. Received ${given}`,
  );
}

/** Pipes do not exist here: only what has no port is taken for one. */
export function refusePipe(options: NormalizedOptions): void {
  if (options.path === undefined || options.path === null || options.port !== undefined) return;
  throw argumentError('ERR_INVALID_ARG_VALUE', 'a TCP stack has no pipes: give a port instead of a path');
}
