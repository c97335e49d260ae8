/** Linux's error numbers (asm-generic), and the Error that a failing call throws. */

// biome-ignore format: table
export const ERRNO = {
  EPERM: 1, EINTR: 4, EIO: 5, EBADF: 9, EAGAIN: 11, ENOMEM: 12, EACCES: 13, EFAULT: 14, ENODEV: 19, EINVAL: 22,
  EMFILE: 24, ENOTTY: 25, EPIPE: 32, EPROTO: 71, ENOTSOCK: 88, EDESTADDRREQ: 89, EMSGSIZE: 90, EPROTOTYPE: 91,
  ENOPROTOOPT: 92, EPROTONOSUPPORT: 93, ESOCKTNOSUPPORT: 94, EOPNOTSUPP: 95, EAFNOSUPPORT: 97, EADDRINUSE: 98,
  EADDRNOTAVAIL: 99, ENETDOWN: 100, ENETUNREACH: 101, ECONNABORTED: 103, ECONNRESET: 104, ENOBUFS: 105,
  EISCONN: 106, ENOTCONN: 107, ETIMEDOUT: 110, ECONNREFUSED: 111, EHOSTUNREACH: 113, EALREADY: 114,
  EINPROGRESS: 115, ENOENT: 2, EDOM: 33,
} as const;

export type ErrnoName = keyof typeof ERRNO;

/** A socket call that failed. The message reads like strace: `connect: ECONNREFUSED`. */
export class PosixError extends Error {
  override readonly name = 'PosixError';
  readonly code: ErrnoName;
  /** Linux's number, positive. */
  readonly errno: number;
  readonly syscall: string;

  constructor(code: ErrnoName, syscall: string) {
    super(`${syscall}: ${code}`);
    this.code = code;
    this.errno = ERRNO[code];
    this.syscall = syscall;
  }
}

/** Throws a {@link PosixError}. */
export function fail(code: ErrnoName, syscall: string): never {
  throw new PosixError(code, syscall);
}

/** Runs a call of the engine; its TcpError becomes a {@link PosixError}, anything else passes. */
export function translated<T>(syscall: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string' && Object.hasOwn(ERRNO, code)) fail(code as ErrnoName, syscall);
    throw error;
  }
}
