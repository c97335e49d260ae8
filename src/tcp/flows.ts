/**
 * Four-tuple → flow. A flow is a small integer that a connection keeps for life, also when its
 * block becomes a compact record. Open addressing on numbers, under a keyed hash: nobody outside
 * can crowd a bucket, and nothing is allocated on a look-up.
 */

import type { Random } from '../base/random.ts';
import { HalfSipHash } from '../base/siphash.ts';

const FIRST_FLOWS = 64;
const FREE = -1;
/** Old buckets looked at for each flow that comes or goes: a larger table is filled long before it is full. */
const STEP = 16;

export class FlowTable {
  private readonly hasher: HalfSipHash;
  /** Local address, peer address, ports, of each flow. */
  private keys = new Int32Array(3 * FIRST_FLOWS);
  /** Kind in the low two bits, index in that kind's table above; FREE when the flow is not in use. */
  private owners = new Int32Array(FIRST_FLOWS).fill(FREE);
  /** Flow + 1, or 0. Twice as many as flows. */
  private buckets = new Int32Array(2 * FIRST_FLOWS);
  /**
   * The buckets as they were when the table last grew, while not all of them are in the new ones: to move a
   * million at once would keep every connection waiting. Never written; who is found there is still in use.
   */
  private old: Int32Array | null = null;
  /** Of the old buckets these are moved. */
  private moved = 0;
  /** Free flows form a list through `keys`. */
  private firstFree = -1;
  private used = 0;
  count = 0;
  private lastFound = -1;

  constructor(random: Random) {
    this.hasher = new HalfSipHash(random);
  }

  /** The flow of this four-tuple, or -1. */
  find(local: number, peer: number, localPort: number, peerPort: number): number {
    const ports = (localPort << 16) | peerPort;
    const last = this.lastFound;
    if (last >= 0 && this.matches(last, local, peer, ports)) return last;
    const home = this.hasher.hash(local, peer, ports);
    let flow = this.search(this.buckets, home, local, peer, ports);
    if (flow < 0 && this.old !== null) {
      flow = this.search(this.old, home, local, peer, ports);
      if (flow >= 0 && !this.isUsed(flow)) flow = -1;
    }
    if (flow >= 0) this.lastFound = flow;
    return flow;
  }

  private search(buckets: Int32Array, home: number, local: number, peer: number, ports: number): number {
    const mask = buckets.length - 1;
    for (let at = home & mask; ; at = (at + 1) & mask) {
      const flow = (buckets[at] as number) - 1;
      if (flow < 0 || this.matches(flow, local, peer, ports)) return flow;
    }
  }

  /** A new flow for a four-tuple that has none. */
  add(local: number, peer: number, localPort: number, peerPort: number): number {
    if (this.firstFree < 0 && this.used === this.owners.length) this.grow();
    let flow = this.firstFree;
    if (flow >= 0) this.firstFree = this.keys[3 * flow] as number;
    else flow = this.used++;
    this.keys[3 * flow] = local;
    this.keys[3 * flow + 1] = peer;
    this.keys[3 * flow + 2] = (localPort << 16) | peerPort;
    this.owners[flow] = 0;
    this.place(flow);
    this.count++;
    if (this.old !== null) this.move(this.old);
    return flow;
  }

  remove(flow: number): void {
    this.unplace(flow);
    this.owners[flow] = FREE;
    if (this.old !== null) this.move(this.old);
    this.keys[3 * flow] = this.firstFree;
    this.firstFree = flow;
    this.count--;
    if (this.lastFound === flow) this.lastFound = -1;
  }

  /** Says which block or record stands behind the flow. */
  setOwner(flow: number, kind: number, index: number): void {
    this.owners[flow] = (index << 2) | kind;
  }

  isUsed(flow: number): boolean {
    return (this.owners[flow] as number) !== FREE;
  }

  kindOf(flow: number): number {
    return (this.owners[flow] as number) & 3;
  }

  indexOf(flow: number): number {
    return (this.owners[flow] as number) >> 2;
  }

  localAddress(flow: number): number {
    return this.keys[3 * flow] as number;
  }

  peerAddress(flow: number): number {
    return this.keys[3 * flow + 1] as number;
  }

  localPort(flow: number): number {
    return (this.keys[3 * flow + 2] as number) >>> 16;
  }

  peerPort(flow: number): number {
    return (this.keys[3 * flow + 2] as number) & 0xffff;
  }

  /** Flows ever used at the same time: iterate 0 … limit and ask `isUsed`. */
  get limit(): number {
    return this.used;
  }

  private matches(flow: number, local: number, peer: number, ports: number): boolean {
    const keys = this.keys;
    return keys[3 * flow + 2] === ports && keys[3 * flow + 1] === peer && keys[3 * flow] === local;
  }

  private home(flow: number): number {
    const keys = this.keys;
    return this.hasher.hash(
      keys[3 * flow] as number,
      keys[3 * flow + 1] as number,
      keys[3 * flow + 2] as number,
    );
  }

  private place(flow: number): void {
    const mask = this.buckets.length - 1;
    let at = this.home(flow) & mask;
    while ((this.buckets[at] as number) !== 0) at = (at + 1) & mask;
    this.buckets[at] = flow + 1;
  }

  /** Where a flow is in the new buckets, or -1. */
  private placeOf(flow: number): number {
    const mask = this.buckets.length - 1;
    for (let at = this.home(flow) & mask; ; at = (at + 1) & mask) {
      const found = this.buckets[at] as number;
      if (found === flow + 1) return at;
      if (found === 0) return -1;
    }
  }

  /** Brings some of the old buckets into the new ones. */
  private move(old: Int32Array): void {
    const end = Math.min(old.length, this.moved + STEP);
    for (; this.moved < end; this.moved++) {
      const flow = (old[this.moved] as number) - 1;
      // It may have left since, and come back as another's.
      if (flow >= 0 && this.isUsed(flow) && this.placeOf(flow) < 0) this.place(flow);
    }
    if (this.moved === old.length) this.old = null;
  }

  /** Removes without tombstones: later entries of the run move back into the gap. */
  private unplace(flow: number): void {
    const mask = this.buckets.length - 1;
    let gap = this.placeOf(flow);
    if (gap < 0) return;
    let at = gap;
    for (;;) {
      this.buckets[gap] = 0;
      let home: number;
      do {
        at = (at + 1) & mask;
        const next = (this.buckets[at] as number) - 1;
        if (next < 0) return;
        home = this.home(next) & mask;
      } while (gap <= at ? gap < home && home <= at : gap < home || home <= at);
      this.buckets[gap] = this.buckets[at] as number;
      gap = at;
    }
  }

  private grow(): void {
    const size = this.owners.length * 2;
    const keys = new Int32Array(3 * size);
    keys.set(this.keys);
    this.keys = keys;
    const owners = new Int32Array(size).fill(FREE);
    owners.set(this.owners);
    this.owners = owners;
    while (this.old !== null) this.move(this.old);
    this.old = this.buckets;
    this.moved = 0;
    this.buckets = new Int32Array(2 * size);
  }
}
