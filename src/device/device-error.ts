/** What the machine refused: which call, why, and what the user can do about it. */

import { constants } from 'node:os';

/** Linux's, where Node's table has no name for it. */
const EBADFD = 77;

/** `EPERM` for 1 and so on. */
export function errorCode(errno: number): string {
  const known = Object.entries(constants.errno).find(([, value]) => value === errno);
  if (known !== undefined) return known[0];
  return errno === EBADFD ? 'EBADFD' : `ERRNO_${errno}`;
}

/** A failed system call of the device. `message` is one sentence and ends with the cure. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  /** `EPERM` and so on. */
  readonly code: string;
  /** Positive. */
  readonly errno: number;
  /** As people write it: `ioctl(TUNSETIFF)`. */
  readonly syscall: string;
  /** What to do about it, an imperative clause. */
  readonly cure: string;

  constructor(what: string, failure: { code: string; errno: number; syscall: string; cure: string }) {
    super(`${what} (${failure.syscall}: ${failure.code}): ${failure.cure}`);
    this.code = failure.code;
    this.errno = failure.errno;
    this.syscall = failure.syscall;
    this.cure = failure.cure;
  }
}

/** What a cure may speak of. */
export interface DeviceContext {
  readonly tun: string;
  readonly netns: string | null;
  readonly peer: string;
  readonly mtu: number;
}

const NO_TUN_DEVICE =
  'load the tun module (modprobe tun), or give the container the device (--device /dev/net/tun)';
const MORE_PRIVILEGE = 'run it as root (sudo) or give the process CAP_NET_ADMIN';

type Row = readonly [syscall: RegExp, code: RegExp, what: string, cure: string];

/** `%…%` stands for a field of {@link DeviceContext}. The first row that fits counts. */
// biome-ignore format: table
const CURES: readonly Row[] = [
  [/^open\(netns\)/, /ENOENT|ENOTDIR/, 'there is no network namespace %netns%', 'create it with: ip netns add %netns%'],
  [/^setns/, /EINVAL/, '%netns% is no network namespace', 'create one with: ip netns add NAME'],
  [/^setns|^open\(netns\)/, /EPERM|EACCES/, 'the network namespace %netns% may not be entered', 'run it as root (sudo) or give the process CAP_SYS_ADMIN'],
  [/^open\(\/dev/, /ENOENT|ENODEV|ENXIO/, 'there is no /dev/net/tun here', NO_TUN_DEVICE],
  [/^open\(\/dev/, /EPERM|EACCES/, '/dev/net/tun may not be opened', 'run it as root (sudo) or make the device accessible to this user'],
  [/TUNGETFEATURES/, /ENOTTY|EINVAL/, '/dev/net/tun is no TUN device here', NO_TUN_DEVICE],
  [/TUNSETIFF/, /EBUSY/, 'another program holds %tun%', 'choose another name with --tun or end that program'],
  [/TUNSETIFF/, /EINVAL/, '%tun% exists and is no TUN of this kind', 'choose another name with --tun'],
  [/SIOCSIFMTU/, /EINVAL|ERANGE/, '%tun% does not take an MTU of %mtu%', 'choose an --mtu between 68 and 65535'],
  [/SIOCSIF/, /EINVAL|EADDRNOTAVAIL/, '%tun% does not take the address %peer%', 'choose another --peer'],
  [/.*/, /EPERM|EACCES/, 'the TUN interface %tun% may not be set up', MORE_PRIVILEGE],
  [/.*/, /EMFILE|ENFILE/, 'no file descriptor is free', 'raise the limit with: ulimit -n 65536'],
  [/.*/, /ENOMEM|ENOBUFS/, 'the kernel has no memory for %tun%', 'free some memory and try again'],
  [/.*/, /EBADFD|ENODEV|EBADF/, 'the TUN interface %tun% is gone', 'start again: somebody deleted it'],
  [/.*/, /.*/, 'the TUN interface %tun% could not be used', 'try: fourwave doctor'],
];

/** The error for a failed call, in words. */
export function deviceError(syscall: string, errno: number, context: DeviceContext): DeviceError {
  const code = errorCode(errno);
  const row = CURES.find(([call, codes]) => call.test(syscall) && codes.test(code)) as Row;
  const say = (text: string): string =>
    text.replace(/%(\w+)%/g, (_, field: keyof DeviceContext) => String(context[field] ?? 'given'));
  return new DeviceError(say(row[2]), { code, errno, syscall, cure: say(row[3]) });
}

/** Makes a {@link DeviceError} of what the addon threw; anything else stays what it is. */
export function explained(error: unknown, context: DeviceContext): unknown {
  const { errno, syscall } = error as { errno?: unknown; syscall?: unknown };
  if (error instanceof DeviceError || typeof errno !== 'number' || typeof syscall !== 'string') return error;
  return deviceError(syscall, errno, context);
}
