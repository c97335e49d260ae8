/** A log that grows, and the segments in it: read once, by whoever waits for something. */

import type { LogEvent } from '../../trace/log-event.ts';
import { type Rung, RungReader } from './rungs.ts';

export class History {
  readonly events: LogEvent[] = [];
  private readonly reader = new RungReader();

  add(event: LogEvent): void {
    this.events.push(event);
    this.reader.add(event);
  }

  get rungs(): readonly Rung[] {
    return this.reader.rungs;
  }

  /** Takes what it has not taken yet of a log that only grows. */
  follow(log: readonly LogEvent[]): this {
    for (let next = this.events.length; next < log.length; next++) this.add(log[next] as LogEvent);
    return this;
  }
}

/** Place of the first one after event number `n`. They are in order. */
export function firstAfter(all: readonly { readonly n: number }[], n: number): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle] as { n: number }).n > n) high = middle;
    else low = middle + 1;
  }
  return low;
}
