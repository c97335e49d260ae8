/** A program of the simulated K: a terminal in front, a socket behind. */

import { POLLNVAL, type Posix, PosixError } from '../../posix/index.ts';
import { type Exit, type Program, StageError } from '../stage.ts';
import { encode } from '../text.ts';

/** What programs need of the stage: time. */
export interface Clockwork {
  /** Runs the world until `done()` or for `ms`; whether it was done. */
  runUntil(done: () => boolean, ms: number): boolean;
  after(ms: number, run: () => void): void;
}

/** The machine that a program runs on. */
export interface Machine extends Clockwork {
  readonly posix: Posix;
  /** Of this machine, and of the other. */
  readonly address: string;
  readonly peer: string;
  /** Runs `run` when a program that sleeps would have woken up. */
  readonly wake: (run: () => void) => void;
}

const PRINTED = 1_048_576;
const PATIENCE = 5_000;

/** The terminal half; what the program does is its subclass. */
export abstract class SimProgram implements Program {
  readonly name: string;
  readonly command: string;
  printed = '';
  errors = '';
  bytes = 0;
  exit: Exit | null = null;
  protected readonly machine: Machine;
  /** SIGSTOP. */
  protected stopped = false;
  /** What was typed meanwhile. */
  private readonly typed: (() => void)[] = [];
  private readonly decoder = new TextDecoder();

  constructor(name: string, command: string, machine: Machine) {
    this.name = name;
    this.command = command;
    this.machine = machine;
  }

  type(line: string): Promise<void> {
    return this.write(`${line}\n`);
  }

  write(text: string): Promise<void> {
    return this.input(() => this.takeInput(encode(text)));
  }

  eof(): Promise<void> {
    return this.input(() => this.takeEnd());
  }

  interrupt(): Promise<void> {
    return this.die('SIGINT');
  }

  kill(): Promise<void> {
    return this.die('SIGKILL');
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.freeze(true);
    return Promise.resolve();
  }

  cont(): Promise<void> {
    return settled(() => {
      this.stopped = false;
      this.freeze(false);
      for (const run of this.typed.splice(0)) run();
    });
  }

  saw(what: string | RegExp, timeout = PATIENCE): Promise<void> {
    return this.wait(
      () => (typeof what === 'string' ? this.printed.includes(what) : what.test(this.printed)),
      {
        timeout,
        what: `has not printed ${String(what)}, but ${JSON.stringify(this.printed.slice(-200))}`,
      },
    );
  }

  async exited(timeout = PATIENCE): Promise<Exit> {
    await this.wait(() => this.exit !== null, { timeout, what: 'still runs' });
    return this.exit as unknown as Exit;
  }

  /** The machine is gone, and the program with it; nothing goes out. */
  vanish(): void {
    this.exit ??= { code: null, signal: 'SIGKILL' };
  }

  protected abstract takeInput(bytes: Uint8Array): void;
  protected abstract takeEnd(): void;
  /** Its sockets are closed by the system. */
  protected abstract release(): void;
  /** Reading stops, or goes on. */
  protected abstract freeze(on: boolean): void;

  protected print(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (this.printed.length < PRINTED) this.printed += this.decoder.decode(bytes, { stream: true });
  }

  protected say(text: string): void {
    this.errors += `${text}\n`;
  }

  protected end(code: number): void {
    if (this.exit !== null) return;
    this.exit = { code, signal: null };
    this.release();
  }

  private die(signal: string): Promise<void> {
    return settled(() => {
      if (this.exit !== null) return;
      this.exit = { code: null, signal };
      this.release();
    });
  }

  private input(run: () => void): Promise<void> {
    return settled(() => {
      if (this.exit !== null) return;
      if (this.stopped) this.typed.push(run);
      else run();
    });
  }

  private wait(done: () => boolean, { timeout, what }: { timeout: number; what: string }): Promise<void> {
    return settled(() => {
      if (!this.machine.runUntil(done, timeout)) {
        throw new StageError('TIMEOUT', `after ${timeout} ms ${this.name} (${this.command}) ${what}`);
      }
    });
  }
}

/** A call that is over when it returns, as a promise: the real stage needs time for it. */
export function settled<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(run());
  });
}

/** The message that a program prints for a socket's error. */
export function messageOf(error: unknown): string {
  const code = error instanceof PosixError ? error.code : String(error);
  return MESSAGES[code] ?? code;
}

const MESSAGES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  ETIMEDOUT: 'Connection timed out',
  EADDRINUSE: 'Address already in use',
  EHOSTUNREACH: 'No route to host',
};

/** Whether a descriptor is open. */
export const isOpen = (posix: Posix, fd: number): boolean => (posix.poll(fd) & POLLNVAL) === 0;
