/** Exit codes and the sentences that go with them: the only place that decides about either. */

import { ConfigError } from '../stack/config.ts';
import { openFilesAllowed } from './capability.ts';
import { printable } from './printable.ts';

export const EXIT_OK = 0;
/** A check failed, or the stack ended against its will. */
export const EXIT_FAILED = 1;
/** The arguments make no sense. */
export const EXIT_USAGE = 2;
/** A privilege is missing. */
export const EXIT_PRIVILEGE = 3;
/** A tool, file, namespace, device or running stack is missing, or a part is not built yet. */
export const EXIT_MISSING = 4;

/** Ends the program with one sentence on stderr. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function usage(message: string): CliError {
  return new CliError(EXIT_USAGE, message);
}

export function missing(message: string): CliError {
  return new CliError(EXIT_MISSING, message);
}

/** `what` begins the sentence, e.g. `"fourwave watch"`. */
export function notBuilt(what: string): CliError {
  return missing(`${what} is not built yet`);
}

const PRIVILEGE_CODES = new Set(['EPERM', 'EACCES']);
const MISSING_CODES = new Set(
  'ENOENT ENODEV ENXIO EBUSY EADDRINUSE ENOTSUP ENOSYS ERR_TUNTAP2_MISSING'.split(' '),
);
const NO_DESCRIPTOR_CODES = new Set(['EMFILE', 'ENFILE']);
const EXHAUSTED_CODES = new Set([...NO_DESCRIPTOR_CODES, 'ENOMEM', 'ENOBUFS']);

/** Any error as exit code and sentence. */
export function describe(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ConfigError) return usage(error.message);
  const { code, message, name } = error as { code?: unknown; message?: unknown; name?: unknown };
  const text = typeof message === 'string' ? message : String(error);
  if (typeof code !== 'string') return new CliError(EXIT_FAILED, text);
  if (PRIVILEGE_CODES.has(code)) return new CliError(EXIT_PRIVILEGE, text);
  if (code === 'ERR_MODULE_NOT_FOUND')
    return missing(`the program is not complete: ${text}: run scripts/setup`);
  if (NO_DESCRIPTOR_CODES.has(code) && name !== 'DeviceError') return new CliError(EXIT_FAILED, tooFew(code));
  // A device that cannot be had as it was asked for is a missing device, whatever the call was.
  const missed = name === 'DeviceError' ? !EXHAUSTED_CODES.has(code) : MISSING_CODES.has(code);
  return missed ? missing(text) : new CliError(EXIT_FAILED, text);
}

/** Read now: once there are too few, there is none to read it with. */
const ALLOWED = openFilesAllowed();

function tooFew(code: string): string {
  if (code !== 'EMFILE') return `the system has no file descriptor left (${code}): end other programs`;
  const few =
    ALLOWED === Infinity ? 'no file descriptor is free' : `only ${ALLOWED} files may be open at a time`;
  return `${few} (${code}): raise the limit with: ulimit -n 65536`;
}

/** A file or folder that an argument names and that cannot be used. `cure` begins with a verb. */
export function unusable(what: string, error: unknown, cure: string): CliError {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const exit = PRIVILEGE_CODES.has(code) ? EXIT_PRIVILEGE : EXIT_MISSING;
  if (NO_DESCRIPTOR_CODES.has(code)) return new CliError(EXIT_FAILED, tooFew(code));
  return new CliError(exit, `${what}: ${reasonFor(error)}: ${cure}`);
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'that is no folder',
  EISDIR: 'that is a folder',
  ENXIO: 'nobody reads from it',
  EAGAIN: 'its reader takes nothing',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EPIPE: 'its reader is gone',
  EIO: 'the disk has failed',
  EFBIG: 'the file may not grow further',
};

export function reasonFor(error: unknown): string {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  return `${REASONS[code] ?? 'it cannot be used'} (${code})`;
}

/** The line for stderr. */
export function sentence(error: CliError): string {
  return `fourwave: ${printable(error.message.replaceAll('\n', ' '))}\n`;
}
