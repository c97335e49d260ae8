/** A real program inside the lab's namespace, on a terminal of its own or on pipes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a program ended. */
export interface ProgramEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
}

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
/** ms that a killed program gets to be gone. */
const END_PATIENCE = 2000;
/** Bytes of output that are kept; what comes beyond is counted. */
const MOST_KEPT = 8 * 1024 * 1024;

export interface RealProgramOptions {
  readonly command: readonly string[];
  /** The command that runs another one inside the namespace. */
  readonly way?: readonly string[];
  /** The program gets a terminal: Ctrl-D and Ctrl-C are keys, lines are lines. */
  readonly terminal?: boolean;
  /** Where its complaints go, so that a terminal does not mix them with what it prints. */
  readonly errors?: string;
}

/** The command on a pseudo-terminal made by `script`: no echo, no translated line ends. */
function onTerminal(command: readonly string[], errors: string | undefined): string[] {
  const quoted = command.map(quote).join(' ');
  const to = errors === undefined ? '' : ` 2>${quote(errors)}`;
  return ['script', '-qec', `stty -echo -onlcr; exec ${quoted}${to}`, '/dev/null'];
}

const SIGNALS: Readonly<Record<number, string>> = { 2: 'SIGINT', 9: 'SIGKILL', 13: 'SIGPIPE', 15: 'SIGTERM' };

/** A shell's exit code is 128 and the signal's number. */
function ofShell(code: number | null): ProgramEnd {
  const signal = code !== null && code > 128 ? (SIGNALS[code - 128] ?? null) : null;
  return signal === null ? { code, signal } : { code: null, signal };
}

/** As one word of a shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export class RealProgram {
  readonly ended: Promise<ProgramEnd>;
  /** How it ended; null while it runs. */
  end: ProgramEnd | null = null;
  stderr = '';

  private readonly child: ChildProcess;
  private readonly terminal: boolean;
  private readonly chunks: Buffer[] = [];
  private kept = 0;

  constructor({ way = [], command, terminal = false, errors }: RealProgramOptions) {
    this.terminal = terminal;
    const [name = '', ...args] = [...way, ...(terminal ? onTerminal(command, errors) : command)];
    // A process group of its own: what it has started ends with it.
    this.child = spawn(name, args, { stdio: 'pipe', detached: true });
    // It may end before it has read everything.
    this.child.stdin?.on('error', () => {});
    this.child.stdout?.on('data', (chunk: Buffer) => this.keep(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => {
      if (this.stderr.length < MOST_KEPT) this.stderr += chunk.toString();
    });
    alive.add(this);
    this.ended = new Promise((resolve) => {
      const settle = (end: ProgramEnd): void => {
        this.end ??= end;
        alive.delete(this);
        resolve(this.end);
      };
      this.child.once('error', (error) => {
        this.stderr += error.message;
        settle({ code: 127, signal: null });
      });
      this.child.once('close', (code, signal) => settle(terminal ? ofShell(code) : { code, signal }));
    });
  }

  private keep(chunk: Buffer): void {
    this.kept += chunk.length;
    if (this.kept <= MOST_KEPT) this.chunks.push(chunk);
  }

  get running(): boolean {
    return this.end === null;
  }

  /** What it prints, as it comes. */
  get output(): Readable {
    return this.child.stdout ?? Readable.from([]);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Bytes that it has printed, also those that are not kept. */
  get printedLength(): number {
    return this.kept;
  }

  write(text: string | Uint8Array): void {
    this.child.stdin?.write(text);
  }

  /** All that it will ever read. */
  finishInput(input: string | Uint8Array): void {
    this.child.stdin?.end(input);
  }

  /** Ctrl-D. */
  endInput(): void {
    if (this.terminal) this.write(CTRL_D);
    else this.child.stdin?.end();
  }

  /** Ctrl-C. */
  interrupt(): void {
    if (this.terminal) this.write(CTRL_C);
    else this.signal('SIGINT');
  }

  /** To the program itself: `script` and its shell are only the way to it. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (!this.running || pid === undefined) return;
    try {
      if (!this.terminal) process.kill(-pid, signal);
      else for (const inner of descendants(pid)) process.kill(inner, signal);
      // `script` has stopped with what it runs, and must hear of its end.
      if (this.terminal && (signal === 'SIGCONT' || signal === 'SIGKILL')) process.kill(pid, 'SIGCONT');
    } catch {
      // It has just ended.
    }
  }

  /** Ends it and all that it has started, whatever it is doing. */
  async destroy(): Promise<void> {
    if (!this.running) return;
    this.abandon();
    await Promise.race([this.ended, sleep(END_PATIENCE, undefined, { ref: false })]);
  }

  /** Without waiting, for a process that is about to end. */
  abandon(): void {
    const { pid } = this.child;
    if (!this.running || pid === undefined) return;
    for (const one of [...descendants(pid), -pid]) {
      try {
        process.kill(one, 'SIGKILL');
      } catch {
        // Already gone.
      }
    }
  }
}

const alive = new Set<RealProgram>();
process.on('exit', () => {
  for (const program of alive) program.abandon();
});

/** Processes that this one has started, and theirs. */
function descendants(pid: number): number[] {
  let children: number[];
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    children = text === '' ? [] : text.split(/\s+/).map(Number);
  } catch {
    return [];
  }
  return children.flatMap((child) => [child, ...descendants(child)]);
}
