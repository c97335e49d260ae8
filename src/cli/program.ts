/** The whole command line. */

import { Command } from 'commander';
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
import { usage } from './errors.ts';
import { printable } from './printable.ts';
import { version } from './version.ts';

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
  const program = new Command('fourwave')
    .description('A user-space TCP/IPv4 stack that you can see through')
    .version(version(), '-V, --version')
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .configureOutput({
      // One sentence on one line, whatever commander wraps it in.
      outputError: (text, write) =>
        write(
          `fourwave: ${printable(
            text
              .replace(/^error: /, '')
              .trim()
              .replaceAll('\n', ' '),
          )}\n`,
        ),
    });
  // Subcommands inherit these when they are made.
  program.exitOverride();
  for (const add of COMMANDS) add(program);
  addExamples(program);
  refuseContradictions(program);
  return program;
}

/** An option that takes one value and is given two is a mistake in a script, not a wish. */
function refuseContradictions(command: Command): void {
  for (const option of command.options) {
    if (!option.required || Array.isArray(option.defaultValue)) continue;
    let before: string | null = null;
    command.on(`option:${option.name()}`, (value: string) => {
      if (before !== null && before !== value) {
        throw usage(`${option.long} cannot be both ${before} and ${value}: give one of them`);
      }
      before = value;
    });
  }
  for (const inner of command.commands) refuseContradictions(inner);
}
