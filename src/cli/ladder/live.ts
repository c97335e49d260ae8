/** The ladder of the running stack, as it grows. */

import { performance } from 'node:perf_hooks';
import { follow } from '../control/client.ts';
import { type EventLine, isEvent } from '../render/event.ts';
import { ladderSvg } from '../render/ladder/svg.ts';
import { Ladder, type LadderOptions } from '../render/ladder.ts';
import { Room } from '../room.ts';
import { Screen } from './screen.ts';

export interface LiveOptions {
  readonly follow: boolean;
  readonly control: string | undefined;
  /** The width does not follow the terminal's. */
  readonly fixed: boolean;
}

/** How often it looks whether something waits, ms. */
const EVERY = 50;

/** Ends when the stack does, or with Ctrl-C. @throws CliError */
export async function drawLive(options: LadderOptions, live: LiveOptions): Promise<void> {
  const ladder = new Ladder({ ...options, keep: true });
  const screen = new Screen(ladder, options, live.fixed);
  const room = new Room(live.follow);
  const clock = new LogClock();
  const request = { command: 'log', arguments: { follow: live.follow, level: 'base', conn: null } };
  let begun = false;
  const begin = (): void => {
    if (!begun) screen.print(ladder.heading());
    begun = true;
  };
  const idle = setInterval(() => {
    if (!clock.isQuiet(EVERY)) return;
    screen.print(ladder.flush(clock.now));
    screen.showTimers(clock.now);
  }, EVERY);
  const finish = (): void => {
    clearInterval(idle);
    screen.print(ladder.flush(clock.now));
    screen.close();
  };
  const stop = (): void => {
    finish();
    process.exit(0);
  };
  process.once('SIGINT', stop);
  try {
    await follow(live.control === undefined ? {} : { control: live.control }, request, (event) => {
      begin();
      if (!room.forOne() || !isEvent(event)) return;
      clock.saw(event.t);
      screen.print(ladder.add(event));
    });
    begin();
  } finally {
    process.off('SIGINT', stop);
    finish();
  }
}

/** What has happened so far, as a picture. @throws CliError */
export async function pictureOfNow(options: LadderOptions, control: string | undefined): Promise<string> {
  const events: EventLine[] = [];
  const request = { command: 'log', arguments: { follow: false, level: 'base', conn: null } };
  await follow(control === undefined ? {} : { control }, request, (event) => {
    if (isEvent(event)) events.push(event);
  });
  return ladderSvg(events, { ...options, title: 'fourwave ladder' });
}

/** What time it is in the log: that of the last event, and what has passed since. */
class LogClock {
  private last: number | null = null;
  private at = 0;

  saw(t: number): void {
    this.last = t;
    this.at = performance.now();
  }

  /** Seconds; nothing is due before the first event. */
  get now(): number {
    if (this.last === null) return Number.NEGATIVE_INFINITY;
    return this.last + (performance.now() - this.at) / 1000;
  }

  isQuiet(ms: number): boolean {
    return this.last !== null && performance.now() - this.at >= ms;
  }
}
