/** The ladder of a recorded log. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { CliError, EXIT_FAILED, missing } from '../errors.ts';
import { type EventLine, isEvent } from '../render/event.ts';
import { Ladder, type LadderOptions } from '../render/ladder.ts';
import { print } from '../terminal.ts';

/** @throws CliError when there is no such file, or it is no event log */
export async function drawFile(path: string, options: LadderOptions, _all: boolean): Promise<void> {
  const ladder = new Ladder(options);
  const show = (lines: readonly string[]): void => {
    if (lines.length > 0) print(lines.join('\n'));
  };
  let begun = false;
  for await (const event of eventsOfFile(path)) {
    if (!begun) show(ladder.heading());
    begun = true;
    show(ladder.add(event));
  }
  show(ladder.flush(Number.POSITIVE_INFINITY));
}

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
