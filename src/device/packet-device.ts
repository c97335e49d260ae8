/** A device whose far end is a program: packets in by a call, packets out by a callback. */

import type { Frame } from '../wire/frame.ts';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNVERIFIED,
  CHECKSUM_VALID,
  type ChecksumState,
  type Packet,
} from '../wire/packet.ts';
import { completeChecksum } from './complete-checksum.ts';
import type { Device, DeviceListener } from './device.ts';
import { type CheckedOptions, checkOptions, type MemoryDeviceOptions } from './memory-link.ts';
import { copyFrame, MAX_PACKET_LENGTH, PacketQueue } from './packet-queue.ts';

/** What the virtio header of a TUN would say about a packet that the stack sent. */
export interface SentPacketInfo {
  /** Payload bytes per wire segment when the packet is a super-packet, else 0. */
  readonly gsoSize: number;
  /** The stack left the transport checksum to the device (NEEDS_CSUM); the copy's is complete. */
  readonly needsChecksum: boolean;
}

/** What the virtio header of a TUN would say about a packet that the stack gets. */
export interface InjectedPacketInfo {
  /** Payload bytes per wire segment of a super-packet. Without it: worked out from the MTU. */
  readonly gsoSize?: number;
  /** `unverified` (the default), `partial` (NEEDS_CSUM) or `valid` (the device has verified it). */
  readonly checksum?: 'unverified' | 'partial' | 'valid';
}

export type PacketListener = (packet: Uint8Array, info: SentPacketInfo) => void;

const CHECKSUM_STATES: Record<NonNullable<InjectedPacketInfo['checksum']>, ChecksumState> = {
  unverified: CHECKSUM_UNVERIFIED,
  partial: CHECKSUM_PARTIAL,
  valid: CHECKSUM_VALID,
};

const PROTOCOL_TCP = 6;
const PROTOCOL_OFFSET = 9;
const TCP_DATA_OFFSET = 12;

export class PacketDevice implements Device {
  readonly name: string = 'packets';
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  /** Packets injected that did not fit, and frames that nobody listened for. */
  dropped = 0;

  private readonly queue: PacketQueue;
  private listener: DeviceListener | null = null;
  private onSent: PacketListener | null = null;
  private blocked = false;
  /** `send` has said so. */
  private full = false;
  private announced = false;
  private closed = false;

  constructor(options: CheckedOptions) {
    this.mtu = options.mtu;
    this.checksumOffload = options.offload !== 'off';
    this.segmentationLimit = options.offload === 'tso4' ? MAX_PACKET_LENGTH : 0;
    this.queue = new PacketQueue({ capacity: options.queueLength, mtu: options.mtu });
  }

  get writable(): boolean {
    return !this.full;
  }

  /**
   * Gives the stack one IPv4 packet, copied; up to 64 KiB, malformed ones too. On a virtual clock
   * the stack has dealt with it when this returns, unless it is called from inside a turn (from
   * the callback of {@link onPacket}, say): then the turn that runs takes it up.
   *
   * @returns false when it was dropped: the queue is full, the device closed, the packet too long.
   */
  inject(packet: Uint8Array, info: InjectedPacketInfo = {}): boolean {
    const checksum = CHECKSUM_STATES[info.checksum ?? 'unverified'];
    const gsoSize = info.gsoSize ?? this.presumedGsoSize(packet);
    if (this.closed || !this.queue.pushBytes(packet, gsoSize, checksum)) {
      this.dropped++;
      return false;
    }
    this.announce();
    return true;
  }

  /**
   * `listener` gets a fresh copy of each packet sent, checksums complete in both modes. It runs in
   * the stack's transmit phase; what it throws is thrown again in a microtask of its own. A later
   * call replaces the listener; null removes it.
   */
  onPacket(listener: PacketListener | null): void {
    this.onSent = listener;
  }

  /** From now on `send` takes one more packet and says that it was the last, as a full TUN does. */
  block(): void {
    this.blocked = true;
  }

  /** Ends {@link block}. */
  unblock(): void {
    this.blocked = false;
    if (!this.full) return;
    this.full = false;
    this.listener?.writable();
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
    if (this.onSent === null || this.closed) this.dropped++;
    else deliver(this.onSent, frame);
    this.full = this.blocked;
    return !this.full;
  }

  close(): Promise<void> {
    this.closed = true;
    this.queue.clear();
    this.listener = null;
    return Promise.resolve();
  }

  private announce(): void {
    if (this.listener === null || this.announced) return;
    this.announced = true;
    this.listener.readable();
  }

  /** What a kernel would have said about a TCP packet above the MTU: full segments. */
  private presumedGsoSize(packet: Uint8Array): number {
    if (this.segmentationLimit === 0 || packet.length <= this.mtu) return 0;
    if (packet[PROTOCOL_OFFSET] !== PROTOCOL_TCP) return 0;
    const ipHeader = ((packet[0] as number) & 0x0f) * 4;
    const tcpHeader = ((packet[ipHeader + TCP_DATA_OFFSET] ?? 0) >> 4) * 4;
    return Math.max(0, this.mtu - ipHeader - tcpHeader);
  }
}

function deliver(listener: PacketListener, frame: Frame): void {
  const packet = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
  copyFrame(frame, packet);
  if (frame.needsChecksum) completeChecksum(packet);
  try {
    listener(packet, { gsoSize: frame.gsoSize, needsChecksum: frame.needsChecksum });
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** A device for programs that are the network themselves: see {@link PacketDevice}. */
export function packetDevice(options: MemoryDeviceOptions = {}): PacketDevice {
  return new PacketDevice(checkOptions(options));
}
