/** What the tests of operators' mistakes share: the built program, places for it, and what it must not leave. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually, type Finished, Namespace, Program, RunningStack } from '../../support/running-stack.ts';

export const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** The program, for a shell. */
export const FOURWAVE = `${process.execPath} ${MAIN}`;
export const SYSTEM_FOLDER = '/run/fourwave';

/** One sentence of the program on stderr, and nothing else. */
export function oneSentence(stderr: string): string {
  assert.match(stderr, /^fourwave: [^\n]+\n$/);
  return stderr;
}

/** It ended with this code and one sentence that says this, and printed nothing. */
export function assertRefused(outcome: Finished, code: number, says: RegExp): void {
  assert.equal(outcome.code, code, outcome.stderr);
  assert.match(oneSentence(outcome.stderr), says);
  assert.equal(outcome.stdout.toString(), '');
}

/** Runs the program where no namespace matters, to its end. */
export function fourwave(...args: string[]): Promise<Finished> {
  const program = new Program(process.execPath, [MAIN, ...args]);
  program.endInput();
  return program.end();
}

/** Runs a shell script outside of any namespace of ours, to its end. */
export function shell(script: string): Promise<Finished> {
  const program = new Program('sh', ['-c', script]);
  program.endInput();
  return program.end();
}

/** Interfaces of the namespace besides lo. */
export function interfaces({ name }: Namespace): string[] {
  const text = execFileSync('ip', ['-n', name, '-o', 'link'], { encoding: 'utf8' });
  return [...text.matchAll(/^\d+: ([^:@]+)/gm)]
    .map((match) => String(match[1]))
    .filter((one) => one !== 'lo');
}

/** Control sockets in the system's folder that belong to this namespace. */
export function socketsOf({ name }: Namespace): string[] {
  const names = existsSync(SYSTEM_FOLDER) ? readdirSync(SYSTEM_FOLDER) : [];
  return names.filter((one) => one.startsWith(`${name}-`));
}

/** Processes with this word in their command line, by pid. */
export function processesWith(word: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => commandLine(pid).includes(word))
    .map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** No interface, no socket and no process of the program is left of this namespace. */
export async function assertNothingLeft(place: Namespace): Promise<void> {
  // The interface dies a moment after its last descriptor.
  await eventually(
    () => interfaces(place).length === 0,
    () => `no interface; there is ${interfaces(place).join(' ')}`,
  );
  assert.deepEqual(socketsOf(place), [], 'no control socket');
}

/** A namespace for the duration of `work`. */
export async function inNamespace(work: (place: Namespace) => Promise<void>): Promise<void> {
  const place = new Namespace();
  try {
    await work(place);
  } finally {
    await place.close();
  }
}

/** A place where a stack may be started, for the duration of `work`. */
export async function inPlace(work: (place: RunningStack) => Promise<void>): Promise<void> {
  const place = new RunningStack();
  try {
    await work(place);
  } finally {
    await place.close();
  }
}

/** A running stack for the duration of `work`. */
export async function withStack(
  args: readonly string[],
  work: (stack: RunningStack) => Promise<void>,
): Promise<void> {
  const stack = await RunningStack.start(...args);
  try {
    await work(stack);
  } finally {
    await stack.close();
  }
}

/** The stack answers, both a ping and an echo. */
export async function assertWorks(stack: RunningStack): Promise<void> {
  const { stdout } = await stack.run('nc', ['-N', '-w', '5', '10.9.0.2', '7'], 'hello');
  assert.equal(stdout.toString(), 'hello');
}

/** `up` starts, works, and ends with 0. */
export async function assertCleanStart(place: RunningStack, ...args: string[]): Promise<void> {
  await place.startUp(...args);
  await assertWorks(place);
  assert.equal((await place.stopUp()).code, 0);
  await assertNothingLeft(place);
}
