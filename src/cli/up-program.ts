/** The command line of `up` alone: it starts twice, once as root, and loads nothing that it does not need. */

import type { Command } from 'commander';
import { addExamples } from './commands/examples.ts';
import { addUp } from './commands/up.ts';
import { emptyProgram, refuseContradictions } from './empty-program.ts';

export function createProgram(): Command {
  const program = emptyProgram();
  addUp(program);
  addExamples(program);
  refuseContradictions(program);
  return program;
}
