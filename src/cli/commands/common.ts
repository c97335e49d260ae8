/** What the commands that talk to a running stack share. */

import type { Command } from 'commander';
import { socketPath } from '../arguments.ts';

/** Adds `--control`. */
export function withControl(command: Command): Command {
  return command.option('--control <path>', 'the control socket of the stack to talk to', (path) =>
    socketPath(path),
  );
}

/** Adds `--json` and `--control`. */
export function withJson(command: Command): Command {
  return withControl(command.option('--json', 'print JSON and nothing else'));
}

export interface JsonOptions {
  readonly json?: boolean;
  readonly control?: string;
}
