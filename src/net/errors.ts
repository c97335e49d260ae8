/** Errors as `node:net` makes them: texts, properties and their order. */

import { getSystemErrorMap } from 'node:util';

/** An error of a system call. `errno` is negative, as libuv has it. */
export interface SystemError extends Error {
  errno: number;
  code: string;
  syscall: string;
  address?: string;
  port?: number;
  localAddress?: string;
  localPort?: number;
}

interface ErrnoEntry {
  readonly errno: number;
  /** libuv's words, as in `address already in use`. */
  readonly text: string;
}

const byCode = new Map<string, ErrnoEntry>(
  [...getSystemErrorMap()].map(([errno, [code, text]]) => [code, { errno, text }]),
);
const UNKNOWN: ErrnoEntry = { errno: -4094, text: 'unknown error' };

function entry(code: string): ErrnoEntry {
  return byCode.get(code) ?? UNKNOWN;
}

function place(address: string | undefined, port: number | undefined): string {
  if (port !== undefined && port > 0) return ` ${address}:${port}`;
  return address ? ` ${address}` : '';
}

/** `read ECONNRESET`. */
export function callError(code: string, syscall: string): SystemError {
  return Object.assign(new Error(`${syscall} ${code}`), { errno: entry(code).errno, code, syscall });
}

/** `connect ECONNREFUSED 10.9.0.1:81`; `local` is what the parenthesis `Local (…)` says. */
export function hostError(
  code: string,
  syscall: string,
  address: string,
  port: number,
  local?: string,
): SystemError {
  const where = place(address, port) + (local === undefined ? '' : ` - Local (${local})`);
  const error = new Error(`${syscall} ${code}${where}`);
  const fields = { errno: entry(code).errno, code, syscall, address };
  return Object.assign(error, fields, port ? { port } : {});
}

/** `listen EADDRINUSE: address already in use 10.9.0.2:7`. */
export function listenError(code: string, address: string, port: number): SystemError {
  const { errno, text } = entry(code);
  const error = new Error(`listen ${code}: ${text}${place(address, port)}`);
  return Object.assign(error, { code, errno, syscall: 'listen', address }, port ? { port } : {});
}

const nodeMessages = {
  ERR_SOCKET_CLOSED: 'Socket is closed',
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: 'Socket closed before the connection was established',
  ERR_SERVER_ALREADY_LISTEN: 'Listen method has been called more than once without closing.',
  ERR_SERVER_NOT_RUNNING: 'Server is not running.',
} as const;

/** Errors of Node's own, without arguments. */
export function nodeError(code: keyof typeof nodeMessages): Error & { code: string } {
  return withCode(new Error(nodeMessages[code]), code);
}

/** A TypeError or RangeError of an argument check, with Node's `code`. */
export function argumentError(code: string, message: string, kind: ErrorConstructor = TypeError): Error {
  return withCode(new kind(message), code);
}

/** Node prints its own errors with their code: `Error [ERR_X]: …`; `name` is left alone. */
function withCode<E extends Error>(error: E, code: string): E & { code: string } {
  const marked = error as E & { code: string };
  marked.code = code;
  const { name } = error;
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, configurable: true, writable: true });
  // The stack's first line is made when it is read first.
  if (error.stack !== undefined) Reflect.deleteProperty(error, 'name');
  return marked;
}

/** The code of an error that the engine has thrown; anything else is thrown again. */
export function engineCode(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') throw error;
  return code;
}
