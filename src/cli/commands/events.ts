/** `fourwave log` and `fourwave ladder`: readers of the event log. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { parseDuration } from '../../stack/config-values.ts';
import { connectionId, oneOf } from '../arguments.ts';
import { follow } from '../control/client.ts';
import { CliError, EXIT_FAILED, missing, usage } from '../errors.ts';
import { type EventLine, eventText, isEvent } from '../render/event.ts';
import { Ladder } from '../render/ladder.ts';
import { print, printJson } from '../terminal.ts';
import { type JsonOptions, withControl, withJson } from './common.ts';

/** Bytes that wait for a reader of stdout. */
const MOST_WAITING = 16 * 1024 * 1024;
const LEVELS = ['core', 'base', 'extra'] as const;

interface LogOptions extends JsonOptions {
  readonly follow?: boolean;
  readonly level: string;
  readonly conn?: string;
}

export function addLog(program: Command): void {
  withJson(program.command('log'))
    .description('the event log of the running stack')
    .option('-f, --follow', 'go on with what happens')
    .option('--level <level>', 'core, base or extra (everything)', 'base')
    .option('--conn <conn>', 'one connection only')
    .action(async (options: LogOptions) => {
      const request = {
        follow: options.follow === true,
        level: oneOf(options.level, '--level', LEVELS),
        conn: options.conn === undefined ? null : connectionId(options.conn),
      };
      const room = new Room(request.follow);
      await follow(options, { command: 'log', arguments: request }, (event) => {
        if (!room.forOne()) return;
        if (options.json === true) printJson(event);
        else if (isEvent(event)) print(eventText(event));
      });
    });
}

/** Who follows the log through a pager that stands still misses events, and is told how many. */
class Room {
  private readonly bounded: boolean;
  private missed = 0;

  constructor(bounded: boolean) {
    this.bounded = bounded;
  }

  forOne(): boolean {
    if (this.bounded && process.stdout.writableLength > MOST_WAITING) {
      this.missed++;
      return false;
    }
    if (this.missed > 0)
      process.stderr.write(`fourwave: ${this.missed} events were left out: nobody took them\n`);
    this.missed = 0;
    return true;
  }
}

interface LadderFlags {
  readonly ascii?: boolean;
  readonly raw?: boolean;
  readonly since?: string;
  readonly control?: string;
}

export function addLadder(program: Command): void {
  withControl(program.command('ladder'))
    .description('the sequence diagram: segments, states and timers, live or of a recorded log')
    .argument('[what]', 'a connection such as c3, or a file of the event log')
    .option('--ascii', 'no characters beyond ASCII')
    .option('--raw', 'sequence numbers as on the wire')
    .option('--since <time>', 'from this time of the log on, e.g. 1.5s')
    .action(async (what: string | undefined, flags: LadderFlags) => {
      const since = sinceOf(flags.since);
      const ladder = new Ladder({ ascii: flags.ascii === true, raw: flags.raw === true });
      const show = (event: unknown): void => {
        const line = isEvent(event) && event.t >= since ? ladder.line(event) : null;
        if (line !== null) print(line);
      };
      if (what !== undefined && !/^c?\d+$/.test(what)) {
        print(ladder.heading());
        for await (const event of eventsOfFile(what)) show(event);
        return;
      }
      const conn = what === undefined ? null : connectionId(what);
      let first = true;
      const room = new Room(true);
      await follow(flags, { command: 'log', arguments: { follow: true, level: 'base', conn } }, (event) => {
        if (first) print(ladder.heading());
        first = false;
        if (room.forOne()) show(event);
      });
    });
}

/** Seconds. */
function sinceOf(text: string | undefined): number {
  if (text === undefined) return Number.NEGATIVE_INFINITY;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1e6 : parseDuration(text);
  if (value === null)
    throw usage(`--since must be a time of the log such as 1.5s, not ${JSON.stringify(text)}`);
  return value / 1e6;
}

/** @throws CliError when there is no such file, or it is no event log */
async function* eventsOfFile(path: string): AsyncGenerator<EventLine> {
  const input = createReadStream(path);
  const opened = new Promise<void>((resolve, reject) =>
    input.once('open', () => resolve()).once('error', reject),
  );
  await opened.catch((error: unknown) => {
    throw missing(`the file ${path} cannot be read: ${(error as Error).message}`);
  });
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    number++;
    if (line === '') continue;
    const value = parseLine(line);
    if (isEvent(value)) yield value;
    else if (number > 1 || (value as { tcplog?: unknown } | null)?.tcplog === undefined) {
      throw new CliError(EXIT_FAILED, `line ${number} of ${path} is no event of a log`);
    }
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
