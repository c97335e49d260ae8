/**
 * S's services as the labs have them: those of src/apps, alike on the wire, but written on sockets that
 * need no Node and run on any clock, and with knobs that a lab can turn.
 */

import { createPosix, type Posix, PosixError } from '../../posix/index.ts';
import type { Stack } from '../../stack/stack.ts';
import { type AppControl, type ServiceControl, type ServiceOptions, StageError } from '../stage.ts';
import { encode } from '../text.ts';
import { End, type EndHandler, listenAt } from './end.ts';
import { DEFAULT_BACKLOG, PROGRAMS } from './programs.ts';

/** Where services run: a stack and its time. */
export interface ServiceWorld {
  readonly stack: Pick<Stack, 'tcp' | 'addresses'> & Partial<Pick<Stack, 'refreshClock' | 'settle'>>;
  /** Runs `run` in `ms`. */
  after(ms: number, run: () => void): void;
}

/** What a service's program gets of its world. */
export interface ProgramWorld {
  readonly posix: Posix;
  readonly options: ServiceOptions;
  readonly after: (ms: number, run: () => void) => void;
}

/** A program: what it does with each connection. */
export interface ServiceProgram {
  readonly name: string;
  readonly port: number;
  /** Null: it never accepts. */
  readonly serve: ((world: ProgramWorld) => EndHandler) | null;
  /** It wants to see bytes before it reads them. */
  readonly paused?: boolean;
  readonly backlog?: number;
  /** Once it is accepted. */
  readonly opened?: (end: End, world: ProgramWorld, handler: EndHandler) => void;
}

/** All services of one stack. */
export class LabServices {
  readonly posix: Posix;
  private readonly services = new Map<string, LabService>();
  private readonly others = new Set<End>();

  /** `options` by the services' names; nothing is started yet. */
  constructor(world: ServiceWorld, options: Readonly<Record<string, ServiceOptions>> = {}) {
    this.posix = createPosix(world.stack);
    for (const name of Object.keys(options)) {
      if (!PROGRAMS.some((program) => program.name === name)) {
        throw new StageError('ENOENT', `there is no service ${JSON.stringify(name)}`);
      }
    }
    for (const program of PROGRAMS) {
      const service = new LabService(program, this.posix, world, options[program.name] ?? {});
      this.services.set(program.name, service);
    }
  }

  /** Starts all that the options do not keep from it. */
  startAll(): void {
    for (const service of this.services.values()) if (service.options.start !== false) service.startNow();
  }

  /** Listens anew, for options that were changed since. Connections that are open stay. */
  relisten(): void {
    for (const service of this.services.values()) service.relisten();
  }

  /** @throws StageError */
  service(name: string): LabService {
    const service = this.services.get(name);
    if (service === undefined) {
      throw new StageError('ENOENT', `there is no service ${JSON.stringify(name)}`);
    }
    return service;
  }

  /** An end that belongs to no service: an active open. */
  adopt(end: End): void {
    this.others.add(end);
  }

  /** The application's end of `c1`; without a name, of the newest connection. @throws StageError */
  app(conn?: string): LabApp {
    const all = [...this.others, ...[...this.services.values()].flatMap((service) => service.ends)];
    const open = all.filter((end) => end.connection > 0);
    const wanted =
      conn === undefined
        ? open.sort((a, b) => b.connection - a.connection)[0]
        : open.find((end) => `c${end.connection}` === conn);
    if (wanted !== undefined) return new LabApp(wanted);
    throw new StageError('ENOTCONN', `no application of S holds ${conn ?? 'any connection'}`);
  }
}

/** One service. */
export class LabService implements ServiceControl {
  options: ServiceOptions;
  accepted = 0;
  received = '';
  private readonly program: ServiceProgram;
  private readonly posix: Posix;
  private readonly world: ServiceWorld;
  private listening = -1;
  private readonly open = new Set<End>();

  constructor(program: ServiceProgram, posix: Posix, world: ServiceWorld, options: ServiceOptions) {
    this.program = program;
    this.posix = posix;
    this.world = world;
    this.options = options;
  }

  get ends(): readonly End[] {
    return [...this.open];
  }

  get running(): boolean {
    return this.listening >= 0;
  }

  start(options: ServiceOptions = {}): Promise<void> {
    return new Promise((resolve) => {
      this.options = { ...this.options, ...options };
      this.startNow();
      resolve();
    });
  }

  /** @throws StageError */
  startNow(): void {
    if (this.listening >= 0) return;
    const { reuseAddr = true, backlog = this.program.backlog ?? DEFAULT_BACKLOG } = this.options;
    try {
      // Linux lets one more wait than it is told.
      this.listening = listenAt(
        this.posix,
        { address: '0.0.0.0', port: this.program.port, reuseAddr, backlog: backlog - 1 },
        this.program.serve === null ? null : (fd) => this.accept(fd),
      );
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      throw new StageError(error.code, `port ${this.program.port}: ${error.code}`);
    }
  }

  relisten(): void {
    if (this.listening < 0) return;
    this.posix.close(this.listening);
    this.listening = -1;
    this.startNow();
  }

  /** Stops listening; what is open is closed, as when a process ends. */
  stop(): Promise<void> {
    if (this.listening >= 0) this.posix.close(this.listening);
    this.listening = -1;
    for (const end of this.open) end.release();
    this.open.clear();
    return Promise.resolve();
  }

  private accept(fd: number): void {
    this.accepted++;
    const { program, options } = this;
    const world: ProgramWorld = {
      posix: this.posix,
      options,
      after: (ms, run) => this.world.after(ms, run),
    };
    if (options.noDelay === true) this.posix.setsockopt(fd, 'IPPROTO_TCP', 'TCP_NODELAY', 1);
    const handler = program.serve?.(world) ?? {};
    const end = new End(this.posix, fd, this.counted(handler), { connected: true });
    this.open.add(end);
    if (program.paused === true) end.pause();
    program.opened?.(end, world, handler);
    end.start();
  }

  private counted(handler: EndHandler): EndHandler {
    return {
      ...handler,
      data: (end, bytes) => {
        if (this.received.length < KEPT) this.received += latin1(bytes);
        handler.data?.(end, bytes);
      },
    };
  }
}

/** Characters of what a service has read that are kept. */
const KEPT = 262_144;
const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

class LabApp implements AppControl {
  private readonly end: End;

  constructor(end: End) {
    this.end = end;
  }

  close(): Promise<void> {
    return done(() => this.end.close());
  }
  abort(): Promise<void> {
    return done(() => this.end.abort());
  }
  shutdown(): Promise<void> {
    return done(() => this.end.shutdown());
  }
  write(text: string | Uint8Array): Promise<void> {
    return done(() => this.end.write(encode(text)));
  }
  pause(): Promise<void> {
    return done(() => this.end.pause());
  }
  resume(): Promise<void> {
    return done(() => this.end.resume());
  }
  read(bytes: number): Promise<void> {
    return done(() => void this.end.read(bytes));
  }
}

function done(run: () => void): Promise<void> {
  return new Promise((resolve) => {
    run();
    resolve();
  });
}
