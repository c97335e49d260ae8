/** Events of a log that can be read once only, such as a named pipe's. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { isOfKeyframe } from '../../trace/world/keyframe.ts';
import { CliError, EXIT_FAILED } from '../errors.ts';
import { type EventLine, isEvent } from '../render/event.ts';

/** @throws CliError when a line is no event */
export async function* eventsOfPipe(path: string): AsyncGenerator<EventLine> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number++;
    if (line === '') continue;
    const value = parseLine(line);
    if (isEvent(value)) {
      if (!isOfKeyframe(value.ev)) yield value;
    } else if (number > 1 || (value as { tcplog?: unknown } | null)?.tcplog === undefined) {
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
