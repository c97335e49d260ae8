/** The built program behind a TUN in a namespace of its own, and real programs on the kernel's side of it. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask } from '../../src/cli/control/client.ts';
import { selected } from '../../src/cli/render/ss.ts';
import type { ConnectionRecord } from '../../src/stack/connection-record.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ADDON = fileURLToPath(new URL('../../build/fourwave.node', import.meta.url));
export const STACK = '10.9.0.2';
const KERNEL = '10.9.0.1';
/** ms after which a program that should have ended is killed and the test fails. */
const PATIENCE = 60_000;
const READY_PATIENCE = 20_000;

function hasProgram(name: string): boolean {
  for (const folder of [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ]) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      // Not there.
    }
  }
  return false;
}

function obstacle(programs: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  if (!existsSync(MAIN) || !existsSync(ADDON)) return 'needs the built program: npm run build';
  const missing = ['ip', 'ss', ...programs].filter((name) => !hasProgram(name));
  return missing.length > 0 && `needs ${missing.join(', ')}`;
}

/** Why tests with these programs cannot run here, for the `skip` of a suite. Under CI they must run. */
export function skipWithout(...programs: string[]): string | false {
  return process.env['CI'] === 'true' ? false : obstacle(programs);
}

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A program that runs beside the test. */
export class Program {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  private readonly chunks: Buffer[] = [];
  stderr = '';

  constructor(
    command: string,
    args: readonly string[],
    where: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    // A process group of its own: what a shell has started ends with it.
    this.child = spawn(command, args, { ...where, stdio: 'pipe', detached: true });
    // A program may end before it has read everything.
    this.child.stdin?.on('error', () => {});
    this.child.stdout?.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.finished = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  get stdout(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.stdout.toString();
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Ctrl-D. */
  endInput(input?: string | Buffer): void {
    this.child.stdin?.end(input);
  }

  /** Rejects and kills when it takes longer than `patience` ms. */
  async end(patience = PATIENCE): Promise<Finished> {
    const timer = new AbortController();
    const late = sleep(patience, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
    const first = await Promise.race([this.finished, late]);
    timer.abort();
    if (first !== 'late') return first;
    await this.kill();
    throw new Error(
      `${this.child.spawnargs.join(' ')} did not end within ${patience} ms; it said ${this.stderr.slice(-500)}`,
    );
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    this.signal(signal);
    await this.finished;
  }

  /** To the program and all that it has started. */
  signal(signal: NodeJS.Signals): void {
    try {
      if (this.running && this.child.pid !== undefined) process.kill(-this.child.pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

/** The line that `up --json` prints when it is ready. */
export interface Ready {
  readonly event: string;
  readonly tun: string;
  readonly netns: string | null;
  readonly address: readonly string[];
  readonly peer: string;
  readonly mtu: number;
  readonly offload: readonly string[];
  readonly services: readonly { readonly name: string; readonly port: number }[];
  readonly control: string;
  readonly inspector: string | null;
  readonly pid: number;
  readonly uid: number;
}

/** A connection as the kernel sees it. */
export interface KernelConnection {
  /** As `ss` spells it: ESTAB, FIN-WAIT-2, … */
  readonly state: string;
  readonly local: string;
  readonly peer: string;
}

let made = 0;
const open = new Set<Namespace>();
// A test run that is interrupted leaves nothing behind either.
process.on('exit', () => {
  for (const namespace of open) namespace.abandon();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

/** A network namespace with programs in it. */
export class Namespace {
  readonly name: string;
  private readonly programs: Program[] = [];

  constructor() {
    this.name = `fw-${process.pid}-${made++}`;
    execFileSync('ip', ['netns', 'add', this.name]);
    open.add(this);
    // The services of the other side are reached by loopback too.
    execFileSync('ip', ['-n', this.name, 'link', 'set', 'lo', 'up']);
  }

  start(command: string, ...args: string[]): Program {
    return this.keep(new Program('ip', ['netns', 'exec', this.name, command, ...args]));
  }

  /** Runs to its end; `input` is all that it reads. */
  run(command: string, args: readonly string[], input: string | Buffer = '', patience?: number) {
    const program = this.start(command, ...args);
    program.endInput(input);
    return program.end(patience);
  }

  sh(script: string, patience?: number): Promise<Finished> {
    return this.run('sh', ['-c', script], '', patience);
  }

  ip(...args: string[]): string {
    return execFileSync('ip', ['-n', this.name, ...args], { encoding: 'utf8' });
  }

  keep(program: Program): Program {
    this.programs.push(program);
    return program;
  }

  /** What the kernel's `ss -tan` says about connections with a port of the stack. */
  async kernelConnections(port: number): Promise<KernelConnection[]> {
    const { stdout } = await this.run('ss', ['-tanH']);
    return stdout
      .toString()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[4] === `${STACK}:${port}`)
      .map(([state = '', , , local = '', peer = '']) => ({ state, local, peer }));
  }

  /** One of the kernel's TCP counters, as `nstat` names them without their prefix: EstabResets, TCPTimeouts, … */
  async kernelCounter(name: string): Promise<number> {
    const { stdout } = await this.run('cat', ['/proc/net/snmp', '/proc/net/netstat']);
    const lines = stdout
      .toString()
      .split('\n')
      .map((line) => line.split(' '));
    // A line of names, then one of values.
    const at = lines.findIndex((words) => /^Tcp(Ext)?:$/.test(words[0] ?? '') && words.includes(name));
    const value = lines[at + 1]?.[lines[at]?.indexOf(name) ?? -1];
    if (value === undefined) throw new Error(`the kernel has no counter ${name}`);
    return Number(value);
  }

  async close(): Promise<void> {
    for (const program of this.programs) await program.kill();
    this.abandon();
  }

  /** The same at once, for a process that is about to end. */
  abandon(): void {
    if (!open.delete(this)) return;
    for (const program of this.programs) program.signal('SIGKILL');
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}

/** `fourwave up` in a namespace of its own. */
export class RunningStack extends Namespace {
  ready!: Ready;
  /** From the start of the program to its first line, ms. */
  readyAfter = 0;
  up!: Program;
  readonly folder = mkdtempSync(join(tmpdir(), 'fourwave-kernel-'));
  readonly kernel = KERNEL;

  static async start(...args: string[]): Promise<RunningStack> {
    const stack = new RunningStack();
    try {
      await stack.startUp(...args);
    } catch (error) {
      await stack.close();
      throw error;
    }
    return stack;
  }

  /** Again, after {@link stopUp}. */
  async startUp(...args: string[]): Promise<void> {
    const begin = performance.now();
    const all = [MAIN, 'up', '--netns', this.name, '--json', '--quiet', ...args];
    const up = this.keep(new Program(process.execPath, all));
    this.up = up;
    await eventually(
      () => up.text.includes('\n') || !up.running,
      () => `ready: ${up.stderr}`,
      READY_PATIENCE,
    );
    this.readyAfter = performance.now() - begin;
    if (!up.running) throw new Error(`fourwave up ended: ${up.stderr}`);
    this.ready = JSON.parse(up.text.slice(0, up.text.indexOf('\n'))) as Ready;
  }

  /** SIGTERM; how it ended and how long that took, ms. */
  async stopUp(): Promise<Finished & { took: number }> {
    const begin = performance.now();
    this.up.child.kill('SIGTERM');
    const finished = await this.up.end();
    return { ...finished, took: performance.now() - begin };
  }

  fourwave(command: string, ...args: string[]): Program {
    return this.keep(
      new Program(process.execPath, [MAIN, command, '--control', this.ready.control, ...args]),
    );
  }

  /** What `fourwave ss --json` prints, without its process: the records about one port of the stack, or about all. */
  async ss(port?: number): Promise<ConnectionRecord[]> {
    const all = await ask<ConnectionRecord[]>({ control: this.ready.control }, 'ss');
    return selected(all, { listeners: 'no', states: null, port: port ?? null });
  }

  /** The states of the connection to this port that the stack has, or else the kernel alone, on both sides. */
  async states(port: number): Promise<{ stack: string | undefined; kernel: string | undefined }> {
    const [record] = await this.ss(port);
    const kernels = await this.kernelConnections(port);
    const kernel = record === undefined ? kernels[0] : kernels.find(({ local }) => local === record.peer);
    return { stack: record?.state, kernel: kernel?.state };
  }

  /** Waits until both sides are in these states. */
  async bothBecome(port: number, stack: string | undefined, kernel: string | undefined): Promise<void> {
    let seen = {};
    await eventually(
      async () => {
        const states = await this.states(port);
        seen = states;
        return states.stack === stack && states.kernel === kernel;
      },
      () => `stack in ${stack}, kernel in ${kernel}; instead ${JSON.stringify(seen)}`,
    );
  }

  override async close(): Promise<void> {
    // Before the namespace goes: the interface dies with the program.
    if (this.up?.running) await this.up.kill('SIGTERM');
    await super.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits until `condition` holds; fails with what `what` then says. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: () => string,
  patience = 10_000,
): Promise<void> {
  const end = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${patience} ms: ${what()}`);
    await sleep(20);
  }
}
