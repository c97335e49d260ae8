/** `fourwave shell`: a shell inside the stack's network namespace. */

import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { ask } from '../control/client.ts';
import { CliError, EXIT_PRIVILEGE, missing } from '../errors.ts';
import type { About } from '../up/handlers.ts';
import { withControl } from './common.ts';

export function addShell(program: Command): void {
  withControl(program.command('shell'))
    .description("a shell, or a command, inside the stack's network namespace")
    .argument('[command...]', 'the command (default: your shell)')
    .passThroughOptions()
    .action(async (command: string[], options: { control?: string }) => {
      const program = command.length > 0 ? command : [process.env['SHELL'] ?? '/bin/sh'];
      const all = [...entrance(await ask<About>(options, 'about')), ...program];
      process.exitCode = await run(all[0] as string, all.slice(1));
    });
}

/** The command that runs another inside the stack's namespace. */
function entrance({ netns, userNamespace, pid }: About): string[] {
  if (userNamespace) return ['nsenter', '-t', String(pid), '-U', '-n', '--preserve-credentials', '--'];
  if (netns === null) return [];
  if (process.getuid?.() !== 0) {
    throw new CliError(
      EXIT_PRIVILEGE,
      `entering the network namespace ${netns} needs root: sudo fourwave shell`,
    );
  }
  return ['ip', 'netns', 'exec', netns];
}

function run(name: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: 'inherit' });
    // Ctrl-C is for the program inside.
    const ignore = (): void => {};
    process.on('SIGINT', ignore);
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        missing(
          error.code === 'ENOENT'
            ? `the command ${JSON.stringify(basename(name))} is missing`
            : error.message,
        ),
      );
    });
    child.once('exit', (code, signal) => {
      process.removeListener('SIGINT', ignore);
      resolve(code ?? (signal === null ? 1 : 128));
    });
  });
}
