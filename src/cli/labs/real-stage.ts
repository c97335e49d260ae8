/** The stage of real labs: what a script asks for is done by a real kernel and real programs. */

import { setTimeout as sleep } from 'node:timers/promises';
import { REAL } from '../../labs/expect/compare.ts';
import { PatternWatch } from '../../labs/expect/watch.ts';
import type { Flavour, StackOptions, Text } from '../../labs/lab.ts';
import type { ActReport, CheckLine, ProgramReport } from '../../labs/result.ts';
import type { OpenStage } from '../../labs/run.ts';
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
  type Stage,
  StageError,
  type UntilOptions,
} from '../../labs/stage.ts';
import type { ConfigValue } from '../../stack/config.ts';
import type { ConnectionRecord } from '../../stack/connection-record.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import { CliError } from '../errors.ts';
import type { FoundFlavour } from './flavours.ts';
import { kernelSocketsIn } from './kernel-sockets.ts';
import { ncCommand, refuseMissing } from './nc-command.ts';
import { RealProgram } from './real-program.ts';
import { type RealWorld, textOf } from './real-world.ts';
import { StageProgram } from './stage-program.ts';
import { ownProgram } from './up-process.ts';

const DEFAULT_TIMEOUT = 10_000;
/** Before the next step of a script: what has happened is in the log by then, ms. */
const SETTLE = 5;
const LOOK = 20;

export class RealStage implements Stage, OpenStage {
  readonly mode = 'real';
  readonly flavours: readonly Flavour[];
  readonly programs: StageProgram[] = [];
  readonly checks: CheckLine[] = [];
  readonly kept: Record<string, unknown> = {};
  private readonly world: RealWorld;
  private readonly found: readonly FoundFlavour[];
  private cable: number | null = null;

  constructor(world: RealWorld, found: readonly FoundFlavour[]) {
    this.world = world;
    this.found = found;
    this.flavours = [...found.map(({ flavour }) => flavour), 'fourwave'];
  }

  // ── K's programs ───────────────────────────────────────────────────────────────────────────────

  async nc(port: number, options: NcOptions = {}): Promise<Program> {
    const flavour = options.flavour ?? 'nc.openbsd';
    refuseMissing(flavour, this.flavours);
    const there = this.found.find((one) => one.flavour === flavour);
    const words = there?.command.split(' ');
    const program = this.start('nc', ncCommand(port, options, words), options.input);
    if (options.input === undefined) await program.onTerminal();
    await this.under(port, options, program);
    return program;
  }

  /** A listener is there, or a SYN has been sent, before the script goes on. */
  private async under(port: number, { listen = false }: NcOptions, program: Program): Promise<void> {
    if (!listen) return this.catchUp();
    const end = performance.now() + DEFAULT_TIMEOUT;
    for (;;) {
      const all = await kernelSocketsIn(this.world.realm);
      if (all.some(({ state, local }) => state === 'LISTEN' && local.endsWith(`:${port}`))) return;
      // It may not: the port is in use.
      if (program.exit !== null) return;
      if (performance.now() > end) throw new StageError('TIMEOUT', `nobody listens on port ${port}`);
      await sleep(SETTLE);
    }
  }

  async curl(...args: readonly string[]): Promise<Program> {
    refuseMissing('curl', this.flavours);
    const program = this.start('curl', ['curl', '-s', ...args], '');
    await this.catchUp();
    return program;
  }

  private start(kind: string, command: readonly string[], input?: string | Uint8Array): StageProgram {
    const name = `${kind}#${this.programs.length + 1}`;
    const terminal = input === undefined;
    const errors = terminal ? `${this.world.files}-${name.replace('#', '-')}.err` : undefined;
    const { way } = this.world;
    const real = new RealProgram({ way, command, terminal, ...(errors === undefined ? {} : { errors }) });
    if (input !== undefined) real.finishInput(input);
    return this.keepProgram(new StageProgram(name, command.join(' '), real, errors ?? null));
  }

  private keepProgram(program: StageProgram): StageProgram {
    this.programs.push(program);
    return this.world.keep(program);
  }

  async socket(options: PeerSocketOptions): Promise<PeerSocket> {
    const socket = await this.world.agent.open(options, `socket#${++this.sockets}`);
    await this.catchUp();
    return socket;
  }
  private sockets = 0;

  async kernelSockets(): Promise<readonly KernelSocket[]> {
    const all = await kernelSocketsIn(this.world.realm);
    return all.filter(({ state }) => state !== 'LISTEN');
  }

  kernel(settings: Readonly<Record<string, number | string>>): Promise<void> {
    return this.world.setKernel(settings);
  }

  // ── S ──────────────────────────────────────────────────────────────────────────────────────────

  async connect(port: number, options: ConnectOptions = {}): Promise<Program> {
    const { localPort, N = true, input } = options;
    const flags = [...(N ? ['-N'] : []), ...(localPort === undefined ? [] : ['-p', String(localPort)])];
    const args = ['connect', ...flags, KERNEL_ADDRESS, String(port)];
    const command = [...ownProgram(), ...args, '--control', this.world.up.control];
    const real = new RealProgram({ command });
    if (input !== undefined) real.finishInput(input);
    const mark = this.mark();
    const name = `fourwave#${this.programs.length + 1}`;
    const program = this.keepProgram(new StageProgram(name, ['fourwave', ...args].join(' '), real));
    // It takes a while to start: the script goes on when it has.
    const opened = (event: LogEvent): boolean =>
      event.n > mark && event.ev === 'conn:opened' && event.data['role'] === 'active';
    await Promise.race([this.until(opened), real.ended]);
    return program;
  }

  service(name: string): ServiceControl {
    return this.world.side.service(name);
  }

  app(conn?: string): AppControl {
    const own = conn === undefined ? undefined : this.world.watch.ownName(conn);
    return this.world.side.app(() => own);
  }

  async connections(): Promise<readonly ConnectionRecord[]> {
    const all = await this.world.up.ask<ConnectionRecord[]>('ss');
    return all
      .filter(({ state }) => state !== 'LISTEN')
      .map((record) => ({ ...record, id: this.world.watch.logName(record.id) }));
  }

  async configure(options: Readonly<Record<string, ConfigValue>>): Promise<void> {
    for (const [key, value] of Object.entries(textOf(options)))
      await this.world.up.ask('config', { key, value });
    await this.world.side.relisten();
  }

  // ── Between them ───────────────────────────────────────────────────────────────────────────────

  private async rule(text: string): Promise<number | null> {
    try {
      const added = await this.world.up.ask<{ number: number }[]>('fault', { verb: 'add', text });
      return added.at(-1)?.number ?? null;
    } catch (error) {
      if (error instanceof CliError) throw new StageError('EINVAL', `${text}: ${error.message}`);
      throw error;
    }
  }

  async fault(rule: string): Promise<void> {
    await this.rule(rule);
  }

  async clearFaults(): Promise<void> {
    this.cable = null;
    await this.world.up.ask('fault', { verb: 'clear', number: null });
  }

  async release(name: string): Promise<void> {
    await this.rule(`release ${name}`);
  }

  async inject(name: string): Promise<void> {
    await this.rule(`inject ${name}`);
  }

  async forge(segment: string): Promise<void> {
    await this.rule(`inject ${segment}`);
  }

  async cutCable(): Promise<void> {
    this.cable ??= await this.rule('cut both');
  }

  async mendCable(): Promise<void> {
    const number = this.cable;
    this.cable = null;
    if (number !== null) await this.world.up.ask('fault', { verb: 'clear', number });
  }

  async rebootKernel(): Promise<void> {
    await this.world.agent.forget();
    for (const program of this.programs) if (program.exit === null) await program.kill();
    // What nobody holds any more, TIME-WAIT too, goes without a word as well.
    const silence = await this.rule('drop in');
    await this.world.output('ss', '-K', '-t', 'dst', '10.9.0.2');
    if (silence !== null) await this.world.up.ask('fault', { verb: 'clear', number: silence });
  }

  async restartStack(options: StackOptions = {}): Promise<void> {
    await this.world.restart(textOf(options));
  }

  // ── Time and the log ───────────────────────────────────────────────────────────────────────────

  async wait(ms: number): Promise<void> {
    await sleep(ms);
    await this.catchUp();
  }

  private async catchUp(): Promise<void> {
    await sleep(SETTLE);
    await this.world.up.catchUp();
    await this.world.side.refresh();
  }

  async until(
    what: string | ((event: LogEvent) => boolean),
    { timeout = DEFAULT_TIMEOUT, since = 0 }: UntilOptions = {},
  ): Promise<LogEvent> {
    const text = typeof what === 'string' ? what : 'an event that the script waits for';
    const look = typeof what === 'string' ? this.pattern(what, since) : firstOf(this.log, what, since);
    const event = await this.world.watch.until(look, timeout, text);
    await this.world.side.refresh();
    return event;
  }

  private pattern(text: string, since: number): () => LogEvent | null {
    const watch = new PatternWatch(text, since, REAL);
    let taken = 0;
    return () => {
      while (taken < this.log.length) watch.add(this.log[taken++] as LogEvent);
      return watch.found();
    };
  }

  mark(): number {
    return this.world.watch.last;
  }

  get log(): readonly LogEvent[] {
    return this.world.watch.events;
  }

  get now(): number {
    return this.world.now;
  }

  // ── For the checks ─────────────────────────────────────────────────────────────────────────────

  step(text: Text): void {
    void this.world.side.note('lab:step', { ...text }).catch(() => {});
  }

  keep(name: string, value: unknown): void {
    this.kept[name] = value;
  }

  check(text: Text, ok: boolean, detail?: string): void {
    this.checks.push({ text, ok, ...(detail === undefined ? {} : { detail }) });
  }

  // ── For the runner ─────────────────────────────────────────────────────────────────────────────

  get stage(): Stage {
    return this;
  }

  get onEvent(): ((event: LogEvent) => void) | null {
    return this.world.watch.listener;
  }

  set onEvent(listener: ((event: LogEvent) => void) | null) {
    this.world.watch.listener = listener;
  }

  async settle(done: () => boolean, ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (!done() && performance.now() < end) await sleep(LOOK);
    await this.catchUp();
  }

  async report(): Promise<Omit<ActReport, 'bound' | 'lines'>> {
    await this.catchUp();
    const trouble = /ERROR:.*(\n.*)*/.exec(this.world.up.complaints)?.[0];
    return {
      mode: this.mode,
      events: this.log,
      programs: this.programs.map(reportOf),
      sockets: await this.kernelSockets(),
      connections: await this.connections(),
      kept: this.kept,
      trouble: trouble === undefined ? [] : [trouble],
    };
  }

  close(): Promise<void> {
    return this.world.close();
  }
}

const reportOf = ({ name, command, printed, bytes, errors, exit }: StageProgram): ProgramReport => ({
  ...{ name, command, printed, bytes, errors, exit },
});

/** Looks at each event once. */
function firstOf(
  events: readonly LogEvent[],
  wanted: (event: LogEvent) => boolean,
  since: number,
): () => LogEvent | null {
  let next = 0;
  return () => {
    for (; next < events.length; next++) {
      const event = events[next] as LogEvent;
      if (event.n > since && wanted(event)) return event;
    }
    return null;
  };
}
