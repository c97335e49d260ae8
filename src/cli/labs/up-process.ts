/** `fourwave up` as a child: the stack of a real lab, and its event log as it grows. */

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent, LogHeader } from '../../trace/log-event.ts';
import { ask } from '../control/client.ts';
import { CliError, EXIT_FAILED } from '../errors.ts';
import { LogTail } from './log-tail.ts';
import type { Realm } from './realm.ts';

/** ms until it must be ready. */
const READY_PATIENCE = 30_000;
/** ms until it must be gone after SIGTERM. */
const END_PATIENCE = 5_000;
/** Characters of its complaints that are kept. */
const MOST_SAID = 4_000;

export interface UpProcessOptions {
  readonly realm: Realm;
  /** Option keys of the stack. */
  readonly config: Readonly<Record<string, string>>;
  readonly faults: readonly string[];
  /** More arguments of `up`. */
  readonly extra?: readonly string[];
  /** Where the files go, without their endings. */
  readonly base: string;
  readonly control: string;
  /** The recording and the capture are written too. */
  readonly keep: boolean;
  readonly seed: number;
  readonly onEvent: (event: LogEvent) => void;
}

/** This very program, as it was started. */
export function ownProgram(): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1] as string];
}

function argumentsOf(options: UpProcessOptions): string[] {
  const { config, faults, base, control, keep, seed } = options;
  return [
    ...['up', '--json', '--quiet', '--offload', 'off', '--inspect', 'off', '--allow-inject'],
    ...['--seed', String(seed), '--control', control, '--log', `${base}.tcplog.jsonl`],
    ...(keep ? ['--pcapng', `${base}.pcapng`, '--record', `${base}.recording`] : []),
    ...Object.entries(config).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
    ...faults.flatMap((rule) => ['--fault', rule]),
    ...(options.extra ?? []),
  ];
}

export class UpProcess {
  readonly control: string;
  readonly logPath: string;
  private readonly child: ChildProcess;
  private readonly gone: Promise<void>;
  /** The first line of its log. */
  header!: LogHeader;
  private tail: LogTail | null = null;
  private said = '';
  private first = '';
  private over = false;

  private constructor(options: UpProcessOptions) {
    this.control = options.control;
    this.logPath = `${options.base}.tcplog.jsonl`;
    const command = options.realm.forStack([...ownProgram(), ...argumentsOf(options)]);
    const env = { ...process.env, ...options.realm.environment };
    const [name = '', ...args] = command;
    this.child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      if (!this.first.includes('\n')) this.first += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.said = (this.said + chunk.toString()).slice(-MOST_SAID);
    });
    this.gone = new Promise((resolve) => {
      const settle = (): void => {
        this.over = true;
        running.delete(this);
        resolve();
      };
      this.child.once('error', (error) => {
        this.said += error.message;
        settle();
      });
      this.child.once('close', settle);
    });
    running.add(this);
  }

  /** @throws CliError with the program's own sentence and exit code */
  static async start(options: UpProcessOptions): Promise<UpProcess> {
    const up = new UpProcess(options);
    try {
      await up.ready();
      up.header = await headerOf(up.logPath);
      up.tail = await LogTail.start(up.logPath, options.onEvent);
      return up;
    } catch (error) {
      await up.stop();
      throw error;
    }
  }

  private async ready(): Promise<void> {
    const end = performance.now() + READY_PATIENCE;
    while (
      !this.first.includes('\n') ||
      (statSync(this.logPath, { throwIfNoEntry: false })?.size ?? 0) === 0
    ) {
      if (this.over) throw this.failure('the stack did not start');
      if (performance.now() > end) throw this.failure('the stack was not ready in time');
      await sleep(10);
    }
  }

  private failure(what: string): CliError {
    const sentence = this.said.trim().replace(/^fourwave: /, '');
    const exit = this.child.exitCode ?? EXIT_FAILED;
    return new CliError(exit === 0 ? EXIT_FAILED : exit, sentence === '' ? what : `${what}: ${sentence}`);
  }

  get complaints(): string {
    return this.said;
  }

  /** One question over the control socket. @throws CliError of the stack's side */
  ask<Answer>(command: string, args: Record<string, unknown> = {}): Promise<Answer> {
    return ask<Answer>({ control: this.control }, command, args);
  }

  /** Reads what the log has now. */
  async catchUp(): Promise<void> {
    await this.tail?.look();
  }

  /** As if the power had failed. */
  async kill(): Promise<void> {
    this.abandon();
    await this.stop();
  }

  /** SIGTERM, and more if that does not help. Idempotent. */
  async stop(): Promise<void> {
    if (!this.over) {
      this.signal('SIGTERM');
      await Promise.race([this.gone, sleep(END_PATIENCE, undefined, { ref: false })]);
      if (!this.over) this.signal('SIGKILL');
      await this.gone;
    }
    const { tail } = this;
    this.tail = null;
    await tail?.stop();
  }

  /** Without waiting, for a process that is about to end. */
  abandon(): void {
    this.signal('SIGKILL');
    rmSync(this.control, { force: true });
  }

  private signal(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (this.over || pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

async function headerOf(path: string): Promise<LogHeader> {
  const text = await readFile(path, 'utf8');
  return JSON.parse(text.slice(0, text.indexOf('\n'))) as LogHeader;
}

const running = new Set<UpProcess>();
process.on('exit', () => {
  for (const up of running) up.abandon();
});
