/** The world at an event: of a log file, or of the running stack's flight recorder. */

import type { LogEvent } from '../../trace/log-event.ts';
import { worldOf } from '../../trace/world/reduce.ts';
import type { World } from '../../trace/world/types.ts';
import { follow } from '../control/client.ts';
import { missing } from '../errors.ts';
import { EventFile } from '../event-file/event-file.ts';
import { printable } from '../printable.ts';
import { isEvent } from '../render/event.ts';
import type { JsonOptions } from './common.ts';
import { noSuchEvent } from './why.ts';

/** Bytes of a log that are read at once without a word about it. */
const SHORT = 32 * 1024 * 1024;

/** @throws CliError when the file has no such event */
export function worldOfFile(n: number, path: string): World {
  return EventFile.read(path, (file) => {
    const place = file.find(n);
    if (place === null) throw missing(noSuchEvent(file, n));
    if (place.offset > SHORT && !file.hasKeyframes)
      note(`${path} has no keyframes: it is read from its beginning, which takes a while`);
    return file.worldAt(place);
  });
}

/** What the flight recorder has merged or forgotten the world does not have. */
export async function worldOfRecorder(n: number, options: JsonOptions): Promise<World> {
  const events: LogEvent[] = [];
  let last = 0;
  const request = { command: 'log', arguments: { follow: false, level: 'extra', conn: null } };
  await follow(options, request, (event) => {
    if (!isEvent(event)) return;
    last = Math.max(last, event.n);
    if (event.n <= n) events.push(event as LogEvent);
  });
  if (n > last) throw missing(`there is no event ${n} yet: the last one is ${last}`);
  const lost = n - events.length;
  if (lost > 0) {
    note(
      `of the first ${n} events the flight recorder has ${events.length} left: the table lacks what the ` +
        'others said; a file of "up --log" keeps all',
    );
  }
  return worldOf(events);
}

function note(sentence: string): void {
  process.stderr.write(`fourwave: ${printable(sentence)}\n`);
}
