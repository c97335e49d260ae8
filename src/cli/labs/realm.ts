/**
 * The network namespace that a lab has for itself. As root it has a name of its own; an ordinary user gets
 * a user namespace and a network namespace in it, where that is allowed.
 */

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { CliError, EXIT_PRIVILEGE, missing } from '../errors.ts';
import { which } from './flavours.ts';

const run = promisify(execFile);

/** A namespace, and how one gets in. */
export interface Realm {
  /** Of `--netns`; null when it has none. */
  readonly name: string | null;
  /** Set for the stack that runs in it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The arguments of a command that runs `command` inside. */
  enter(command: readonly string[]): string[];
  /** The command of the stack itself: it opens the TUN from outside where it can. */
  forStack(command: readonly string[]): string[];
  /** Idempotent, and at once: also for a process that is about to end. */
  close(): void;
}

const open = new Set<Realm>();
// Whoever is interrupted leaves nothing behind either.
process.on('exit', () => {
  for (const realm of open) realm.close();
});

/** @throws CliError that names the privilege and the cure */
export async function openRealm(): Promise<Realm> {
  if (process.platform !== 'linux') throw missing('real labs need Linux: use --sim, which runs everywhere');
  if (which('ip') === null)
    throw missing('real labs need "ip": apt-get install iproute2, or use --sim, which needs nothing');
  const realm = process.getuid?.() === 0 ? await NamedRealm.make() : await UserRealm.make();
  open.add(realm);
  return realm;
}

/** What a process may not do that is no root and may make no user namespace. */
function denied(detail: string): CliError {
  return new CliError(
    EXIT_PRIVILEGE,
    `a network namespace needs root or a user namespace (${detail}): use sudo, or --sim, which needs neither`,
  );
}

class NamedRealm implements Realm {
  readonly name: string;
  readonly environment = {};

  private constructor(name: string) {
    this.name = name;
  }

  static async make(): Promise<NamedRealm> {
    const name = `fwlab-${process.pid}-${randomBytes(3).toString('hex')}`;
    try {
      await run('ip', ['netns', 'add', name]);
    } catch (error) {
      throw denied((error as { stderr?: string }).stderr?.trim() || (error as Error).message);
    }
    const realm = new NamedRealm(name);
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    return realm;
  }

  enter(command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...command];
  }

  forStack(command: readonly string[]): string[] {
    return [...command, '--netns', this.name];
  }

  close(): void {
    if (!open.delete(this)) return;
    try {
      execFileSync('ip', ['netns', 'del', this.name], { stdio: 'ignore' });
    } catch {
      // Somebody else has removed it.
    }
  }
}

/** The stack takes itself for one that has made its own user namespace. */
const STACK_ENVIRONMENT = { FOURWAVE_USER_NAMESPACE: '1' };

class UserRealm implements Realm {
  readonly name = null;
  readonly environment = STACK_ENVIRONMENT;
  private readonly holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.holder = holder;
  }

  static async make(): Promise<UserRealm> {
    for (const tool of ['unshare', 'nsenter']) {
      if (which(tool) === null) throw missing(`the program ${tool} is missing: apt-get install util-linux`);
    }
    const script = 'ip link set lo up && exec 3<>/dev/net/tun && exec 3>&- && echo ready && exec cat';
    const args = ['--user', '--map-root-user', '--net', '--', 'sh', '-c', script];
    // Its input ends with us, and so does it.
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    holder.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ready = await new Promise<boolean>((resolve) => {
      holder.stdout.once('data', () => resolve(true));
      holder.once('error', () => resolve(false));
      holder.once('exit', () => resolve(false));
    });
    if (!ready) throw denied(said.trim().replaceAll('\n', ' ') || 'not allowed here');
    return new UserRealm(holder);
  }

  enter(command: readonly string[]): string[] {
    const pid = String(this.holder.pid);
    return ['nsenter', '-t', pid, '-U', '-n', '--preserve-credentials', '--', ...command];
  }

  forStack(command: readonly string[]): string[] {
    return this.enter(command);
  }

  close(): void {
    if (!open.delete(this)) return;
    this.holder.kill('SIGKILL');
  }
}
