/** One direction of a link: what happens to each packet, and when it arrives. */

import type { SeededRandom } from '../base/random.ts';
import { type Aim, type Impairments, type ResolvedImpairments, resolveImpairments } from './impairments.ts';
import { completeTcpChecksum, markCongestion } from './packet-reader.ts';

/** Time as a direction needs it: virtual in a world, real behind a device. µs. */
export interface Timeline {
  now(): number;
  /** Runs `run` at `time`; at once, or soon, when that is past. */
  at(time: number, run: () => void): void;
}

/** A whole packet on its way; nobody writes to `bytes`. */
export interface Carried {
  readonly bytes: Uint8Array;
  /** Payload bytes per wire segment when this is a super-packet, else 0. */
  readonly gsoSize: number;
  /** The TCP checksum is only the pseudo-header's sum. */
  readonly partial: boolean;
}

/** What became of the packets of one direction. */
export class LinkCounts {
  sent = 0;
  delivered = 0;
  lost = 0;
  queueDropped = 0;
  marked = 0;
  duplicated = 0;
  reordered = 0;
  corrupted = 0;
  /** The receiver's queue was full. */
  overflowed = 0;
}

const NO_AIM: Aim = {};

export class Direction {
  readonly counts = new LinkCounts();
  private readonly timeline: Timeline;
  private readonly random: SeededRandom;
  private readonly deliver: (packet: Carried) => void;
  private impaired: ResolvedImpairments;
  /** When the last bit of what is queued for the rate has left, µs. */
  private busyUntil = 0;
  /** When the last packet in order arrives, µs. */
  private lastArrival = 0;

  /** @throws RangeError, one sentence */
  constructor(
    timeline: Timeline,
    random: SeededRandom,
    impairments: Impairments,
    deliver: (packet: Carried) => void,
  ) {
    this.timeline = timeline;
    this.random = random;
    this.impaired = resolveImpairments(impairments);
    this.deliver = deliver;
  }

  /** Changes what happens to packets sent from now on. */
  impair(impairments: Impairments): void {
    this.impaired = resolveImpairments(impairments);
  }

  /** How long a packet that is sent now would wait for the rate, µs. */
  get queueDelay(): number {
    return Math.max(0, this.busyUntil - this.timeline.now());
  }

  /** For how long the sender must wait before it sends more, µs; 0: it may go on. Draws. */
  drawStall(): number {
    return this.chance(this.impaired.stall) ? this.impaired.stallTime : 0;
  }

  /** One packet onto the wire: what happens to it is drawn here, in this order. */
  transmit(packet: Carried): void {
    const { impaired, counts } = this;
    const index = counts.sent++;
    const aim = impaired.aim?.(packet.bytes, index) ?? NO_AIM;
    if (aim.drop === true) {
      counts.lost++;
      return;
    }
    const marks = aim.mark === true || this.queueMarks();
    const left = this.serialize(packet.bytes.length);
    if (left < 0) {
      counts.queueDropped++;
      return;
    }
    if (this.chance(impaired.loss)) {
      counts.lost++;
      return;
    }
    const whole = this.chance(impaired.mark) || marks ? this.mark(packet) : packet;
    this.travel(this.chance(impaired.corruption) ? this.corrupt(whole) : whole, aim, left);
  }

  /** What was not lost, and left at `left`, arrives: once or more often. */
  private travel(carried: Carried, aim: Aim, left: number): void {
    const { impaired, counts } = this;
    const copies = this.chance(impaired.duplication) ? 2 : 1;
    counts.duplicated += copies - 1;
    const late = aim.delay ?? 0;
    for (let copy = 0; copy < copies; copy++) this.arrive(carried, this.arrivalTime(left, late));
    for (const after of aim.copies ?? []) {
      counts.duplicated++;
      this.arrive(carried, left + impaired.delay + after);
    }
  }

  /** A packet from nowhere, unharmed, now. */
  inject(packet: Carried): void {
    this.deliver(packet);
  }

  private arrive(packet: Carried, time: number): void {
    this.timeline.at(time, () => this.deliver(packet));
  }

  /** Whether so much waits already that what joins it is marked. */
  private queueMarks(): boolean {
    const { rate, markBytes } = this.impaired;
    if (rate === 0 || markBytes === 0) return false;
    return ((this.busyUntil - this.timeline.now()) * rate) / 8_000_000 >= markBytes;
  }

  /** When the last bit has left, µs; -1 when the queue has no room. */
  private serialize(length: number): number {
    const { rate, queueBytes } = this.impaired;
    const now = this.timeline.now();
    if (rate === 0) return now;
    const microsecondsPerByte = 8_000_000 / rate;
    const start = Math.max(now, this.busyUntil);
    const waiting = (start - now) / microsecondsPerByte;
    if (queueBytes > 0 && waiting + length > Math.max(queueBytes, length)) return -1;
    this.busyUntil = start + length * microsecondsPerByte;
    return this.busyUntil;
  }

  /** What is held back by an aim is overtaken by later packets. */
  private arrivalTime(left: number, late: number): number {
    const { delay, jitter, reordering, reorderDelay } = this.impaired;
    const arrival = left + delay + (jitter > 0 ? this.random.nextFloat() * jitter : 0);
    if (this.chance(reordering)) {
      this.counts.reordered++;
      return arrival + late + this.random.nextFloat() * reorderDelay;
    }
    if (late > 0) return arrival + late;
    this.lastArrival = Math.max(arrival, this.lastArrival);
    return this.lastArrival;
  }

  private mark(packet: Carried): Carried {
    const bytes = markCongestion(packet.bytes);
    if (bytes === null) return packet;
    this.counts.marked++;
    return { ...packet, bytes };
  }

  private corrupt({ bytes, gsoSize, partial }: Carried): Carried {
    const copy = bytes.slice();
    if (partial) completeTcpChecksum(copy);
    const bit = this.random.nextInt(copy.length * 8);
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    this.counts.corrupted++;
    return { bytes: copy, gsoSize, partial: false };
  }

  /** Draws only when there is a chance, so that turning one impairment on leaves the others' draws. */
  private chance(probability: number): boolean {
    return probability > 0 && this.random.nextFloat() < probability;
  }
}
