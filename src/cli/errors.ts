/** Exit codes and the sentences that go with them: the only place that decides about either. */

import { ConfigError } from '../stack/config.ts';
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

/** Any error as exit code and sentence. */
export function describe(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ConfigError) return usage(error.message);
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : String(error);
  if (typeof code === 'string' && PRIVILEGE_CODES.has(code)) return new CliError(EXIT_PRIVILEGE, text);
  if (typeof code === 'string' && MISSING_CODES.has(code)) return missing(text);
  return new CliError(EXIT_FAILED, text);
}

/** The line for stderr. */
export function sentence(error: CliError): string {
  return `fourwave: ${printable(error.message.replaceAll('\n', ' '))}\n`;
}
