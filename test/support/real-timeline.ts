/** Time for an impaired device on the real clock: one timer, and nothing out of order. */

import type { Timeline } from '../../src/sim/index.ts';

export class RealTimeline implements Timeline {
  private readonly events: { time: number; run: () => void }[] = [];
  private timer: NodeJS.Timeout | null = null;

  now(): number {
    return performance.now() * 1000;
  }

  at(time: number, run: () => void): void {
    const { events } = this;
    if (time <= this.now() && (events[0]?.time ?? Infinity) > time) {
      run();
      return;
    }
    let place = events.length;
    while (place > 0 && (events[place - 1] as { time: number }).time > time) place--;
    events.splice(place, 0, { time, run });
    this.arm();
  }

  /** Forgets what has not happened yet. */
  stop(): void {
    this.events.length = 0;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const first = this.events[0];
    const wait = first === undefined ? null : Math.max(0, Math.ceil((first.time - this.now()) / 1000));
    this.timer = wait === null ? null : setTimeout(() => this.runDue(), wait);
  }

  private runDue(): void {
    while ((this.events[0]?.time ?? Infinity) <= this.now()) this.events.shift()?.run();
    this.arm();
  }
}
