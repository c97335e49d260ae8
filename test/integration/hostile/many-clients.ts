/** A program on the kernel's side with many connections to one port of the stack. */

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { eventually, type Program, STACK } from '../../support/running-stack.ts';
import type { AttackedStack } from './attacked-stack.ts';

const CLIENTS = fileURLToPath(new URL('many-clients.py', import.meta.url));
export const PATIENCE = 120_000;

export interface ManyClients {
  readonly port: number;
  readonly count: number;
  /** Handshakes at a time; the accept queue should hold as many. */
  readonly underWay: number;
  /** An address that the kernel's side has. */
  readonly source?: string;
}

/** Resolves when all are established, as their kernel sees it. They leave when the program's input ends. */
export async function manyClients(stack: AttackedStack, wanted: ManyClients): Promise<Program> {
  const { port, count, underWay, source = stack.kernel } = wanted;
  const program = stack.start('python3', CLIENTS, STACK, ...[port, count, source, underWay].map(String));
  const told = JSON.parse(await answerOf(program, 1)) as { established: number; failures: object };
  assert.deepEqual([told.established, told.failures], [count, {}]);
  return program;
}

/** The nth line that the program says. */
export async function answerOf(program: Program, n: number): Promise<string> {
  const line = (): string | undefined => program.text.split('\n').slice(0, -1)[n - 1];
  await eventually(
    () => line() !== undefined || !program.running,
    () => program.stderr,
    PATIENCE,
  );
  assert.ok(program.running, program.stderr);
  return line() as string;
}
