/** What goes on later, in order of time; first come first served at the same moment. */

import type { Timeline } from './world.ts';

interface Entry {
  readonly time: number;
  readonly run: () => void;
}

/** Packets under way at a time. */
const CAPACITY = 16_384;

export class Agenda {
  private readonly timeline: Timeline;
  /** In order of time. */
  private entries: Entry[] = [];

  constructor(timeline: Timeline) {
    this.timeline = timeline;
  }

  get size(): number {
    return this.entries.length;
  }

  /** False, and nothing kept, when there is no room. */
  push(time: number, run: () => void): boolean {
    const { entries } = this;
    if (entries.length >= CAPACITY) return false;
    let place = entries.length;
    while (place > 0 && (entries[place - 1] as Entry).time > time) place--;
    entries.splice(place, 0, { time, run });
    this.timeline.at(time, () => this.runDue());
    return true;
  }

  clear(): void {
    this.entries = [];
  }

  /** A timer that fires late does what the earlier ones should have done, in order. */
  private runDue(): void {
    const now = this.timeline.now();
    for (let first = this.entries[0]; first !== undefined && first.time <= now; first = this.entries[0]) {
      this.entries.shift();
      first.run();
    }
  }
}
