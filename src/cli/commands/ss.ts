/** `fourwave ss`: connections and every armed timer. */

import type { Command } from 'commander';
import type { ConnectionRecord } from '../../stack/connection-record.ts';
import { port } from '../arguments.ts';
import { ask } from '../control/client.ts';
import { usage } from '../errors.ts';
import { type SsFilter, selected, ssTable, statesOf } from '../render/ss.ts';
import { print, printJson } from '../terminal.ts';
import { type JsonOptions, withJson } from './common.ts';

interface SsOptions extends JsonOptions {
  readonly listening?: boolean;
  readonly all?: boolean;
  readonly info?: boolean;
  readonly raw?: boolean;
}

export function addSs(program: Command): void {
  withJson(program.command('ss'))
    .description('the connections of the running stack, as ss prints them, with every armed timer')
    .argument('[filter...]', 'state STATE, port N')
    .option('-t, --tcp', 'TCP (there is nothing else)')
    .option('-l, --listening', 'listeners only')
    .option('-a, --all', 'listeners too')
    .option('-n, --numeric', 'numbers instead of names (always)')
    .option('-o, --options', 'timers (always)')
    .option('-i, --info', 'a second line about each connection')
    .option('--raw', 'sequence numbers as on the wire')
    .action(async (words: string[], options: SsOptions) => {
      const filter = filterOf(words, options);
      const all = await ask<ConnectionRecord[]>(options, 'ss', { raw: options.raw === true });
      const records = selected(all, filter);
      if (options.json === true) printJson(records);
      else print(ssTable(records, options.info === true));
    });
}

function filterOf(words: readonly string[], options: SsOptions): SsFilter {
  let states: ReadonlySet<string> | null = null;
  let number: number | null = null;
  for (let at = 0; at < words.length; at += 2) {
    const [name, value] = [words[at], words[at + 1]];
    if (value === undefined || (name !== 'state' && name !== 'port')) {
      throw usage(`ss takes "state STATE" and "port N", not ${JSON.stringify(words.slice(at).join(' '))}`);
    }
    if (name === 'state') states = new Set([...(states ?? []), ...statesOf(value)]);
    else number = port(value, 'port');
  }
  return {
    listeners: options.listening === true ? 'only' : options.all === true ? 'too' : 'no',
    states,
    port: number,
  };
}
