/**
 * Four-tuple → flow. A flow is a small integer that a connection keeps for life, also when its
 * block becomes a compact record. Open addressing on numbers, under a keyed hash: nobody outside
 * can crowd a bucket, and nothing is allocated on a look-up.
 */

import type { Random } from '../base/random.ts';
import { HalfSipHash } from '../base/siphash.ts';

const FIRST_FLOWS = 64;
const FREE = -1;

export class FlowTable {
  private readonly hasher: HalfSipHash;
  /** Local address, peer address, ports, of each flow. */
  private keys = new Int32Array(3 * FIRST_FLOWS);
  /** Kind in the low two bits, index in that kind's table above; FREE when the flow is not in use. */
  private owners = new Int32Array(FIRST_FLOWS).fill(FREE);
  /** Flow + 1, or 0. Twice as many as flows. */
  private buckets = new Int32Array(2 * FIRST_FLOWS);
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
    const mask = this.buckets.length - 1;
    let at = this.hasher.hash(local, peer, ports) & mask;
    for (;;) {
      const flow = (this.buckets[at] as number) - 1;
      if (flow < 0) return -1;
      if (this.matches(flow, local, peer, ports)) {
        this.lastFound = flow;
        return flow;
      }
      at = (at + 1) & mask;
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
    return flow;
  }

  remove(flow: number): void {
    this.unplace(flow);
    this.owners[flow] = FREE;
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

  /** Removes without tombstones: later entries of the run move back into the gap. */
  private unplace(flow: number): void {
    const mask = this.buckets.length - 1;
    let gap = this.home(flow) & mask;
    while ((this.buckets[gap] as number) !== flow + 1) gap = (gap + 1) & mask;
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
    this.buckets = new Int32Array(2 * size);
    for (let flow = 0; flow < this.used; flow++) {
      if (this.isUsed(flow)) this.place(flow);
    }
  }
}
