/** A device whose packets meet a link's mishaps on the way: for real devices as well as simulated ones. */

import { SeededRandom } from '../base/random.ts';
import type { Device, DeviceListener } from '../device/device.ts';
import { copyFrame, MAX_PACKET_LENGTH, PacketQueue } from '../device/packet-queue.ts';
import { Frame } from '../wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, Packet } from '../wire/packet.ts';
import { type Carried, Direction, type LinkCounts, type Timeline } from './direction.ts';
import type { Impairments } from './impairments.ts';
import { completeTcpChecksum, splitSuperPacket } from './packet-reader.ts';

export interface ImpairedDeviceOptions {
  /** Both directions, unless given apart. */
  readonly impairments?: Impairments;
  /** From the peer to the stack. */
  readonly inbound?: Impairments;
  /** From the stack to the peer. */
  readonly outbound?: Impairments;
  /** Of all that is drawn. */
  readonly seed?: number;
  readonly timeline: Timeline;
}

/** Packets that wait for the stack, and packets that wait for the device. */
const QUEUE = 4096;
/** Of a packet that goes out, what the frame's slab takes; the rest is its payload. */
const SLAB_PART = 20;
const PROTOCOL_TCP = 6;

/**
 * Between a stack and its device. Super-packets are split and checksums completed before anything
 * happens to a packet, so the stack sends none and gets none.
 */
export class ImpairedDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly checksumOffload = false;
  readonly segmentationLimit = 0;
  readonly loopsBack: boolean;
  readonly timeline: Timeline;
  /** Called for every packet from either side, before anything happens to it. Do not write to it. */
  onPacket: ((packet: Uint8Array, direction: 'in' | 'out') => void) | null = null;

  private readonly inner: Device;
  private readonly in: Direction;
  private readonly out: Direction;
  private listener: DeviceListener | null = null;
  private readonly packet = new Packet();
  private readonly frame = new Frame();
  private readonly queue: PacketQueue;
  /** What the device could not take yet. */
  private readonly waiting: Uint8Array[] = [];
  private announced = false;
  private pumping = false;
  private closed = false;

  constructor(inner: Device, options: ImpairedDeviceOptions) {
    this.inner = inner;
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.loopsBack = inner.loopsBack === true;
    const { timeline, seed = 1 } = options;
    this.timeline = timeline;
    const both = options.impairments ?? {};
    const random = (salt: number): SeededRandom => new SeededRandom(Math.imul(seed, 0x9e3779b1) ^ salt);
    this.in = new Direction(timeline, random(1), options.inbound ?? both, (packet) => this.arrive(packet));
    this.out = new Direction(timeline, random(2), options.outbound ?? both, (packet) => this.leave(packet));
    this.queue = new PacketQueue({ capacity: QUEUE, mtu: inner.mtu });
  }

  /** Changes what happens to packets from now on. */
  impair(inbound: Impairments, outbound: Impairments = inbound): void {
    this.in.impair(inbound);
    this.out.impair(outbound);
  }

  /** What became of the packets toward the stack. */
  get inbound(): LinkCounts {
    return this.in.counts;
  }

  /** What became of the packets from the stack. */
  get outbound(): LinkCounts {
    return this.out.counts;
  }

  /** A whole packet with complete checksums that the stack, or the peer, is to get now. */
  inject(bytes: Uint8Array, direction: 'in' | 'out'): void {
    const packet = { bytes, gsoSize: 0, partial: false };
    if (direction === 'in') this.in.inject(packet);
    else this.out.inject(packet);
  }

  get writable(): boolean {
    return true;
  }

  attach(listener: DeviceListener): void {
    this.listener = listener;
    this.inner.attach({
      readable: () => this.pump(),
      writable: () => this.flush(),
      lost: (reason) => listener.lost?.(reason),
      failed: (error) => listener.failed(error),
    });
    if (this.queue.waiting > 0) this.announce();
  }

  receive(packet: Packet): boolean {
    if (this.queue.take(packet)) return true;
    this.queue.release();
    this.announced = false;
    return false;
  }

  poll(): boolean {
    if (this.inner.poll?.() === true) this.pump();
    return this.queue.waiting > 0;
  }

  send(frame: Frame): boolean {
    const bytes = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
    copyFrame(frame, bytes);
    this.onPacket?.(bytes, 'out');
    if (!this.closed) this.out.transmit({ bytes, gsoSize: 0, partial: false });
    return true;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.listener = null;
    this.queue.clear();
    await this.inner.close();
  }

  /** Everything that the device has, into the inbound direction; the stack is told once, afterwards. */
  private pump(): void {
    const { packet } = this;
    this.pumping = true;
    while (this.inner.receive(packet)) {
      const bytes = packet.bytes.slice(packet.start, packet.end);
      if (packet.gsoSize > 0) {
        for (const piece of splitSuperPacket(bytes, packet.gsoSize)) this.enter(piece);
      } else {
        if (packet.checksum === CHECKSUM_PARTIAL && bytes[9] === PROTOCOL_TCP) completeTcpChecksum(bytes);
        this.enter(bytes);
      }
    }
    this.pumping = false;
    if (this.queue.waiting > 0 && !this.announced) this.announce();
  }

  private enter(bytes: Uint8Array): void {
    this.onPacket?.(bytes, 'in');
    this.in.transmit({ bytes, gsoSize: 0, partial: false });
  }

  private arrive({ bytes }: Carried): void {
    if (this.closed || !this.queue.pushBytes(bytes, 0, CHECKSUM_UNVERIFIED)) {
      this.in.counts.overflowed++;
      return;
    }
    this.in.counts.delivered++;
    if (!this.announced && !this.pumping) this.announce();
  }

  private announce(): void {
    if (this.listener === null) return;
    this.announced = true;
    this.listener.readable();
  }

  private leave({ bytes }: Carried): void {
    if (this.closed || this.waiting.length >= QUEUE || bytes.length > MAX_PACKET_LENGTH) {
      this.out.counts.overflowed++;
      return;
    }
    this.waiting.push(bytes);
    if (this.inner.writable) this.flush();
  }

  private flush(): void {
    while (this.waiting.length > 0 && this.inner.writable) this.write(this.waiting.shift() as Uint8Array);
  }

  private write(bytes: Uint8Array): void {
    const { frame } = this;
    frame.clearPayload();
    frame.headerLength = Math.min(SLAB_PART, bytes.length);
    frame.header.set(bytes.subarray(0, frame.headerLength));
    frame.payload = bytes;
    frame.payloadView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    frame.payloadStart = frame.headerLength;
    frame.payloadLength = bytes.length - frame.headerLength;
    this.out.counts.delivered++;
    this.inner.send(frame);
  }
}
