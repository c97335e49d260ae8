/** `fourwave why N [FILE]`: the decision behind an event. */

import type { Command } from 'commander';
import type { LogEvent } from '../../trace/log-event.ts';
import { explain, type Why } from '../../trace/why.ts';
import { named } from '../arguments.ts';
import { ask } from '../control/client.ts';
import { missing, usage } from '../errors.ts';
import { EventFile } from '../event-file/event-file.ts';
import { FileSource } from '../event-file/source.ts';
import { whyText } from '../render/why.ts';
import { painter, print, printJson } from '../terminal.ts';
import { type JsonOptions, withJson } from './common.ts';

export function addWhy(program: Command): void {
  withJson(program.command('why'))
    .description('the decision behind an event, rule by rule, with RFC sections, and what it led to')
    .argument('<n>', 'the number of an event: "fourwave log" and the comments of a capture show them')
    .argument('[file]', 'a file of the event log; without it the running stack is asked')
    .action(async (text: string, path: string | undefined, options: JsonOptions) => {
      const n = numberOf(text);
      const why = path === undefined ? await ask<Why>(options, 'why', { n }) : ofFile(named(path, 'FILE'), n);
      if (options.json === true) printJson(why);
      else print(whyText(why, painter()));
    });
}

/** The number of an event. @throws CliError */
export function numberOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw usage(`N must be the number of an event, not ${JSON.stringify(text)}`);
  return Number(text);
}

/** @throws CliError when the file has no such event */
function ofFile(path: string, n: number): Why {
  return EventFile.read(path, (file) => {
    const found = file.find(n);
    if (found === null) throw missing(noSuchEvent(file, n));
    return explain(new FileSource(file), found.event as LogEvent);
  });
}

/** Says also what there is. */
export function noSuchEvent(file: EventFile, n: number): string {
  const [first, last] = [file.first, file.last];
  const what =
    first === null || last === null ? 'no event' : `those from ${first.event.n} to ${last.event.n}`;
  return `there is no event ${n} in ${file.path}: it has ${what}`;
}
