/**
 * The fault layer: between a stack and its device, in both directions. A stack's tape lies on its
 * side of it, so what is recorded is what the stack got and sent: record → rule → wire.
 *
 * Without a rule everything passes through as it is. While a rule can match in a direction, the
 * super-packets of that direction are split and their sums completed before the rules run.
 */

import type { Arena } from '../base/arena.ts';
import { completeChecksum } from '../device/complete-checksum.ts';
import type { Device, DeviceListener } from '../device/device.ts';
import { copyFrame } from '../device/packet-queue.ts';
import { splitSuperPacket } from '../device/split-super-packet.ts';
import type { PacketTap } from '../trace/packet-tap.ts';
import { Frame } from '../wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, type Packet } from '../wire/packet.ts';
import type { Direction } from './ast.ts';
import { Faults } from './faults.ts';
import { Sight } from './sight.ts';
import type { FaultWorld } from './world.ts';

/** A packet on its way to the stack. */
interface Arrival {
  readonly bytes: Uint8Array;
  readonly segment: number;
}

/** Packets that wait for the stack, and packets that wait for the device. */
const QUEUE = 8_192;
/** Of a packet that goes out, what the frame's slab takes; the rest is its payload. */
const SLAB_PART = 20;

/** What a recording hears, so that the run can be repeated with other rules. */
export interface FaultTape {
  /** A packet off the wire meets the rules. */
  offTheWire(bytes: Uint8Array): void;
  /** What the stack gets now was in the layer's hands. */
  fromRules(): void;
}

export class FaultDevice implements Device {
  readonly faults: Faults;
  /** Who captures packets now. */
  tap: PacketTap | null = null;
  tape: FaultTape | null = null;
  private readonly inner: Device;
  private readonly world: FaultWorld;
  private listener: DeviceListener | null = null;
  private readonly frame = new Frame();
  private arrivals: Arrival[] = [];
  private taken = 0;
  /** Wire segments of a super-packet that have not met the rules yet. */
  private pieces: Uint8Array[] = [];
  /** What the device could not take yet. */
  private waiting: Uint8Array[] = [];
  /** The stack asks for packets now: it need not be told of more. */
  private receiving = false;
  /** The trace expects the next packet to have a number. */
  private announced = false;
  private closed = false;

  constructor(inner: Device, world: FaultWorld) {
    this.inner = inner;
    this.world = world;
    this.faults = new Faults(world, {
      deliver: (direction, bytes, segment) => this.deliver(direction, bytes, segment),
    });
  }

  get name(): string {
    return this.inner.name;
  }
  get mtu(): number {
    return this.inner.mtu;
  }
  /** Packets that a rule holds or splits are copies, and lie elsewhere. */
  get arena(): Arena | undefined {
    return this.inner.arena;
  }

  get checksumOffload(): boolean {
    return this.inner.checksumOffload;
  }
  get segmentationLimit(): number {
    return this.inner.segmentationLimit;
  }
  get gathers(): boolean {
    return this.inner.gathers === true;
  }
  get loopsBack(): boolean {
    return this.inner.loopsBack === true;
  }
  get writable(): boolean {
    return this.waiting.length === 0 && this.inner.writable;
  }

  attach(listener: DeviceListener): void {
    this.listener = listener;
    this.inner.attach({
      readable: () => listener.readable(),
      writable: () => this.flush(),
      lost: (reason) => listener.lost?.(reason),
      failed: (error) => listener.failed(error),
    });
  }

  // ── Toward the stack ───────────────────────────────────────────────────────────────────────────

  receive(packet: Packet): boolean {
    const { faults, inner } = this;
    if (!faults.watching && this.taken === this.arrivals.length && this.pieces.length === 0) {
      if (this.announced) this.announce(0);
      if (!inner.receive(packet)) return false;
      if (this.tap !== null) tapPacket(this.tap, packet);
      return true;
    }
    this.receiving = true;
    const found = this.find(packet);
    this.receiving = false;
    return found;
  }

  poll(): boolean {
    return this.taken < this.arrivals.length || this.inner.poll?.() === true;
  }

  private find(packet: Packet): boolean {
    const { faults, inner } = this;
    for (;;) {
      if (this.takeArrival(packet)) return true;
      const piece = this.pieces.shift();
      if (piece !== undefined) {
        this.meet('in', piece);
        continue;
      }
      if (!inner.receive(packet)) return false;
      if (!faults.live.in) {
        if (faults.watching) {
          faults.observe('in', packet.bytes, packet.view, packet.start, packet.end - packet.start);
        }
        if (this.announced) this.announce(0);
        if (this.tap !== null) tapPacket(this.tap, packet);
        return true;
      }
      const bytes = packet.bytes.slice(packet.start, packet.end);
      this.pieces = wireSegments(bytes, packet.gsoSize, packet.checksum === CHECKSUM_PARTIAL);
    }
  }

  private meet(direction: Direction, piece: Uint8Array): void {
    const { faults, tap } = this;
    tap?.enters(direction, piece);
    if (direction === 'in') this.tape?.offTheWire(piece);
    faults.process(direction, piece);
    tap?.met();
  }

  private takeArrival(packet: Packet): boolean {
    const arrival = this.arrivals[this.taken];
    if (arrival === undefined) {
      if (this.taken > 0) {
        this.arrivals = [];
        this.taken = 0;
      }
      return false;
    }
    this.taken++;
    const { bytes, segment } = arrival;
    packet.setMemory(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
    packet.start = 0;
    packet.end = bytes.length;
    packet.gsoSize = 0;
    packet.checksum = CHECKSUM_UNVERIFIED;
    if (segment !== 0 || this.announced) this.announce(segment);
    this.tap?.leaves('in', bytes);
    this.tape?.fromRules();
    return true;
  }

  private announce(segment: number): void {
    this.announced = segment !== 0;
    this.world.trace?.arrives(segment);
  }

  // ── Toward the wire ────────────────────────────────────────────────────────────────────────────

  send(frame: Frame): boolean {
    const { faults } = this;
    if (!faults.live.out && this.waiting.length === 0) {
      if (faults.watching) {
        const size = frame.headerLength + frame.payloadLength + frame.wrappedLength;
        faults.observe('out', frame.header, frame.view, 0, size);
      }
      if (this.tap !== null) tapFrame(this.tap, frame);
      return this.inner.send(frame);
    }
    const bytes = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
    copyFrame(frame, bytes);
    for (const piece of wireSegments(bytes, frame.gsoSize, frame.needsChecksum)) this.meet('out', piece);
    return this.writable;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.listener = null;
    this.arrivals = [];
    this.taken = 0;
    this.pieces = [];
    this.waiting = [];
    await this.inner.close();
  }

  // ── From the rules ─────────────────────────────────────────────────────────────────────────────

  private deliver(direction: Direction, bytes: Uint8Array, segment: number): void {
    if (this.closed) return;
    if (direction === 'out') this.leave(bytes);
    else this.arrive(bytes, segment);
  }

  private arrive(bytes: Uint8Array, segment: number): void {
    if (this.arrivals.length - this.taken >= QUEUE) return;
    this.arrivals.push({ bytes, segment });
    if (!this.receiving) this.listener?.readable();
  }

  private leave(bytes: Uint8Array): void {
    if (this.waiting.length >= QUEUE) return;
    this.waiting.push(bytes);
    this.tap?.leaves('out', bytes);
    if (this.inner.writable) this.drain();
  }

  private drain(): void {
    let sent = 0;
    while (sent < this.waiting.length && this.inner.writable) this.write(this.waiting[sent++] as Uint8Array);
    this.waiting = sent === this.waiting.length ? [] : this.waiting.slice(sent);
  }

  private flush(): void {
    this.drain();
    if (this.writable) this.listener?.writable();
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
    this.inner.send(frame);
  }
}

function tapPacket(tap: PacketTap, packet: Packet): void {
  const bytes = packet.bytes.slice(packet.start, packet.end);
  if (packet.checksum === CHECKSUM_PARTIAL) completeChecksum(bytes);
  tap.passes('in', bytes, packet.gsoSize);
}

function tapFrame(tap: PacketTap, frame: Frame): void {
  const bytes = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
  copyFrame(frame, bytes);
  if (frame.needsChecksum) completeChecksum(bytes);
  tap.passes('out', bytes, frame.gsoSize);
}

/** What goes over the wire for a packet: sums complete, nothing above the MTU that the sender has split. */
function wireSegments(bytes: Uint8Array, gsoSize: number, partial: boolean): Uint8Array[] {
  if (gsoSize > 0 && isSegment(bytes)) return splitSuperPacket(bytes, gsoSize);
  if (partial) completeChecksum(bytes);
  return [bytes];
}

/** Headers that can be split behind: nothing from outside may throw here. */
function isSegment(bytes: Uint8Array): boolean {
  const sight = new Sight();
  sight.load(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  return sight.tcp;
}
