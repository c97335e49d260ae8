/** A program on a pseudo-terminal of its own, and what a person would see on it. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** One place on the screen. */
interface Place {
  readonly text: string;
  readonly inverse: boolean;
}

/** As much of a terminal as a full-screen program needs: placing, erasing, inverse, the other screen. */
export class Screen {
  private lines: Place[][] = [];
  private row = 0;
  private column = 0;
  private inverse = false;
  /** The program has taken the other screen. */
  alternate = false;
  cursor = true;

  feed(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's commands begin with ESC
    for (const [token] of text.matchAll(/\u001b\[([?0-9;]*)([A-Za-z])|\r|\n|[\s\S]/gu)) {
      if (token.startsWith('\u001b[')) this.command(token.slice(2));
      else if (token === '\r') this.column = 0;
      else if (token === '\n') this.row++;
      else this.put(token);
    }
  }

  get text(): string[] {
    return Array.from(this.lines, (line) =>
      (line ?? [])
        .map((place) => place?.text ?? ' ')
        .join('')
        .trimEnd(),
    );
  }

  /** What is drawn inverted, in reading order. */
  get inverted(): string[] {
    const runs: string[] = [];
    for (const line of this.lines) {
      const marks = (line ?? []).map((place) => (place?.inverse === true ? place.text : '\0')).join('');
      runs.push(...marks.split('\0').filter((run) => run !== ''));
    }
    return runs;
  }

  private command(command: string): void {
    const name = command.at(-1);
    const value = command.slice(0, -1);
    if (name === 'H') [this.row, this.column] = [0, 0];
    else if (name === 'K') this.line().length = Math.min(this.line().length, this.column);
    else if (name === 'J') this.erase(value === '2');
    else if (name === 'm') this.inverse = value === '7' || (value !== '0' && this.inverse);
    else if (value === '?1049') this.alternate = name === 'h';
    else if (value === '?25') this.cursor = name === 'h';
  }

  private erase(all: boolean): void {
    this.lines.length = all ? 0 : Math.min(this.lines.length, this.row + 1);
    if (!all) this.line().length = Math.min(this.line().length, this.column);
  }

  private put(text: string): void {
    this.line()[this.column++] = { text, inverse: this.inverse };
  }

  private line(): Place[] {
    this.lines[this.row] ??= [];
    return this.lines[this.row] as Place[];
  }
}

const PATIENCE = 20_000;

export class TerminalProgram {
  readonly screen = new Screen();
  /** All that it has written. */
  output = '';
  private readonly child: ChildProcess;
  private readonly finished: Promise<number | null>;

  /** `script` (of the essential package bsdutils) gives it the terminal; `stty` a size. */
  constructor(command: readonly string[], columns: number, rows: number, env: NodeJS.ProcessEnv = {}) {
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    // The shell stays for the exit code when Ctrl-C reaches all of the terminal's programs.
    const line = `trap : INT; stty cols ${columns} rows ${rows}; echo "tty=$(tty) pid=$$."; ${quoted}; echo "code=$?. $(stty -a)"`;
    this.child = spawn('script', ['-qec', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', ...env },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.screen.feed(text);
    });
    this.finished = new Promise((resolve) => this.child.once('close', resolve));
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  resize(columns: number, rows: number): void {
    const tty = /tty=(\/\S+)/.exec(this.output)?.[1] as string;
    execFileSync('stty', ['-F', tty, 'cols', `${columns}`, 'rows', `${rows}`]);
  }

  /** The program's own process: the child of the shell that started it. */
  signal(name: NodeJS.Signals): void {
    const shell = /pid=(\d+)/.exec(this.output)?.[1] as string;
    const pid = execFileSync('ps', ['-o', 'pid=', '--ppid', shell, '-C', 'node'], { encoding: 'utf8' });
    const own = pid
      .split('\n')
      .map(Number)
      .find((one) => parentOf(one) === Number(shell));
    process.kill(own as number, name);
  }

  /** Until the screen is like that. @throws with the screen when it never is */
  async until(what: string, condition: (screen: Screen) => boolean): Promise<void> {
    const end = performance.now() + PATIENCE;
    while (!condition(this.screen)) {
      if (performance.now() > end) {
        await this.kill();
        throw new Error(`never on the screen: ${what}\n${this.screen.text.join('\n')}`);
      }
      await sleep(20);
    }
  }

  /** Its exit code, and what the terminal was set to when it was over. */
  async end(): Promise<{ code: number; terminal: string }> {
    const timer = setTimeout(() => void this.kill(), PATIENCE);
    await this.finished;
    clearTimeout(timer);
    const [, code, terminal] = /code=(\d+)\. ([\s\S]*)$/.exec(this.output) ?? [];
    return { code: Number(code), terminal: terminal ?? '' };
  }

  private async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.finished;
  }
}

function parentOf(pid: number): number {
  try {
    return Number(execFileSync('ps', ['-o', 'ppid=', '-p', `${pid}`], { encoding: 'utf8' }));
  } catch {
    return 0;
  }
}
