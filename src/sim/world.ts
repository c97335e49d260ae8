/** A simulated world: one virtual clock, one heap of events, one seed. */

import { NEVER } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { type ClockUser, VirtualClock } from '../base/virtual-clock.ts';
import { EventHeap } from './event-heap.ts';

export interface WorldOptions {
  /** Two worlds with the same seed and the same calls are the same to the last bit. */
  readonly seed?: number;
  /** Where the clock starts, µs. */
  readonly start?: number;
  /**
   * Events of one moment happen together (a stack may find several packets in one turn), or each
   * alone with the stacks' turns between them. Default true.
   */
  readonly batch?: boolean;
}

/** A small hash of a label, so that every random stream of a world is its own. */
function hashLabel(label: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return hash;
}

export class World {
  readonly clock: VirtualClock;
  readonly seed: number;
  private readonly heap = new EventHeap();
  private readonly batch: boolean;
  private readonly checks: (() => void)[] = [];

  constructor(options: WorldOptions = {}) {
    this.seed = options.seed ?? 1;
    this.batch = options.batch ?? true;
    this.clock = new VirtualClock(options.start ?? 0);
    const user: ClockUser = {
      nextDeadline: () => this.heap.earliest,
      runDue: () => this.runEvents(),
    };
    this.clock.register(user);
  }

  /** A random stream that depends on the seed and on `label` alone. */
  randomFor(label: string): SeededRandom {
    return new SeededRandom(Math.imul(this.seed, 0x9e3779b1) ^ hashLabel(label));
  }

  /** Runs `run` at `time`, absolute µs; now, when that is past. */
  at(time: number, run: () => void): void {
    this.heap.push(Math.max(time, this.clock.now), run);
  }

  /** Runs `run` in `delay` µs. */
  after(delay: number, run: () => void): void {
    this.at(this.clock.now + delay, run);
  }

  /** `check` runs after every event; what it throws ends the run. */
  afterEveryEvent(check: () => void): void {
    this.checks.push(check);
  }

  /** Lets `duration` µs pass, one stop after the other, with all checks. */
  run(duration: number): void {
    this.runUntil(() => false, duration);
  }

  /**
   * Goes from stop to stop until `done()` or until `limit` µs have passed. True when it was done.
   * Without anything left to happen, time jumps to the limit.
   */
  runUntil(done: () => boolean, limit: number): boolean {
    const end = this.clock.now + limit;
    this.clock.settle();
    this.check();
    while (!done()) {
      const next = this.clock.nextDeadline();
      if (next > end) {
        this.clock.advanceTo(end);
        return done();
      }
      this.clock.advanceTo(next);
      this.check();
    }
    return true;
  }

  /** True when neither an event nor a timer is left. */
  get silent(): boolean {
    return this.clock.nextDeadline() === NEVER;
  }

  private runEvents(): void {
    const now = this.clock.now;
    this.check();
    do {
      const run = this.heap.pop();
      if (run !== null) run();
    } while (this.batch && this.heap.earliest <= now);
  }

  private check(): void {
    for (const check of this.checks) check();
  }
}
