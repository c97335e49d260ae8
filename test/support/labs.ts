/** Labs as a person does them: the runner in one process, a shell on a terminal in another. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PatternWatch } from '../../src/labs/expect/watch.ts';
import type { TypeStep } from '../../src/labs/lab.ts';
import type { LogEvent } from '../../src/trace/log-event.ts';
import { eventually, type Finished, Program } from './running-stack.ts';
import { programArguments } from './source-program.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** The folder is another one: `tsx` is found from here. */
const PROGRAM = programArguments(MAIN).map((word) => (word === 'tsx' ? import.meta.resolve(word) : word));
const READY = /^(Ready: type now\.|就绪：请开始输入。)$/m;
/** ms between two things that a person does. */
const UNHURRIED = 500;
const KEYS = { 'Ctrl-C': '\x03', 'Ctrl-D': '\x04', 'Ctrl-Z': '\x1a' } as const;

const open = new Set<LabBench>();
// A test run that is interrupted leaves nothing behind: what was started cleans up after itself.
process.on('exit', () => {
  for (const bench of open) bench.abandon();
});

/** `fourwave` with these arguments, where no other stack is found. */
export class LabBench {
  /** Where runs and sockets are. */
  readonly folder = mkdtempSync(join(tmpdir(), 'fourwave-lab-'));
  private readonly programs: Program[] = [];

  constructor() {
    open.add(this);
  }

  private get environment(): NodeJS.ProcessEnv {
    return { ...process.env, XDG_RUNTIME_DIR: this.folder, LANG: 'C.UTF-8', LC_ALL: '', SUDO_UID: undefined };
  }

  start(...args: string[]): Program {
    return this.spawn(process.execPath, [...PROGRAM, ...args]);
  }

  async run(...args: string[]): Promise<Finished> {
    const program = this.start(...args);
    program.endInput();
    return program.end();
  }

  /** The same on a terminal of its own. */
  onTerminal(...args: string[]): Program {
    const command = [process.execPath, ...PROGRAM, ...args].map(quoted).join(' ');
    return this.spawn('script', ['-qec', command, '/dev/null']);
  }

  private spawn(command: string, args: readonly string[]): Program {
    const options = { cwd: this.folder, env: this.environment };
    const program = new Program(command, args, options);
    this.programs.push(program);
    return program;
  }

  /** What the newest run has saved under a name that ends like this. */
  saved(ending: string): string {
    const runs = join(this.folder, 'runs');
    const newest = readdirSync(runs).sort().at(-1) as string;
    const name = readdirSync(join(runs, newest)).find((file) => file.endsWith(ending));
    return join(runs, newest, name ?? `none${ending}`);
  }

  abandon(): void {
    for (const program of this.programs) program.signal('SIGTERM');
  }

  async close(): Promise<void> {
    open.delete(this);
    for (const program of this.programs) {
      // It ends what it has started, and its namespace.
      program.child.kill('SIGTERM');
      await Promise.race([program.finished, sleep(3000)]);
      await program.kill();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** A lab that waits for its person. */
export class TypedLab {
  readonly bench = new LabBench();
  readonly runner: Program;
  /** What the kernel's own ear at the interface has heard. */
  private ear: Program | null = null;
  private readonly shells = new Map<number, Program>();

  private constructor(id: string, args: readonly string[]) {
    this.runner = this.bench.start('lab', 'run', id, '--real', ...args);
    this.runner.endInput();
  }

  /** Resolves when the runner says that one may type. */
  static async start(id: string, ...args: string[]): Promise<TypedLab> {
    const lab = new TypedLab(id, args);
    try {
      await eventually(
        () => READY.test(lab.runner.text) || !lab.runner.running,
        () => `${id} is ready: ${lab.runner.text}${lab.runner.stderr}`,
        30_000,
      );
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** tcpdump on the kernel's side. */
  async listen(): Promise<void> {
    const ear = this.bench.start(
      'lab',
      'shell',
      'tcpdump',
      '-i',
      'fw0',
      '-nn',
      '-l',
      '--immediate-mode',
      'tcp',
    );
    this.ear = ear;
    await eventually(
      () => ear.stderr.includes('listening on') || !ear.running,
      () => `tcpdump listens: ${ear.stderr}`,
    );
  }

  /** Does what the page says, at a person's pace; what comes after the lab is over is left out. */
  async type(steps: readonly TypeStep[]): Promise<void> {
    for (const step of steps) {
      if (!this.runner.running) return;
      const shell = await this.shell(step.terminal ?? 1);
      if ('run' in step) shell.type(`${step.run}\n`);
      else if ('line' in step) shell.type(`${step.line}\n`);
      else if ('key' in step) shell.type(KEYS[step.key]);
      else if (step.until !== undefined) await this.until(step.until);
      else await sleep(step.ms ?? UNHURRIED);
      await sleep(UNHURRIED);
    }
  }

  private async shell(number: number): Promise<Program> {
    const known = this.shells.get(number);
    if (known !== undefined) return known;
    const shell = this.bench.onTerminal('lab', 'shell');
    this.shells.set(number, shell);
    await eventually(
      () => shell.text.includes('(lab ') || !this.runner.running,
      () => `a prompt: ${shell.text}`,
    );
    return shell;
  }

  private async until(pattern: string): Promise<void> {
    await eventually(
      () => {
        const watch = new PatternWatch(pattern);
        for (const event of this.events) watch.add(event);
        return watch.found() !== null || !this.runner.running;
      },
      () => `${pattern}: ${this.runner.text.slice(-2000)}`,
    );
  }

  /** The stack's log so far. */
  get events(): LogEvent[] {
    const lines = readFileSync(this.bench.saved('.tcplog.jsonl'), 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogEvent).filter(({ ev }) => ev !== undefined);
  }

  /** Segments as the kernel's side has seen them: `K>S S`, `S>K S.`, … */
  get heard(): string[] {
    const lines = (this.ear?.text ?? '').split('\n').filter((line) => line.includes('Flags'));
    return lines.map((line) => {
      const [, from, flags] = /IP (\S+)\.\d+ > .*Flags \[([^\]]+)\]/.exec(line) ?? [];
      return `${from === '10.9.0.1' ? 'K>S' : 'S>K'} ${flags}`;
    });
  }

  /** What the runner said until it ended, and how it ended. */
  async end(): Promise<{ code: number | null; text: string }> {
    const { code, stdout } = await this.runner.end();
    return { code, text: stdout.toString() };
  }

  close(): Promise<void> {
    return this.bench.close();
  }
}

/** Sentences of the runner, and the rungs above them: `K>S S`, flags as tcpdump writes them. */
export interface NarratedRung {
  readonly segment: string;
  readonly lost: boolean;
  /** It has been told when it was sent; this is where it arrives. */
  readonly late: boolean;
  readonly sentences: readonly string[];
}

const ARROW = /[│┊]─?\s*(.*?)\s*─?[│┊▶◀▷◁]/;

/** The ladder as it was drawn, with what was said under each rung. */
export function narrated(text: string): NarratedRung[] {
  const rungs: { segment: string; lost: boolean; late: boolean; sentences: string[] }[] = [];
  for (const line of text.split('\n')) {
    const arrow = segmentIn(line);
    if (arrow !== null) rungs.push({ ...arrow, sentences: [] });
    else if (/^ {6}\S/.test(line) && !ARROW.test(line)) rungs.at(-1)?.sentences.push(line.trim());
  }
  return rungs;
}

function segmentIn(line: string): { segment: string; lost: boolean; late: boolean } | null {
  const flags = /\b((?:(?:SYN|FIN|RST|PSH|ACK),?)+) \d/.exec(line)?.[1];
  const fromK = /[▶▷]/.test(line) || /│─.*✗/.test(line);
  const fromS = /[◀◁]/.test(line) || /✗.*─│/.test(line);
  if (flags === undefined || fromK === fromS) return null;
  return {
    segment: `${fromK ? 'K>S' : 'S>K'} ${asTcpdump(flags)}`,
    lost: line.includes('✗'),
    late: line.includes('⧗'),
  };
}

/** `FIN,ACK` → `F.`, in tcpdump's order. */
function asTcpdump(flags: string): string {
  const all = flags.split(',');
  return [
    ['SYN', 'S'],
    ['FIN', 'F'],
    ['RST', 'R'],
    ['PSH', 'P'],
    ['ACK', '.'],
  ]
    .filter(([name]) => all.includes(name as string))
    .map(([, letter]) => letter)
    .join('');
}
