/** Ties turns to Node's event loop: what is asked for, and what is due. The one timer of a stack. */

import type { Clock } from '../base/clock.ts';
import type { Stack, TurnScheduler } from './stack.ts';

/** setTimeout takes 31 bits of milliseconds; a longer wait is waited in pieces (N05). */
const LONGEST_TIMEOUT_MS = 0x7fffffff;

/** How often a busy poll looks before the event loop goes round: some ten microseconds. */
const LOOKS = 16;

/** µs since the machine's start: monotonic, and it goes on while the process is stopped. */
export const systemClock: Clock = {
  get now(): number {
    return performance.now() * 1000;
  },
};

export class NodeScheduler implements TurnScheduler {
  private readonly stack: Stack;
  /** The clock that deadlines are told in. */
  private readonly clock: Clock;
  private requested = false;
  private stopped = false;
  private timer: NodeJS.Timeout | null = null;
  /** What the timer is set for, µs. */
  private timerDeadline = Infinity;
  private referenced = true;
  private readonly run = (): void => this.runTurn();
  private readonly expire = (): void => this.timerFired();
  private readonly spin = (): void => this.pollAgain();
  private readonly afterTicks = (): void => queueMicrotask(this.run);

  constructor(stack: Stack, clock: Clock) {
    this.stack = stack;
    this.clock = clock;
    stack.schedule(this);
  }

  /**
   * Looks for packets all the time, from now on: nothing sleeps, so that nothing has to be woken. It
   * costs a whole core. Between a few looks the event loop goes round, for timers and for others.
   */
  busyPoll(): void {
    setImmediate(this.spin);
  }

  /** After the ticks and microtasks of the callback that runs now, and before the loop polls again. */
  requestTurn(): void {
    if (this.requested || this.stopped) return;
    this.requested = true;
    process.nextTick(this.afterTicks);
  }

  /**
   * What a turn has left over waits until the event loop has gone round: two stacks that keep each
   * other busy in memory would otherwise let nothing else run (N03).
   */
  continueTurn(): void {
    if (this.requested || this.stopped) return;
    this.requested = true;
    setImmediate(this.run);
  }

  /** Only an earlier deadline touches the timer: a later one is found out when it fires. */
  setDeadline(deadline: number): void {
    if (this.stopped || deadline >= this.timerDeadline) return;
    this.arm(deadline);
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** Whether the stack's timer alone keeps the process alive. */
  setReferenced(referenced: boolean): void {
    this.referenced = referenced;
    if (referenced) this.timer?.ref();
    else this.timer?.unref();
  }

  private pollAgain(): void {
    if (this.stopped) return;
    for (let looks = 0; looks < LOOKS && !this.stack.pollDevice(); looks++);
    const next = setImmediate(this.spin);
    if (!this.referenced) next.unref();
  }

  private runTurn(): void {
    this.requested = false;
    if (!this.stopped) this.stack.runTurn();
  }

  private timerFired(): void {
    this.timer = null;
    this.timerDeadline = Infinity;
    if (this.stopped) return;
    this.stack.runTurn();
    this.setDeadline(this.stack.nextDeadline());
  }

  private arm(deadline: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timerDeadline = deadline;
    const wait = Math.ceil((deadline - this.clock.now) / 1000);
    this.timer = setTimeout(this.expire, Math.min(LONGEST_TIMEOUT_MS, Math.max(0, wait)));
    if (!this.referenced) this.timer.unref();
  }
}
