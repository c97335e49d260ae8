/**
 * What the workers of a stack with several queues have in common: a ring from each to each other,
 * and a bell for each that waits.
 */

import type { Packet } from '../wire/packet.ts';
import { PacketRing, ringSize } from './packet-ring.ts';

/** Packets that wait between two workers, bytes: several super-packets. */
const RING_CAPACITY = 256 * 1024;
/** Bells lie on cache lines of their own. */
const BELL_STEP = 16;

/** `Atomics.waitAsync`, which Node has and ES2023's types do not. */
type WaitAsync = (
  array: Int32Array,
  index: number,
  value: number,
) => { readonly async: boolean; readonly value: unknown };
const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync };

function bellsSize(count: number): number {
  return count * BELL_STEP * 4;
}

/** Memory for `count` workers. Pages that nobody writes to cost nothing. */
export function exchangeMemory(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bellsSize(count) + count * count * ringSize(RING_CAPACITY));
}

/** One worker's place at it. */
export class Exchange {
  /** Packets handed to others, and those of them that found no room. */
  handedOver = 0;
  lost = 0;

  private readonly own: number;
  private readonly bells: Int32Array;
  /** By worker; our own place is empty. */
  private readonly outgoing: (PacketRing | null)[] = [];
  private readonly incoming: PacketRing[] = [];
  /** The ring that `take` looks at first: none is preferred for ever. */
  private turn = 0;
  private onPackets: (() => void) | null = null;

  constructor(memory: SharedArrayBuffer, own: number, count: number) {
    this.own = own;
    this.bells = new Int32Array(memory, 0, count * BELL_STEP);
    const ring = (from: number, to: number): PacketRing =>
      new PacketRing(memory, bellsSize(count) + (from * count + to) * ringSize(RING_CAPACITY), RING_CAPACITY);
    for (let other = 0; other < count; other++) {
      this.outgoing.push(other === own ? null : ring(own, other));
      if (other !== own) this.incoming.push(ring(other, own));
    }
  }

  /** Gives a packet to another worker; without room it is lost, as in any full queue. */
  handOver(packet: Packet, to: number): void {
    this.handedOver++;
    if (this.outgoing[to]?.push(packet) !== true) this.lost++;
    const bell = to * BELL_STEP;
    // Rung already: the other looks before it waits again.
    if (Atomics.exchange(this.bells, bell, 1) === 0) Atomics.notify(this.bells, bell);
  }

  /** Lends a packet that another worker has handed to us, until {@link release}; false when none waits. */
  take(packet: Packet): boolean {
    const { incoming } = this;
    for (let i = 0; i < incoming.length; i++) {
      const ring = incoming[this.turn] as PacketRing;
      this.turn = (this.turn + 1) % incoming.length;
      if (ring.take(packet)) return true;
    }
    return false;
  }

  /** Gives back what was lent. */
  release(): void {
    for (let i = 0; i < this.incoming.length; i++) (this.incoming[i] as PacketRing).release();
  }

  get waiting(): boolean {
    return this.incoming.some((ring) => ring.waiting);
  }

  /** Calls back whenever packets have come while nobody took any. */
  listen(onPackets: () => void): void {
    this.onPackets = onPackets;
    this.wait();
  }

  stop(): void {
    this.onPackets = null;
  }

  private wait(): void {
    const bell = this.own * BELL_STEP;
    Atomics.store(this.bells, bell, 0);
    if (this.waiting) {
      // What came before the bell was put back: after the loop has gone round.
      setImmediate(() => this.rung());
      return;
    }
    const { async, value } = waitAsync(this.bells, bell, 0);
    if (async) void (value as Promise<string>).then(() => this.rung());
    else setImmediate(() => this.rung());
  }

  private rung(): void {
    if (this.onPackets === null) return;
    this.onPackets();
    this.wait();
  }
}
