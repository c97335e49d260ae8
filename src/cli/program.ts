/** The whole command line. */

import type { Command } from 'commander';
import { addCapture } from './commands/capture.ts';
import { addConnectionCommands } from './commands/connection.ts';
import { addDoctor } from './commands/doctor.ts';
import { addLog } from './commands/events.ts';
import { addExamples } from './commands/examples.ts';
import { addFaults } from './commands/fault.ts';
import { addLab } from './commands/lab.ts';
import { addLadder } from './commands/ladder.ts';
import { addConfig, addService, addStats } from './commands/look.ts';
import { addNetcat } from './commands/netcat.ts';
import { addDrill, addReplay } from './commands/offline.ts';
import { addOpenTun } from './commands/open-tun.ts';
import { addShell } from './commands/shell.ts';
import { addSs } from './commands/ss.ts';
import { addUp } from './commands/up.ts';
import { addWatch } from './commands/watch.ts';
import { addWhy } from './commands/why.ts';
import { emptyProgram, refuseContradictions } from './empty-program.ts';

/** In the order of the synopsis. */
const COMMANDS = [
  addUp,
  addSs,
  addWatch,
  addLadder,
  addLog,
  addWhy,
  addStats,
  addConfig,
  addConnectionCommands,
  addFaults,
  addService,
  addNetcat,
  addCapture,
  addReplay,
  addDrill,
  addLab,
  addShell,
  addDoctor,
  addOpenTun,
] as const;

export function createProgram(): Command {
  const program = emptyProgram();
  for (const add of COMMANDS) add(program);
  addExamples(program);
  refuseContradictions(program);
  return program;
}
