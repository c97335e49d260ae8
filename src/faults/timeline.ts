/** The time of a virtual clock, for faults in a simulated world. */

import { NEVER } from '../base/clock.ts';
import type { ClockUser, VirtualClock } from '../base/virtual-clock.ts';
import type { Timeline } from './world.ts';

interface Due {
  readonly time: number;
  readonly run: () => void;
}

class ClockTimeline implements Timeline, ClockUser {
  private readonly clock: VirtualClock;
  /** In order of time. */
  private readonly due: Due[] = [];

  constructor(clock: VirtualClock) {
    this.clock = clock;
    clock.register(this);
  }

  now(): number {
    return this.clock.now;
  }

  at(time: number, run: () => void): void {
    let place = this.due.length;
    while (place > 0 && (this.due[place - 1] as Due).time > time) place--;
    this.due.splice(place, 0, { time, run });
  }

  nextDeadline(): number {
    return this.due[0]?.time ?? NEVER;
  }

  runDue(): void {
    this.due.shift()?.run();
  }
}

/** A timeline that runs with the clock. */
export function clockTimeline(clock: VirtualClock): Timeline {
  return new ClockTimeline(clock);
}
