/** A person plays an act: what is typed is watched, told, and waited for until it is what the lab shows. */

import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Expectation } from '../../labs/expect/ast.ts';
import { REAL } from '../../labs/expect/compare.ts';
import { match } from '../../labs/expect/match.ts';
import { parseExpectation } from '../../labs/expect/parse.ts';
import { PatternWatch } from '../../labs/expect/watch.ts';
import type { Act, Text, TypeStep } from '../../labs/lab.ts';
import { wordOf } from '../../labs/narrate/connection-story.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import { readTyped } from './lab-shell.ts';
import { MESSAGES } from './messages.ts';
import type { RealWorld } from './real-world.ts';
import type { Student } from './student.ts';

const LOOK = 100;
/** ms without an event after which what was done is over. */
const OVER = 2500;
/** A TIME-WAIT that ends sooner is waited for, ms. */
const SHORT_TIME_WAIT = 20_000;

export interface PlayOptions {
  readonly world: RealWorld;
  readonly act: Act;
  /** What the page says to type. */
  readonly steps: readonly TypeStep[];
  readonly student: Student;
  readonly say: (text: Text) => void;
  /** A person sits here, who may try again or press Enter. */
  readonly interactive: boolean;
  /** ms after which nobody is waited for any more. */
  readonly patience: number;
}

export class Play {
  private readonly options: PlayOptions;
  /** What the page says to wait for: the act is not over before, though what it shows may have come. */
  private awaited: readonly PatternWatch[];
  private lastEvent = performance.now();
  private enter = false;
  private lines: Interface | null = null;

  constructor(options: PlayOptions) {
    this.options = options;
    this.awaited = awaitedBy(options.steps);
  }

  /** Told of every event. */
  saw(event: LogEvent): void {
    this.lastEvent = performance.now();
    for (const watch of this.awaited) watch.add(event);
    for (const text of this.options.student.seen(event)) this.options.say(text);
  }

  /** Resolves when the lab has been done, was judged as it is, or nobody came. */
  async run(): Promise<void> {
    const { act, interactive, patience } = this.options;
    if (interactive) this.listen();
    const expectation = parseExpectation(act.expect ?? '');
    const end = performance.now() + patience;
    try {
      while (performance.now() < end && !this.enter) {
        await sleep(LOOK);
        await this.hear();
        if (this.hasShown(expectation)) {
          if (interactive) await this.lookAround(end);
          return;
        }
        if (this.isOver() && !(await this.another())) return;
      }
    } finally {
      this.lines?.close();
      await this.hear();
    }
  }

  private hasShown(expectation: Expectation): boolean {
    if (expectation.lines.length === 0 || this.awaited.some((watch) => watch.found() === null)) return false;
    return match(expectation, this.options.world.watch.events, REAL).ok;
  }

  private listen(): void {
    this.lines = createInterface({ input: process.stdin });
    this.lines.on('line', () => {
      this.enter = true;
    });
  }

  /** It is done; whoever sits here may want to see what is left. */
  private async lookAround(end: number): Promise<void> {
    this.options.say(MESSAGES.asExpected);
    this.options.say(MESSAGES.lookAround);
    while (!this.enter && performance.now() < end) await sleep(LOOK);
  }

  private async hear(): Promise<void> {
    const { student, world, say } = this.options;
    for (const text of student.typed(await readTyped(world.typed))) say(text);
  }

  /** There was a connection, none is left that could go on, and it has been quiet. */
  private isOver(): boolean {
    const { events } = this.options.world.watch;
    if (performance.now() - this.lastEvent < OVER) return false;
    const open = new Map<string, boolean>();
    for (const event of events) noteOpen(event, open);
    const all = [...open.values()];
    return all.length > 0 && !all.includes(true);
  }

  /** Says what it became; true where it is tried again. */
  private async another(): Promise<boolean> {
    const { student, world, say, interactive } = this.options;
    for (const text of student.became(world.watch.events)) say(text);
    if (!interactive) return false;
    say(MESSAGES.again);
    await world.again();
    this.awaited = awaitedBy(this.options.steps);
    this.lastEvent = performance.now();
    return true;
  }
}

function awaitedBy(steps: readonly TypeStep[]): PatternWatch[] {
  return steps.flatMap((step) =>
    'until' in step && step.until !== undefined ? [new PatternWatch(step.until, 0, REAL)] : [],
  );
}

/** Whether each connection may still go on; one that was refused has no name. */
function noteOpen({ ev, conn = '', data }: LogEvent, open: Map<string, boolean>): void {
  if (ev === 'conn:state') open.set(conn, data['new'] !== 'CLOSED');
  const waits = ev === 'timer:set' && data['timer'] === 'time-wait';
  if (waits && Number(data['afterMs']) > SHORT_TIME_WAIT) open.set(conn, false);
  if (ev === 'seg:sent' && conn === '' && wordOf(data['flags']).includes('RST')) open.set(conn, false);
}
