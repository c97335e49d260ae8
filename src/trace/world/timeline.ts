/** Any moment of a log at once: the events, and a snapshot of the world every few thousand of them. */

import type { LogEvent } from '../log-event.ts';
import { WorldBuilder } from './reduce.ts';
import type { World } from './types.ts';

/** Events between two snapshots: what has to be gone through again to reach one event. */
const EVERY = 4_096;

/**
 * A log that grows at its end. Snapshots share every connection that did not change between them, so
 * that they cost what has happened, not what there is.
 */
export class Timeline {
  private readonly list: LogEvent[] = [];
  private readonly snapshots: World[] = [];
  private builder = new WorldBuilder();
  private readonly every: number;

  constructor(events: Iterable<LogEvent> = [], every = EVERY) {
    this.every = every;
    for (const event of events) this.add(event);
  }

  /** Events in the order of their numbers. */
  get events(): readonly LogEvent[] {
    return this.list;
  }

  /** The world after all of them. It changes with the next one. */
  get latest(): World {
    return this.builder.world;
  }

  add(event: LogEvent): void {
    if (this.list.length % this.every === 0) this.snapshots.push(this.builder.snapshot());
    this.list.push(event);
    this.builder.add(event);
  }

  /** The world after event `n`, or after the last one before it. */
  at(n: number): World {
    return this.after(this.countUntil((event) => event.n <= n));
  }

  /** The world `t` seconds after the reference time. */
  atTime(t: number): World {
    return this.after(this.countUntil((event) => event.t <= t));
  }

  /** The event with number `n`; undefined when the log does not have it. */
  event(n: number): LogEvent | undefined {
    const found = this.list[this.countUntil((event) => event.n <= n) - 1];
    return found?.n === n ? found : undefined;
  }

  /** The world after the first `count` events. */
  private after(count: number): World {
    const place = Math.min(this.snapshots.length - 1, Math.floor(count / this.every));
    const builder = new WorldBuilder(this.snapshots[place]);
    for (let i = Math.max(0, place) * this.every; i < count; i++) builder.add(this.list[i] as LogEvent);
    return builder.world;
  }

  /** How many events there are for which `before` holds; it holds for none behind one for which it does not. */
  private countUntil(before: (event: LogEvent) => boolean): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(this.list[middle] as LogEvent)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
