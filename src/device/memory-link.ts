/** Two devices joined in memory: no privileges, no delay, nothing lost. */

import type { Frame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import type { Device, DeviceListener } from './device.ts';
import { MAX_PACKET_LENGTH, PacketQueue } from './packet-queue.ts';

/** What a device takes off the stack's hands. */
export const OFFLOADS = ['off', 'csum', 'tso4'] as const;
export type Offload = (typeof OFFLOADS)[number];

/** What a device in memory can be told. */
export interface MemoryDeviceOptions {
  /** Largest packet on the wire, bytes (68 … 65,535). */
  readonly mtu?: number;
  /**
   * `tso4`: super-packets up to 64 KiB with `gsoSize`, and partial checksums, like a TUN with
   * offloads. `csum`: partial checksums alone, as where the kernel refuses super-packets. `off`:
   * nothing above the MTU and every checksum complete.
   */
  readonly offload?: Offload;
  /** Packets that wait in each direction before the sender is told to stop. */
  readonly queueLength?: number;
}

const DEFAULT_MTU = 1500;
const DEFAULT_QUEUE_LENGTH = 256;
/** RFC 791 §3.2: every host forwards this much unfragmented. */
const MIN_MTU = 68;

export interface CheckedOptions {
  readonly mtu: number;
  readonly offload: Offload;
  readonly queueLength: number;
}

/** Fills in the defaults. @throws RangeError or TypeError, one sentence. */
export function checkOptions(options: MemoryDeviceOptions, defaultMtu = DEFAULT_MTU): CheckedOptions {
  const mtu = options.mtu ?? defaultMtu;
  const offload = options.offload ?? 'off';
  const queueLength = options.queueLength ?? DEFAULT_QUEUE_LENGTH;
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_PACKET_LENGTH) {
    throw new RangeError(`mtu must be between ${MIN_MTU} and ${MAX_PACKET_LENGTH}, not ${mtu}`);
  }
  if (!OFFLOADS.includes(offload)) {
    throw new TypeError(`offload must be 'off', 'csum' or 'tso4', not ${offload}`);
  }
  if (!Number.isInteger(queueLength) || queueLength < 1) {
    throw new RangeError(`queueLength must be a positive integer, not ${queueLength}`);
  }
  return { mtu, offload, queueLength };
}

/**
 * One end. What it sends waits in the far end's queue. Delivery never enters the far stack: it
 * tells the far listener that packets wait, once until the queue was found empty.
 */
export class MemoryDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  /** Frames that came although the queue was full, or to a far end that is closed. */
  dropped = 0;

  private far: MemoryDevice = this;
  private listener: DeviceListener | null = null;
  private readonly queue: PacketQueue;
  private announced = false;
  private blocked = false;
  private closed = false;

  constructor(name: string, options: CheckedOptions) {
    this.name = name;
    this.mtu = options.mtu;
    this.checksumOffload = options.offload !== 'off';
    this.segmentationLimit = options.offload === 'tso4' ? MAX_PACKET_LENGTH : 0;
    this.queue = new PacketQueue({ capacity: options.queueLength, mtu: options.mtu });
  }

  /** Sends to `far` from now on; without this the far end is itself. */
  joinTo(far: MemoryDevice): void {
    this.far = far;
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
    this.far.roomAgain();
    return false;
  }

  send(frame: Frame): boolean {
    const far = this.far;
    if (far.closed || this.closed || !far.queue.pushFrame(frame)) this.dropped++;
    else if (!far.announced) far.announce();
    if (!far.queue.full || far.closed) return true;
    this.blocked = true;
    return false;
  }

  close(): Promise<void> {
    this.closed = true;
    this.queue.clear();
    this.listener = null;
    this.far.roomAgain();
    return Promise.resolve();
  }

  private announce(): void {
    if (this.listener === null) return;
    this.announced = true;
    this.listener.readable();
  }

  private roomAgain(): void {
    if (!this.blocked) return;
    this.blocked = false;
    if (this.listener !== null) this.listener.writable();
  }
}

/** Two devices, each the far end of the other. */
export function memoryLink(options: MemoryDeviceOptions = {}): [MemoryDevice, MemoryDevice] {
  const checked = checkOptions(options);
  const a = new MemoryDevice('mem0', checked);
  const b = new MemoryDevice('mem1', checked);
  a.joinTo(b);
  b.joinTo(a);
  return [a, b];
}
