/** `fourwave lab new NAME`: writes the module of a new lab. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LAB_GROUPS } from '../../labs/lab-groups.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import { isOfKeyframe } from '../../trace/world/keyframe.ts';
import { follow } from '../control/client.ts';
import { missing, unusable, usage } from '../errors.ts';
import { isEvent } from '../render/event.ts';
import { print } from '../terminal.ts';
import { giveBack } from './runs.ts';
import { expectationOf, moduleText, newestConnection, portOf } from './scaffold.ts';

export interface NewOptions {
  /** A log; null: of the stack that runs. */
  readonly from: string | null;
  /** `c3`; null: the newest. */
  readonly conn: string | null;
  readonly control?: string | undefined;
}

const FOLDER = 'labs';

export async function newCommand(id: string, options: NewOptions): Promise<void> {
  const groups: readonly string[] = LAB_GROUPS;
  if (!/^[a-z-]+\/[a-z0-9-]+$/.test(id) || !groups.includes(id.split('/')[0] as string)) {
    throw usage(`NAME is group/name with a group of ${groups.join(', ')}, not ${JSON.stringify(id)}`);
  }
  const events = options.from === null ? await liveEvents(options.control) : eventsOf(options.from);
  const conn = options.conn ?? newestConnection(events);
  const port = conn === null ? null : portOf(events, conn);
  if (conn === null || port === null) {
    throw missing(`no connection to write a lab from${conn === null ? '' : `: there is no ${conn}`}`);
  }
  const path = join(FOLDER, `${id}.ts`);
  const text = moduleText(id, port, expectationOf(events, conn));
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw usage(`${path} is there already: choose another name`);
    throw unusable(`the file ${path} cannot be written`, error, 'go to a folder that you may write in');
  }
  giveBack(path);
  print(`${path}: from ${conn}. Its place in the sources is src/labs/catalogue/${id}.ts`);
}

/** @throws CliError */
function eventsOf(path: string): LogEvent[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(`the log ${path} cannot be read`, error, 'name another');
  }
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return isEvent(value) && !isOfKeyframe(value.ev) ? [value as unknown as LogEvent] : [];
    } catch {
      return [];
    }
  });
}

async function liveEvents(control: string | undefined): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  const request = { command: 'log', arguments: { follow: false, level: 'extra', conn: null } };
  await follow(control === undefined ? {} : { control }, request, (event) => {
    if (isEvent(event)) events.push(event as unknown as LogEvent);
  });
  return events;
}
