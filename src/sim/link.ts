/** A link between two simulated devices, impaired in each direction on its own. */

import type { SeededRandom } from '../base/random.ts';
import type { Device, DeviceListener } from '../device/device.ts';
import { copyFrame, MAX_PACKET_LENGTH, PacketQueue } from '../device/packet-queue.ts';
import type { Frame } from '../wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, type Packet } from '../wire/packet.ts';
import { type Impairments, type ResolvedImpairments, resolveImpairments } from './impairments.ts';
import { completeTcpChecksum, splitSuperPacket } from './packet-reader.ts';
import type { World } from './world.ts';

export interface LinkOptions {
  /** Bytes, default 1500. */
  readonly mtu?: number;
  readonly offload?: 'off' | 'tso4';
  /**
   * With `tso4`: a super-packet meets its fate as a `whole` (and arrives as one), or is `split` into
   * its wire segments first. Default `split`.
   */
  readonly superPackets?: 'whole' | 'split';
  /** Both directions, unless given apart. */
  readonly impairments?: Impairments;
  readonly impairmentsAtoB?: Impairments;
  readonly impairmentsBtoA?: Impairments;
}

/** A packet that a device was given by its stack, before any impairment. */
export interface SentPacket {
  /** A copy: keep it if you like, do not write to it. */
  readonly bytes: Uint8Array;
  readonly gsoSize: number;
  /** The TCP checksum is only the pseudo-header's sum. */
  readonly needsChecksum: boolean;
}

/** What became of the packets of one direction. */
export class LinkCounts {
  sent = 0;
  delivered = 0;
  lost = 0;
  queueDropped = 0;
  duplicated = 0;
  reordered = 0;
  corrupted = 0;
  /** The receiver's queue was full. */
  overflowed = 0;
}

/** Packets that wait at the receiver. */
const RECEIVE_QUEUE = 4096;

export class SimDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  /** Of the direction that leads away from here. */
  readonly counts = new LinkCounts();
  /** Called for every packet that the stack sends. */
  onSent: ((packet: SentPacket) => void) | null = null;
  /** Packets that arrived here; each may cost the stack a bounded amount of work. */
  arrivals = 0;

  private readonly world: World;
  private readonly random: SeededRandom;
  private readonly split: boolean;
  private impaired: ResolvedImpairments;
  private far: SimDevice = this;
  private listener: DeviceListener | null = null;
  private readonly queue: PacketQueue;
  private announced = false;
  private blocked = false;
  private closed = false;
  /** When the last bit of what is queued for the rate has left, µs. */
  private busyUntil = 0;
  /** When the last packet in order arrives, µs. */
  private lastArrival = 0;

  constructor(world: World, name: string, options: LinkOptions, impairments: Impairments) {
    this.world = world;
    this.name = name;
    this.mtu = options.mtu ?? 1500;
    this.checksumOffload = options.offload === 'tso4';
    this.segmentationLimit = options.offload === 'tso4' ? MAX_PACKET_LENGTH : 0;
    this.split = options.superPackets !== 'whole';
    this.random = world.randomFor(`link ${name}`);
    this.impaired = resolveImpairments(impairments);
    this.queue = new PacketQueue({ capacity: RECEIVE_QUEUE, mtu: this.mtu });
  }

  joinTo(far: SimDevice): void {
    this.far = far;
  }

  /** Changes what happens to packets sent from now on. */
  impair(impairments: Impairments): void {
    this.impaired = resolveImpairments(impairments);
  }

  get writable(): boolean {
    return !this.blocked;
  }

  attach(listener: DeviceListener): void {
    this.listener = listener;
    if (this.queue.waiting > 0) this.announce();
  }

  receive(packet: Packet): boolean {
    if (this.queue.take(packet)) return true;
    this.queue.release();
    this.announced = false;
    return false;
  }

  send(frame: Frame): boolean {
    const bytes = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
    copyFrame(frame, bytes);
    const { gsoSize, needsChecksum } = frame;
    if (this.onSent !== null) this.onSent({ bytes, gsoSize, needsChecksum });
    if (!this.closed) this.dispatch(bytes, gsoSize, needsChecksum);
    if (!this.chance(this.impaired.stall)) return true;
    this.stall();
    return false;
  }

  close(): Promise<void> {
    this.closed = true;
    this.queue.clear();
    this.listener = null;
    return Promise.resolve();
  }

  private dispatch(bytes: Uint8Array, gsoSize: number, partial: boolean): void {
    if (gsoSize > 0 && this.split) {
      for (const piece of splitSuperPacket(bytes, gsoSize)) this.transmit(piece, 0, false);
    } else {
      this.transmit(bytes, gsoSize, partial);
    }
  }

  /** One packet onto the wire: what happens to it is drawn here, in this order. */
  private transmit(bytes: Uint8Array, gsoSize: number, partial: boolean): void {
    const { impaired, counts } = this;
    const index = counts.sent++;
    if (impaired.pass !== null && !impaired.pass(bytes, index)) {
      counts.lost++;
      return;
    }
    const left = this.serialize(bytes.length);
    if (left < 0) {
      counts.queueDropped++;
      return;
    }
    if (this.chance(impaired.loss)) {
      counts.lost++;
      return;
    }
    let carried = bytes;
    let carriedPartial = partial;
    if (this.chance(impaired.corruption)) {
      carried = this.corrupt(bytes, partial);
      carriedPartial = false;
      counts.corrupted++;
    }
    const copies = this.chance(impaired.duplication) ? 2 : 1;
    counts.duplicated += copies - 1;
    for (let copy = 0; copy < copies; copy++) {
      this.world.at(this.arrivalTime(left), () => this.far.arrive(carried, gsoSize, carriedPartial));
    }
  }

  /** When the last bit has left, µs; -1 when the queue has no room. */
  private serialize(length: number): number {
    const { rate, queueBytes } = this.impaired;
    const now = this.world.clock.now;
    if (rate === 0) return now;
    const microsecondsPerByte = 8_000_000 / rate;
    const start = Math.max(now, this.busyUntil);
    const waiting = (start - now) / microsecondsPerByte;
    if (queueBytes > 0 && waiting + length > Math.max(queueBytes, length)) return -1;
    this.busyUntil = start + length * microsecondsPerByte;
    return this.busyUntil;
  }

  private arrivalTime(left: number): number {
    const { delay, jitter, reordering, reorderDelay } = this.impaired;
    const arrival = left + delay + (jitter > 0 ? this.random.nextFloat() * jitter : 0);
    if (this.chance(reordering)) {
      this.counts.reordered++;
      return arrival + this.random.nextFloat() * reorderDelay;
    }
    this.lastArrival = Math.max(arrival, this.lastArrival);
    return this.lastArrival;
  }

  private corrupt(bytes: Uint8Array, partial: boolean): Uint8Array {
    const copy = bytes.slice();
    if (partial) completeTcpChecksum(copy);
    const bit = this.random.nextInt(copy.length * 8);
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    return copy;
  }

  private arrive(bytes: Uint8Array, gsoSize: number, partial: boolean): void {
    const checksum = partial ? CHECKSUM_PARTIAL : CHECKSUM_UNVERIFIED;
    if (this.closed || !this.queue.pushBytes(bytes, gsoSize, checksum)) {
      this.far.counts.overflowed++;
      return;
    }
    this.arrivals++;
    this.far.counts.delivered++;
    if (!this.announced) this.announce();
  }

  private announce(): void {
    if (this.listener === null) return;
    this.announced = true;
    this.listener.readable();
  }

  private stall(): void {
    if (this.blocked) return;
    this.blocked = true;
    this.world.after(this.impaired.stallTime, () => {
      this.blocked = false;
      if (this.listener !== null) this.listener.writable();
    });
  }

  /** Draws only when there is a chance, so that turning one impairment on leaves the others' draws. */
  private chance(probability: number): boolean {
    return probability > 0 && this.random.nextFloat() < probability;
  }
}

/** Two devices in `world`, joined. */
export class Link {
  readonly a: SimDevice;
  readonly b: SimDevice;

  constructor(world: World, options: LinkOptions = {}, name = 'link') {
    const both = options.impairments ?? {};
    this.a = new SimDevice(world, `${name}-a`, options, options.impairmentsAtoB ?? both);
    this.b = new SimDevice(world, `${name}-b`, options, options.impairmentsBtoA ?? both);
    this.a.joinTo(this.b);
    this.b.joinTo(this.a);
  }
}
