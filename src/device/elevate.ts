/**
 * A TUN for an ordinary user: either a helper under sudo opens it and passes the descriptors over a
 * socket pair, or the whole program moves into a user namespace where it may open its own.
 */

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DeviceError, deviceError, explained } from './device-error.ts';
import { loadNative, type Native } from './native.ts';
import { descriptorsOf, ownCommand } from './privileges.ts';
import { openTun, type PrivilegedExtras, type TunDescription, type TunOptions } from './tun.ts';

/** What goes to the helper, as its last argument. */
export interface OpenRequest {
  readonly options: TunOptions;
  readonly extras: PrivilegedExtras;
}

/** What comes back, besides the descriptors, in the order of `descriptorsOf`. */
type OpenAnswer =
  | { readonly tun: TunDescription }
  | { readonly error: { message: string; code: string; errno: number; syscall: string; cure: string } };

/** The helper's end of the socket pair: sudo closes every descriptor above 2. */
const HELPER_SOCKET = 0;
const NO_CONTEXT = { tun: '', netns: null, peer: '', mtu: 0 };

/**
 * Starts `command` (`['sudo', '--', node, program, 'subcommand']`) with the request as one more
 * argument, waits for it, and takes the descriptors. sudo asks for the password on the terminal.
 *
 * @throws DeviceError: what the helper could not do, or EPERM when it did not get that far
 */
export function openThroughHelper(
  request: OpenRequest,
  command: readonly string[],
  native: Native = loadNative(),
): TunDescription {
  const [ours, theirs] = native.socketPair();
  const [program = '', ...args] = command;
  const result = spawnSync(program, [...args, JSON.stringify(request)], {
    stdio: [theirs, 'inherit', 'inherit'],
  });
  native.closeDescriptor(theirs);
  try {
    const { text, fds } = native.receiveDescriptors(ours);
    if (text === '') throw helperFailed(program, result);
    return takeAnswer(JSON.parse(text) as OpenAnswer, fds);
  } finally {
    native.closeDescriptor(ours);
  }
}

function takeAnswer(answer: OpenAnswer, fds: number[]): TunDescription {
  if ('error' in answer) {
    const { message, ...failure } = answer.error;
    throw Object.assign(new DeviceError('', failure), { message });
  }
  const rest = [...fds];
  const take = (was: number): number => (was < 0 ? -1 : (rest.shift() as number));
  const { tun } = answer;
  return { ...tun, queues: tun.queues.map(take), diagnosis: take(tun.diagnosis), raw: take(tun.raw) };
}

function helperFailed(program: string, result: { error?: Error; status: number | null }): DeviceError {
  const absent = (result.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  return new DeviceError(absent ? `there is no ${program}` : `${program} did not open the TUN`, {
    code: 'EPERM',
    errno: 1,
    syscall: `spawn(${program})`,
    cure: 'run the whole program as root, or allow user namespaces',
  });
}

/**
 * The helper's whole life: opens what `request` asks for, sends it through its standard input, ends.
 * Its exit code is 0 also for a failure that it could report.
 */
export function serveOpenRequest(request: string, native: Native = loadNative()): void {
  let tun: TunDescription | null = null;
  let answer: OpenAnswer;
  try {
    const { options, extras } = JSON.parse(request) as OpenRequest;
    tun = openTun(options, extras, native);
    answer = { tun };
  } catch (error) {
    const { message } = error as Error;
    const { code = 'EINVAL', errno = 22, syscall = 'open', cure = '' } = error as Partial<DeviceError>;
    answer = { error: { message, code, errno, syscall, cure } };
  }
  native.sendDescriptors(HELPER_SOCKET, JSON.stringify(answer), tun === null ? [] : descriptorsOf(tun));
}

/** Where `unshare` of util-linux is, or null. */
function findProgram(name: string, path: string = process.env['PATH'] ?? ''): string | null {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** A new user namespace and a network namespace of its own, in which the user is root. */
const UNSHARE_OPTIONS = ['--user', '--map-root-user', '--net', '--'];

/** Whether this user may make user namespaces and open /dev/net/tun in one. */
export function userNamespaceAllowed(): boolean {
  const unshare = findProgram('unshare');
  if (unshare === null) return false;
  const probe = [...UNSHARE_OPTIONS, 'sh', '-c', 'exec 3<>/dev/net/tun'];
  return spawnSync(unshare, probe, { stdio: 'ignore' }).status === 0;
}

/**
 * Does not return: this process, with the same pid, starts its program again inside of a new user
 * and network namespace. Nothing outside of it sees the TUN.
 *
 * @throws DeviceError
 */
export function reexecInUserNamespace(
  argv: readonly string[] = ownCommand(),
  env: NodeJS.ProcessEnv = process.env,
  native: Native = loadNative(),
): never {
  const unshare = findProgram('unshare');
  if (unshare === null) throw deviceError('execve(unshare)', 2, NO_CONTEXT);
  const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  try {
    return native.execProgram(unshare, [unshare, ...UNSHARE_OPTIONS, ...argv], environment, []);
  } catch (error) {
    throw explained(error, NO_CONTEXT);
  }
}
