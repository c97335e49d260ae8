/** What a real act has: its namespace, the stack, the kernel's settings, the programs; and their end. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Setting } from '../../labs/lab.ts';
import { StageError } from '../../labs/stage.ts';
import { newSocketPath } from '../control/paths.ts';
import { EventWatch } from './event-watch.ts';
import { KernelAgent } from './kernel-agent.ts';
import { LAB_SOCKET } from './lab-shell.ts';
import { openRealm, type Realm } from './realm.ts';
import { StackSide } from './stack-side.ts';
import { UpProcess, type UpProcessOptions } from './up-process.ts';

const run = promisify(execFile);

export interface WorldOptions {
  /** Its id. */
  readonly lab: string;
  readonly setting: Setting;
  /** Where files go: a folder and the beginning of their names. */
  readonly base: string;
  /** Captures and recordings are kept as well. */
  readonly keep: boolean;
  readonly seed?: number;
  /** A namespace that outlives the act; without it the act has its own. */
  readonly realm?: Realm;
  /** Others look for the stack's control socket where they always do. */
  readonly findable: boolean;
}

/** Whatever is to be ended with the act. */
export interface Mortal {
  destroy(): Promise<void>;
}

let worlds = 0;

export class RealWorld {
  readonly realm: Realm;
  readonly watch = new EventWatch();
  readonly side: StackSide;
  private readonly options: WorldOptions;
  private readonly mortals: Mortal[] = [];
  private agentOrNull: KernelAgent | null = null;
  private upOrNull: UpProcess | null = null;
  private starts = 0;
  private attempts = false;
  /** Sysctls of a namespace that others will have. */
  private readonly before = new Map<string, string>();
  /** Of the first start, ms since 1970. */
  private began = 0;
  /** What was set after the start. */
  private config: Readonly<Record<string, string>> = {};

  private constructor(realm: Realm, options: WorldOptions) {
    this.realm = realm;
    this.options = options;
    this.side = new StackSide((command, args) => this.up.ask(command, args));
  }

  /** @throws CliError */
  static async open(options: WorldOptions): Promise<RealWorld> {
    const world = new RealWorld(options.realm ?? (await openRealm()), options);
    try {
      await world.setKernel(options.setting.kernel ?? {});
      await world.start();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get up(): UpProcess {
    if (this.upOrNull === null) throw new StageError('ENOENT', 'the stack does not run');
    return this.upOrNull;
  }

  /** Names of everything that is in its way to the namespace. */
  get way(): readonly string[] {
    return this.realm.enter([]);
  }

  /** Where the lab's shell notes what was typed. */
  get typed(): string {
    return `${this.options.base}.typed`;
  }

  get files(): string {
    return this.options.base;
  }

  /** The log of the stack that runs now. */
  get logPath(): string {
    return this.up.logPath;
  }

  private async start(): Promise<void> {
    this.upOrNull = await UpProcess.start(this.upOptions());
    const t0 = Date.parse(this.up.header.t0 ?? '');
    if (this.began === 0) this.began = t0;
    else this.watch.later = (t0 - this.began) / 1000;
    const { setting, lab, findable } = this.options;
    const typed = findable ? this.typed : null;
    await this.side.begin(setting.services ?? {}, { lab, way: this.way, typed });
  }

  private upOptions(): UpProcessOptions {
    const { setting, base, keep, seed = 1, findable } = this.options;
    const again = this.starts++ === 0 ? '' : `-${this.starts}`;
    const name = this.realm.name ?? `${LAB_SOCKET}${process.pid}-${++worlds}`;
    const profile = setting.profile === undefined ? [] : ['--profile', setting.profile];
    return {
      realm: this.realm,
      config: { ...textOf(setting.stack ?? {}), ...this.config },
      // A stack that was started again has none; a new attempt has them all.
      faults: again === '' || this.attempts ? (setting.faults ?? []) : [],
      extra: [...profile, '--services', 'none'],
      base: `${base}${again}`,
      control: findable ? newSocketPath(name, 'fw0') : `${base}${again}.sock`,
      ...{ keep, seed },
      onEvent: (event) => this.watch.take(event),
    };
  }

  /** Seconds since the log's reference time. */
  get now(): number {
    return (Date.now() - this.began) / 1000;
  }

  /** Our stack dies and is started again. */
  async restart(config: Readonly<Record<string, string>>): Promise<void> {
    this.config = { ...this.config, ...config };
    await this.up.kill();
    this.watch.restarted();
    await this.start();
  }

  /** The same stack as at the beginning, for another attempt in the same namespace. */
  async again(): Promise<void> {
    await this.up.stop();
    this.watch.clear();
    this.began = 0;
    this.attempts = true;
    await this.start();
    this.attempts = false;
  }

  /** @throws StageError */
  async setKernel(settings: Readonly<Record<string, number | string>>): Promise<void> {
    for (const [key, value] of Object.entries(settings)) {
      const name = key.startsWith('net.') ? key : `net.ipv4.${key}`;
      // Who comes after us in the same namespace finds it as it was.
      if (this.options.realm !== undefined && !this.before.has(name)) {
        this.before.set(name, (await this.output('sysctl', '-n', name)).trim());
      }
      await this.sysctl(name, value);
    }
  }

  private async sysctl(name: string, value: number | string): Promise<void> {
    const [program = '', ...args] = this.realm.enter(['sysctl', '-qw', `${name}=${value}`]);
    await run(program, args).catch((error: unknown) => {
      const said = (error as { stderr?: string }).stderr?.trim() ?? '';
      throw new StageError('EINVAL', `the kernel does not take ${name}=${value}: ${said}`);
    });
  }

  get agent(): KernelAgent {
    this.agentOrNull ??= this.keep(new KernelAgent(this.realm));
    return this.agentOrNull;
  }

  /** It is ended with the act. */
  keep<One extends Mortal>(mortal: One): One {
    this.mortals.push(mortal);
    return mortal;
  }

  /** Runs a program of the namespace to its end; its output, whatever its exit code. */
  async output(...command: readonly string[]): Promise<string> {
    const [program = '', ...args] = this.realm.enter(command);
    const done = await run(program, args, { maxBuffer: 64 * 1024 * 1024 }).catch((error: unknown) => error);
    return (done as { stdout?: string }).stdout ?? '';
  }

  /** Programs, stack, namespace, in this order. */
  async close(): Promise<void> {
    for (const mortal of this.mortals) await mortal.destroy().catch(() => {});
    await this.upOrNull?.stop();
    this.upOrNull = null;
    if (this.options.realm === undefined) this.realm.close();
    for (const [name, value] of this.before) await this.sysctl(name, value);
  }
}

/** Values as `--set` takes them. */
export function textOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  const written = (value: unknown): string =>
    value === true ? 'on' : value === false ? 'off' : String(value);
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, written(value)]));
}
