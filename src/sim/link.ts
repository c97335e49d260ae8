/** A link between two simulated devices, impaired in each direction on its own. */

import type { Device, DeviceListener } from '../device/device.ts';
import type { Offload } from '../device/memory-link.ts';
import { copyFrame, MAX_PACKET_LENGTH, PacketQueue } from '../device/packet-queue.ts';
import type { Frame } from '../wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, type Packet } from '../wire/packet.ts';
import { type Carried, Direction, type LinkCounts, type Timeline } from './direction.ts';
import type { Impairments } from './impairments.ts';
import { splitSuperPacket } from './packet-reader.ts';
import type { World } from './world.ts';

export interface LinkOptions {
  /** Bytes, default 1500. */
  readonly mtu?: number;
  readonly offload?: Offload;
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

/** Packets that wait at the receiver. */
const RECEIVE_QUEUE = 4096;

/** A device that tells what passes it, for the checks. */
export interface WatchedDevice extends Device {
  /** Called for every packet that the stack sends. */
  onSent: ((packet: SentPacket) => void) | null;
  /** Packets that arrived here; each may cost the stack a bounded amount of work. */
  readonly arrivals: number;
}

export class SimDevice implements WatchedDevice {
  readonly name: string;
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  /** Called for every packet that the stack sends. */
  onSent: ((packet: SentPacket) => void) | null = null;
  /** Packets that arrived here; each may cost the stack a bounded amount of work. */
  arrivals = 0;

  private readonly world: World;
  private readonly split: boolean;
  private readonly away: Direction;
  private far: SimDevice = this;
  private listener: DeviceListener | null = null;
  private readonly queue: PacketQueue;
  private announced = false;
  private blocked = false;
  private closed = false;

  constructor(world: World, name: string, options: LinkOptions, impairments: Impairments) {
    this.world = world;
    this.name = name;
    this.mtu = options.mtu ?? 1500;
    this.checksumOffload = (options.offload ?? 'off') !== 'off';
    this.segmentationLimit = options.offload === 'tso4' ? MAX_PACKET_LENGTH : 0;
    this.split = options.superPackets !== 'whole';
    const timeline: Timeline = { now: () => world.clock.now, at: (time, run) => world.at(time, run) };
    const random = world.randomFor(`link ${name}`);
    this.away = new Direction(timeline, random, impairments, (packet) => this.far.arrive(packet));
    this.queue = new PacketQueue({ capacity: RECEIVE_QUEUE, mtu: this.mtu });
  }

  joinTo(far: SimDevice): void {
    this.far = far;
  }

  /** Of the direction that leads away from here. */
  get counts(): LinkCounts {
    return this.away.counts;
  }

  /** How long a packet that is sent now would wait for the rate, µs. */
  get queueDelay(): number {
    return this.away.queueDelay;
  }

  /** Changes what happens to packets sent from now on. */
  impair(impairments: Impairments): void {
    this.away.impair(impairments);
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
    if (!this.closed) this.dispatch({ bytes, gsoSize, partial: needsChecksum });
    const stall = this.away.drawStall();
    if (stall === 0) return true;
    this.stallFor(stall);
    return false;
  }

  close(): Promise<void> {
    this.closed = true;
    this.queue.clear();
    this.listener = null;
    return Promise.resolve();
  }

  private dispatch(packet: Carried): void {
    if (packet.gsoSize > 0 && this.split) {
      for (const bytes of splitSuperPacket(packet.bytes, packet.gsoSize)) {
        this.away.transmit({ bytes, gsoSize: 0, partial: false });
      }
    } else {
      this.away.transmit(packet);
    }
  }

  private arrive({ bytes, gsoSize, partial }: Carried): void {
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

  private stallFor(duration: number): void {
    if (this.blocked) return;
    this.blocked = true;
    this.world.after(duration, () => {
      this.blocked = false;
      if (this.listener !== null) this.listener.writable();
    });
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
