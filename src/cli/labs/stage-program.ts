/** A real program as a lab's script has it in its hands. */

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exit, type Program, StageError } from '../../labs/stage.ts';
import type { RealProgram } from './real-program.ts';

/** Characters of what it has printed that are kept. */
const MOST_PRINTED = 1024 * 1024;
const EVERY = 10;
/** ms. */
const START_PATIENCE = 20_000;

export class StageProgram implements Program {
  readonly name: string;
  readonly command: string;
  private readonly program: RealProgram;
  private readonly errorsPath: string | null;

  constructor(name: string, command: string, program: RealProgram, errorsPath: string | null = null) {
    this.name = name;
    this.command = command;
    this.program = program;
    this.errorsPath = errorsPath;
  }

  type(line: string): Promise<void> {
    return this.write(`${line}\n`);
  }

  write(text: string): Promise<void> {
    this.program.write(text);
    return Promise.resolve();
  }

  eof(): Promise<void> {
    this.program.endInput();
    return Promise.resolve();
  }

  interrupt(): Promise<void> {
    this.program.interrupt();
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    this.program.signal('SIGKILL');
    await this.exited();
  }

  stop(): Promise<void> {
    this.program.signal('SIGSTOP');
    return Promise.resolve();
  }

  cont(): Promise<void> {
    this.program.signal('SIGCONT');
    return Promise.resolve();
  }

  get printed(): string {
    return this.program.bytes.toString().slice(0, MOST_PRINTED);
  }

  get bytes(): number {
    return this.program.printedLength;
  }

  get errors(): string {
    if (this.errorsPath === null) return this.program.stderr;
    try {
      return readFileSync(this.errorsPath, 'utf8');
    } catch {
      return '';
    }
  }

  get exit(): Exit | null {
    return this.program.end;
  }

  /** Resolves when its terminal is set up: what is typed before that would be echoed. */
  async onTerminal(): Promise<void> {
    // Made by the shell that becomes the program, right after it has set up the terminal.
    const made = (): boolean => this.errorsPath === null || existsSync(this.errorsPath);
    await this.wait(
      () => made() || this.exit !== null,
      START_PATIENCE,
      () => `${this.name} started`,
    );
  }

  async saw(what: string | RegExp, timeout = 5000): Promise<void> {
    const seen = (): boolean =>
      typeof what === 'string' ? this.printed.includes(what) : what.test(this.printed);
    await this.wait(seen, timeout, () => `${this.name} printed ${String(what)}`);
  }

  async exited(timeout = 5000): Promise<Exit> {
    await this.wait(
      () => this.exit !== null,
      timeout,
      () => `${this.name} ended`,
    );
    return this.exit as Exit;
  }

  private async wait(done: () => boolean, timeout: number, what: () => string): Promise<void> {
    const end = performance.now() + timeout;
    while (!done()) {
      if (performance.now() > end) {
        const printed = JSON.stringify(this.printed.slice(-200));
        throw new StageError('TIMEOUT', `not within ${timeout} ms: ${what()}; it has printed ${printed}`);
      }
      await sleep(EVERY);
    }
  }

  destroy(): Promise<void> {
    return this.program.destroy();
  }
}
