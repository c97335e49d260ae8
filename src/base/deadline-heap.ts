/** A binary heap of small integers ordered by deadline, on typed arrays. */

import { NEVER } from './clock.ts';

/** Each item is a small non-negative integer and is in the heap at most once. */
export class DeadlineHeap {
  private items: Int32Array;
  private deadlines: Float64Array;
  /** Item → its place in the heap, or -1. */
  private places: Int32Array;
  private count = 0;

  constructor(capacity: number) {
    this.items = new Int32Array(capacity);
    this.deadlines = new Float64Array(capacity).fill(NEVER);
    this.places = new Int32Array(capacity).fill(-1);
  }

  get size(): number {
    return this.count;
  }

  /** The item with the earliest deadline, or -1. */
  get first(): number {
    return this.count === 0 ? -1 : (this.items[0] as number);
  }

  /** The earliest deadline, or NEVER. */
  get earliest(): number {
    return this.count === 0 ? NEVER : (this.deadlines[this.items[0] as number] as number);
  }

  /** The deadline under which `item` stands in the heap, or NEVER. */
  deadlineOf(item: number): number {
    return item < this.places.length && (this.places[item] as number) >= 0
      ? (this.deadlines[item] as number)
      : NEVER;
  }

  /** Puts `item` in, or moves it. */
  set(item: number, deadline: number): void {
    if (item >= this.places.length) this.grow(item + 1);
    this.deadlines[item] = deadline;
    let place = this.places[item] as number;
    if (place < 0) {
      place = this.count++;
      this.items[place] = item;
      this.places[item] = place;
    }
    this.settleUp(place);
    this.settleDown(this.places[item] as number);
  }

  /** Takes `item` out; nothing happens when it is not in. */
  remove(item: number): void {
    if (item >= this.places.length) return;
    const place = this.places[item] as number;
    if (place < 0) return;
    this.places[item] = -1;
    const last = this.items[--this.count] as number;
    if (last === item) return;
    this.items[place] = last;
    this.places[last] = place;
    this.settleUp(place);
    this.settleDown(this.places[last] as number);
  }

  private settleUp(from: number): void {
    let place = from;
    const item = this.items[place] as number;
    const deadline = this.deadlines[item] as number;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.items[parent] as number;
      if ((this.deadlines[above] as number) <= deadline) break;
      this.items[place] = above;
      this.places[above] = place;
      place = parent;
    }
    this.items[place] = item;
    this.places[item] = place;
  }

  private settleDown(from: number): void {
    let place = from;
    const item = this.items[place] as number;
    const deadline = this.deadlines[item] as number;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.count) break;
      if (child + 1 < this.count) {
        const left = this.deadlines[this.items[child] as number] as number;
        const right = this.deadlines[this.items[child + 1] as number] as number;
        if (right < left) child++;
      }
      const below = this.items[child] as number;
      if ((this.deadlines[below] as number) >= deadline) break;
      this.items[place] = below;
      this.places[below] = place;
      place = child;
    }
    this.items[place] = item;
    this.places[item] = place;
  }

  private grow(needed: number): void {
    let capacity = this.places.length * 2;
    while (capacity < needed) capacity *= 2;
    const items = new Int32Array(capacity);
    items.set(this.items);
    this.items = items;
    const deadlines = new Float64Array(capacity).fill(NEVER);
    deadlines.set(this.deadlines);
    this.deadlines = deadlines;
    const places = new Int32Array(capacity).fill(-1);
    places.set(this.places);
    this.places = places;
  }
}
