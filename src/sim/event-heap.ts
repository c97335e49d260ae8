/** What is to happen and when: a binary heap of callbacks, first in first out at equal times. */

import { NEVER } from '../base/clock.ts';

interface SimEvent {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

export class EventHeap {
  private readonly events: SimEvent[] = [];
  private order = 0;

  get size(): number {
    return this.events.length;
  }

  /** When the first event is due, absolute µs, or NEVER. */
  get earliest(): number {
    const first = this.events[0];
    return first === undefined ? NEVER : first.time;
  }

  /** `run` will be taken out when `time` (absolute µs) is the earliest. */
  push(time: number, run: () => void): void {
    const event = { time, order: this.order++, run };
    let place = this.events.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.events[parent] as SimEvent;
      if (before(above, event)) break;
      this.events[place] = above;
      place = parent;
    }
    this.events[place] = event;
  }

  /** Takes out the first event; null when there is none. */
  pop(): (() => void) | null {
    const first = this.events[0];
    const last = this.events.pop();
    if (first === undefined || last === undefined) return null;
    if (this.events.length > 0) this.sink(last);
    return first.run;
  }

  private sink(event: SimEvent): void {
    const count = this.events.length;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= count) break;
      const right = this.events[child + 1];
      if (right !== undefined && before(right, this.events[child] as SimEvent)) child++;
      const below = this.events[child] as SimEvent;
      if (!before(below, event)) break;
      this.events[place] = below;
      place = child;
    }
    this.events[place] = event;
  }
}
