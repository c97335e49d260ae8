/** `fourwave close|abort|pause|resume CONN`. */

import type { Command } from 'commander';
import { connectionId } from '../arguments.ts';
import { ask } from '../control/client.ts';
import { print, printJson } from '../terminal.ts';
import { type JsonOptions, withJson } from './common.ts';

const VERBS = {
  close: 'close a connection as its application would: FIN',
  abort: 'abort a connection: RST, nothing is kept',
  pause: 'the application stops reading: the window fills up',
  resume: 'the application reads again',
} as const;

export function addConnectionCommands(program: Command): void {
  for (const [verb, text] of Object.entries(VERBS)) {
    withJson(program.command(verb))
      .description(text)
      .argument('<conn>', 'a connection such as c3')
      .action(async (text: string, options: JsonOptions) => {
        const id = connectionId(text);
        await ask(options, verb, { id });
        if (options.json === true) printJson({ id, done: verb });
        else print(`${id}: ${verb}`);
      });
  }
}
