/** `fourwave watch` on a real pseudo-terminal, over a control socket that answers what the test says. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ControlServer } from '../../../src/cli/control/server.ts';
import type { ConnectionRecord, TimerRecord } from '../../../src/stack/connection-record.ts';
import { skipWithout } from '../../support/running-stack.ts';
import { programArguments } from '../../support/source-program.ts';
import { TerminalProgram } from '../../support/terminal.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const PROGRAM = [process.execPath, ...programArguments(MAIN), 'watch'];

function record(id: number, state: string, timers: TimerRecord[], more: object = {}): ConnectionRecord {
  return {
    ...{ id: `c${id}`, inc: 1, state, local: '10.9.0.2:7', peer: `10.9.0.1:4000${id}`, recvQ: 0, sendQ: 3 },
    ...{ ageMs: 5, timers, closedFirst: null, closeReason: null, path: ['LISTEN', 'ESTABLISHED'] },
    ...{ snd: null, rcv: null, rtt: null, options: null, caState: 'open' },
    ...more,
  } as ConnectionRecord;
}

const timer = (name: string, remainingMs: number): TimerRecord =>
  ({ name, remainingMs, count: 0, restarts: 0 }) as TimerRecord;

class Stack {
  records: ConnectionRecord[] = [];
  server: ControlServer | null = null;
  path = '';

  static async open(t: TestContext): Promise<Stack> {
    const stack = new Stack();
    const folder = mkdtempSync(join(tmpdir(), 'fourwave-watch-'));
    stack.path = join(folder, 'w.sock');
    stack.server = await ControlServer.open(stack.path, new Map([['ss', () => stack.records]]));
    t.after(async () => {
      await stack.server?.close();
      rmSync(folder, { recursive: true });
    });
    return stack;
  }

  watch(...args: string[]): TerminalProgram {
    return new TerminalProgram([...PROGRAM, '--control', this.path, ...args], 80, 24);
  }
}

const has = (text: string | RegExp) => (screen: { text: string[] }) =>
  screen.text.some((line) => (typeof text === 'string' ? line.includes(text) : text.test(line)));
const fits = (program: TerminalProgram, columns: number, rows: number): void => {
  const { text } = program.screen;
  assert.ok(text.length <= rows && text.every(({ length }) => length <= columns), text.join('\n'));
};

/** The terminal echoes and waits for lines again, on its own screen, with its cursor. */
async function restored(program: TerminalProgram, code: number): Promise<void> {
  const { code: actual, terminal } = await program.end();
  assert.equal(actual, code, program.screen.text.join('\n'));
  assert.match(terminal, /[ \n]icanon[ \n\r]/);
  assert.match(terminal, /[ \n]echo[ \n\r]/);
  assert.deepEqual([program.screen.alternate, program.screen.cursor], [false, true]);
}

describe('watch', { skip: skipWithout('script', 'stty'), concurrency: true }, () => {
  it('bars count down, changes are inverted, keys filter and show details, the picture follows the size', async (t) => {
    const stack = await Stack.open(t);
    const due = performance.now() + 8_000;
    // Its time passes in the stack, whenever it is asked.
    const waiting = (): TimerRecord => ({
      ...timer('time-wait', 0),
      get remainingMs() {
        return Math.max(0, due - performance.now());
      },
    });
    stack.records = [
      record(1, 'ESTABLISHED', [timer('rto', 200)]),
      record(2, 'TIME-WAIT', [waiting()]),
      record(3, 'LISTEN', []),
    ];
    const program = stack.watch();
    const bar = (): number =>
      program.screen.text.find((line) => line.includes('TIME-WAIT '))?.match(/▓/g)?.length ?? 0;
    await program.until('both connections', (screen) => has('c1')(screen) && has('timewait')(screen));
    assert.ok(program.screen.alternate && !program.screen.cursor);
    assert.equal(has('c3')(program.screen), false, 'listeners only with -a');
    fits(program, 80, 24);
    const long = bar();
    assert.ok(long > 0);
    stack.records = [record(1, 'CLOSE-WAIT', [timer('rto', 200)]), record(2, 'TIME-WAIT', [waiting()])];
    await program.until('the new state, inverted', ({ inverted }) => inverted.includes('CLOSE-WAIT'));
    await program.until('a shorter bar', () => bar() < long);
    assert.deepEqual(
      program.screen.inverted.filter((cell) => !cell.startsWith('CLOSE')),
      [],
    );
    await program.until('nothing new is inverted', ({ inverted }) => inverted.length === 0);

    program.type('d');
    await program.until('details', has('path:LIS>EST'));
    fits(program, 80, 24);
    program.type('d');
    program.type('fstate nonsense\r');
    await program.until('what is wrong with it', has('there is no state'));
    program.type('\u0015state time-wait\r');
    await program.until('one connection', (screen) => has('c2')(screen) && !has(/\bc1\b/)(screen));
    program.type('f\u0015\r');
    await program.until('both again', has(/\bc1\b/));

    program.resize(40, 6);
    await program.until(
      'six lines',
      ({ text }) => text.length <= 6 && text.every(({ length }) => length <= 40),
    );
    program.resize(120, 30);
    await program.until('all of it', (screen) => has('c2')(screen) && has('q quit')(screen));
    program.type('q');
    await restored(program, 0);
  });

  it('is over by Ctrl-C, SIGTERM, a crash, or with the stack: the terminal is as it was', async (t) => {
    const stack = await Stack.open(t);
    stack.records = [record(1, 'ESTABLISHED', [])];
    const crash = join(tmpdir(), `fourwave-crash-${process.pid}.mjs`);
    writeFileSync(crash, "process.on('SIGUSR2', () => { throw new Error('planted'); });\n");
    t.after(() => rmSync(crash));
    const ends: [string, (program: TerminalProgram) => void, number][] = [
      ['Ctrl-C', (program) => program.type('\u0003'), 0],
      ['SIGTERM', (program) => program.signal('SIGTERM'), 143],
      ['crash', (program) => program.signal('SIGUSR2'), 1],
    ];
    const running = ends.map(async ([name, end, code]) => {
      const program =
        name === 'crash'
          ? new TerminalProgram(
              [process.execPath, '--import', crash, ...PROGRAM.slice(1), '--control', stack.path],
              80,
              24,
            )
          : stack.watch();
      await program.until('the connection', has('c1'));
      end(program);
      await restored(program, code);
    });
    await Promise.all(running);
    const last = stack.watch();
    await last.until('the connection', has('c1'));
    await stack.server?.close();
    await restored(last, 4);
    assert.match(last.output, /fourwave: no stack is running behind/);
  });

  it('more connections than lines: they are scrolled, and the picture says that there are more', async (t) => {
    const stack = await Stack.open(t);
    stack.records = Array.from({ length: 60 }, (_, i) => record(i + 1, 'ESTABLISHED', []));
    const program = stack.watch('--ascii');
    await program.until('the first page', (screen) => has(/\bc1\b/)(screen) && has('more below')(screen));
    fits(program, 80, 24);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked for
    assert.match(program.screen.text.join(''), /^[\x00-\x7f]*$/);
    program.type('\u001b[B\u001b[B\u001b[B');
    await program.until('the fourth first', (screen) => has(/\bc4\b/)(screen) && !has(/\bc3\b/)(screen));
    program.type('   ');
    await program.until('the last', has(/\bc60\b/));
    program.type('q');
    await restored(program, 0);
  });

  it('where stdout is no terminal one table is printed, and nothing of a terminal', async (t) => {
    const stack = await Stack.open(t);
    stack.records = [record(1, 'ESTABLISHED', [timer('rto', 200)])];
    const child = await asChild([...PROGRAM, '--control', stack.path]);
    assert.match(
      child,
      /^State .*\nESTAB +0 +3 +10\.9\.0\.2:7 +10\.9\.0\.1:40001 +timer:\(on,200ms,0\) c1\n$/,
    );
  });
});

/** Beside this process, which answers for the stack. */
async function asChild([command, ...args]: readonly string[]): Promise<string> {
  const child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return text;
}
