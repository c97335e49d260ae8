/** What the program is, whichever commands it has. */

import { Command } from 'commander';
import { usage } from './errors.ts';
import { printable } from './printable.ts';
import { version } from './version.ts';

/** The program without its commands. */
export function emptyProgram(): Command {
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
  return program;
}

/** An option that takes one value and is given two is a mistake in a script, not a wish. */
export function refuseContradictions(command: Command): void {
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
