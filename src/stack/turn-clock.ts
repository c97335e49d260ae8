/** The time that a turn works with: read once at its beginning, the same for all it does. */

import type { Clock } from '../base/clock.ts';

export class TurnClock implements Clock {
  /** µs, as of the last `refresh`. Never goes back. */
  now: number;
  private readonly source: Clock;

  constructor(source: Clock) {
    this.source = source;
    this.now = source.now;
  }

  /** Looks at the clock again: at the beginning of a turn, and of a call outside of one. */
  refresh(): number {
    const now = this.source.now;
    if (now > this.now) this.now = now;
    return this.now;
  }
}
