/**
 * The simulated stage: S and K are both stacks of ours, time is virtual, and the same script gives the
 * same log to the last bit. Calls return when what they cause at once has happened.
 */

import { REASON } from '../../base/reasons.ts';
import { type Link, World } from '../../sim/index.ts';
import type { ConfigValue } from '../../stack/config.ts';
import type { ConnectionRecord } from '../../stack/connection-record.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import { EXACT } from '../expect/compare.ts';
import { firstAfter, History } from '../expect/history.ts';
import { PatternWatch } from '../expect/watch.ts';
import { FLAVOURS, type Flavour, type Setting, type StackOptions, type Text } from '../lab.ts';
import type { ActReport, CheckLine, ProgramReport } from '../result.ts';
import type { OpenStage } from '../run.ts';
import {
  type AppControl,
  type ConnectOptions,
  KERNEL_ADDRESS,
  type KernelSocket,
  type NcOptions,
  type PeerSocket,
  type PeerSocketOptions,
  type Program,
  type ServiceControl,
  STACK_ADDRESS,
  type Stage,
  StageError,
  type UntilOptions,
} from '../stage.ts';
import { Curl } from './curl.ts';
import { cable, KernelEnd, StackEnd } from './ends.ts';
import { kernelSocketOf } from './kernel-sockets.ts';
import { Netcat } from './nc.ts';
import { SimSocket } from './peer-socket.ts';
import { type Machine, type SimProgram, settled } from './program.ts';
import { LabRecorder } from './recorder.ts';
import { optionsOfSysctls } from './sysctl.ts';

const MS = 1000;
const UNTIL = 10_000;
/** µs until a program that was told of something runs. */
const WAKE = 20;

export class SimStage implements Stage, OpenStage {
  readonly mode = 'sim';
  readonly flavours: readonly Flavour[] = FLAVOURS;
  readonly checks: CheckLine[] = [];
  readonly kept: Record<string, unknown> = {};
  onEvent: ((event: LogEvent) => void) | null = null;
  private readonly world: World;
  private readonly link: Link;
  private readonly recorder: LabRecorder;
  private readonly s: StackEnd;
  private readonly k: KernelEnd;
  private readonly history = new History();
  private readonly programs: SimProgram[] = [];
  private readonly sockets: SimSocket[] = [];
  private number = 0;
  private cut: number | null = null;

  constructor(setting: Setting, seed = 1) {
    this.world = new World({ seed });
    this.recorder = new LabRecorder(this.world.clock);
    this.recorder.hearer = (event) => this.onEvent?.(event);
    this.link = cable(this.world);
    this.s = new StackEnd(this.world, this.link.a, setting, this.recorder);
    this.k = new KernelEnd(this.world, this.link.b, setting, this.recorder);
    for (const rule of setting.faults ?? []) this.s.device.faults.add(rule);
    this.s.services.startAll();
  }

  get stage(): Stage {
    return this;
  }

  // ── K's programs ───────────────────────────────────────────────────────────────────────────────

  nc(port: number, options: NcOptions = {}): Promise<Program> {
    return settled(() => this.enter(new Netcat(this.name('nc'), port, options, this.machine())));
  }

  curl(...args: readonly string[]): Promise<Program> {
    return settled(() => this.enter(new Curl(this.name('curl'), args, this.machine())));
  }

  socket(options: PeerSocketOptions): Promise<PeerSocket> {
    return settled(() => {
      const socket = new SimSocket(this.name('socket'), options, this.machine());
      this.sockets.push(socket);
      this.world.clock.settle();
      return socket;
    });
  }

  kernelSockets(): Promise<readonly KernelSocket[]> {
    return settled(() => this.k.stack.connections().flatMap(kernelSocketOf));
  }

  kernel(settings: Readonly<Record<string, number | string>>): Promise<void> {
    return settled(() => this.k.stack.configure(optionsOfSysctls(settings)));
  }

  // ── S ──────────────────────────────────────────────────────────────────────────────────────────

  connect(port: number, { localPort, N = true, input }: ConnectOptions = {}): Promise<Program> {
    return settled(() => {
      const { posix } = this.s.services;
      const machine: Machine = { ...this.machine(), posix, address: STACK_ADDRESS, peer: KERNEL_ADDRESS };
      const options = {
        ...{ N, flavour: 'ncat' as const },
        ...(localPort === undefined ? {} : { localPort }),
        ...(input === undefined ? {} : { input }),
      };
      const program = new Netcat(this.name('connect'), port, options, machine);
      const end = program.connection;
      if (end !== null) this.s.services.adopt(end);
      return this.enter(program);
    });
  }

  service(name: string): ServiceControl {
    return this.s.services.service(name);
  }

  app(conn?: string): AppControl {
    return this.s.services.app(conn);
  }

  connections(): Promise<readonly ConnectionRecord[]> {
    return settled(() => this.s.stack.connections().filter(({ state }) => (state as string) !== 'LISTEN'));
  }

  configure(options: Readonly<Record<string, ConfigValue>>): Promise<void> {
    return settled(() => {
      this.s.stack.configure(options);
      this.s.services.relisten();
    });
  }

  // ── Between them ───────────────────────────────────────────────────────────────────────────────

  fault(rule: string): Promise<void> {
    return settled(() => {
      this.s.device.faults.add(rule);
      this.world.clock.settle();
    });
  }

  clearFaults(): Promise<void> {
    return settled(() => {
      this.s.device.faults.clear(null);
      this.cut = null;
      this.world.clock.settle();
    });
  }

  release(name: string): Promise<void> {
    return this.fault(`release ${name}`);
  }

  inject(name: string): Promise<void> {
    return this.fault(`inject ${name}`);
  }

  forge(segment: string): Promise<void> {
    return this.fault(`inject ${segment}`);
  }

  cutCable(): Promise<void> {
    return settled(() => {
      this.cut ??= this.s.device.faults.add('cut both')[0]?.number ?? null;
    });
  }

  mendCable(): Promise<void> {
    return settled(() => {
      if (this.cut !== null) this.s.device.faults.clear(this.cut);
      this.cut = null;
    });
  }

  rebootKernel(): Promise<void> {
    return settled(() => {
      for (const program of this.programs) program.vanish();
      this.k.reboot();
    });
  }

  restartStack(options: StackOptions = {}): Promise<void> {
    return settled(() => this.s.reboot(options));
  }

  // ── Time and the log ───────────────────────────────────────────────────────────────────────────

  wait(ms: number): Promise<void> {
    return settled(() => this.world.run(ms * MS));
  }

  until(
    what: string | ((event: LogEvent) => boolean),
    { timeout = UNTIL, since = 0 }: UntilOptions = {},
  ): Promise<LogEvent> {
    return settled(() => {
      const found = typeof what === 'string' ? this.watch(what, since) : this.search(what, since);
      this.world.runUntil(() => found() !== null, timeout * MS);
      const event = found();
      if (event !== null) return event;
      const wanted = typeof what === 'string' ? JSON.stringify(what) : 'what was waited for';
      throw new StageError('TIMEOUT', `after ${timeout} ms ${wanted} had not happened`);
    });
  }

  mark(): number {
    return this.recorder.last;
  }

  get log(): readonly LogEvent[] {
    return this.recorder.history;
  }

  get now(): number {
    return this.recorder.elapsed;
  }

  step(text: Text): void {
    this.recorder.note('lab:step', { ...text });
  }

  keep(name: string, value: unknown): void {
    this.kept[name] = value;
  }

  check(text: Text, ok: boolean, detail?: string): void {
    this.checks.push({ text, ok, ...(detail === undefined ? {} : { detail }) });
  }

  // ── For the runner ─────────────────────────────────────────────────────────────────────────────

  settle(done: () => boolean, ms: number): Promise<void> {
    return settled(() => void this.world.runUntil(done, ms * MS));
  }

  async report(): Promise<Omit<ActReport, 'bound' | 'lines'>> {
    return {
      mode: this.mode,
      events: this.log,
      programs: this.programs.map(reportOf),
      sockets: await this.kernelSockets(),
      connections: await this.connections(),
      kept: this.kept,
      trouble: this.trouble(),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private trouble(): string[] {
    const thrown = [this.s.stack.guarded, this.k.stack.guarded].flatMap((error) =>
      error === null ? [] : [String(error.stack)],
    );
    const corrupted = this.log.some(({ ev, data }) => ev === 'wire:fate' && data['fate'] === 'corrupted');
    const wrong = this.k.stack.counters.byReason[REASON.TCP_CSUM] ?? 0;
    return wrong > 0 && !corrupted
      ? [...thrown, `${wrong} segments reached K with a wrong checksum`]
      : thrown;
  }

  private machine(): Machine {
    return {
      posix: this.k.posix,
      address: KERNEL_ADDRESS,
      peer: STACK_ADDRESS,
      wake: (run) => this.world.after(WAKE, run),
      after: (ms, run) => this.world.after(ms * MS, run),
      runUntil: (done, ms) => this.world.runUntil(done, ms * MS),
    };
  }

  private name(kind: string): string {
    this.number++;
    return `${kind}#${this.number}`;
  }

  private enter<P extends SimProgram>(program: P): P {
    this.programs.push(program);
    this.world.clock.settle();
    return program;
  }

  private watch(pattern: string, since: number): () => LogEvent | null {
    const watch = new PatternWatch(pattern, since, EXACT, this.history.follow(this.log));
    return () => {
      this.history.follow(this.log);
      return watch.found();
    };
  }

  private search(says: (event: LogEvent) => boolean, since: number): () => LogEvent | null {
    let taken = firstAfter(this.log, since);
    let found: LogEvent | null = null;
    return () => {
      while (found === null && taken < this.log.length) {
        const event = this.log[taken++] as LogEvent;
        if (says(event)) found = event;
      }
      return found;
    };
  }
}

const reportOf = ({ name, command, printed, bytes, errors, exit }: SimProgram): ProgramReport => ({
  ...{ name, command, printed, bytes, errors, exit },
});
