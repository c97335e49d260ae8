/** `fourwave ss`: connections and every armed timer. */

import type { Command } from 'commander';
import type { ConnectionRecord } from '../../stack/connection-record.ts';
import { named, port } from '../arguments.ts';
import { ask } from '../control/client.ts';
import { usage } from '../errors.ts';
import { type SsFilter, selected, ssTable, statesOf } from '../render/ss.ts';
import { recordsOf } from '../render/world-records.ts';
import { print, printJson } from '../terminal.ts';
import { type JsonOptions, withJson } from './common.ts';
import { numberOf } from './why.ts';
import { worldOfFile, worldOfRecorder } from './world-at.ts';

interface SsOptions extends JsonOptions {
  readonly listening?: boolean;
  readonly all?: boolean;
  readonly info?: boolean;
  readonly raw?: boolean;
  readonly at?: string;
}

export function addSs(program: Command): void {
  withJson(program.command('ss'))
    .description('the connections of the running stack, as ss prints them, with every armed timer')
    .argument('[filter...]', 'state STATE, port N; with --at before them the file of an event log')
    .option('-t, --tcp', 'TCP (there is nothing else)')
    .option('-l, --listening', 'listeners only')
    .option('-a, --all', 'listeners too')
    .option('-n, --numeric', 'numbers instead of names (always)')
    .option('-o, --options', 'timers (always)')
    .option('-i, --info', 'a second line about each connection')
    .option('--raw', 'sequence numbers as on the wire')
    .option('--at <n>', 'as it was at this event: of a log file, or of what the flight recorder still has')
    .action(async (words: string[], options: SsOptions) => {
      const n = options.at === undefined ? null : numberOf(options.at);
      const path = n === null || isFilter(words[0]) ? undefined : words[0];
      const filter = filterOf(path === undefined ? words : words.slice(1), options);
      const all = n === null ? await recordsNow(options) : await recordsAt(n, path, options);
      const records = selected(all, filter);
      if (options.json === true) printJson(records);
      else print(ssTable(records, options.info === true));
    });
}

function recordsNow(options: SsOptions): Promise<ConnectionRecord[]> {
  return ask<ConnectionRecord[]>(options, 'ss', { raw: options.raw === true });
}

async function recordsAt(
  n: number,
  path: string | undefined,
  options: SsOptions,
): Promise<ConnectionRecord[]> {
  const world = path === undefined ? await worldOfRecorder(n, options) : worldOfFile(n, named(path, 'FILE'));
  return recordsOf(world, options.raw === true);
}

/** What begins a filter is no name of a file: that would be ./state. */
function isFilter(word: string | undefined): boolean {
  return word === undefined || word === 'state' || word === 'port';
}

/** What the words after `ss` select. @throws CliError */
export function filterOf(words: readonly string[], options: Pick<SsOptions, 'all' | 'listening'>): SsFilter {
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
