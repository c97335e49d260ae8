/** Packets between two ends that live in memory: a bounded queue with recycled buffers. */

import type { Frame } from '../wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, type ChecksumState, type Packet } from '../wire/packet.ts';

/** No IPv4 packet is longer. */
export const MAX_PACKET_LENGTH = 65_535;
const LARGE_BUFFER = 65_536;

export interface QueueOptions {
  /** Packets that wait or are lent, at most. */
  readonly capacity: number;
  /** Largest common packet, bytes: the size of the small buffers. */
  readonly mtu: number;
}

/** One packet with memory of its own. */
class Slot {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  length = 0;
  gsoSize = 0;
  checksum: ChecksumState = CHECKSUM_UNVERIFIED;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
}

/**
 * Frames are flattened into buffers of the queue, so that the sender may reuse its memory at once.
 * A packet handed out stays valid until {@link release}.
 */
export class PacketQueue {
  private readonly capacity: number;
  private readonly smallSize: number;
  /** A ring: `[released, taken)` is lent, `[taken, end)` waits; indices only grow. */
  private readonly slots: (Slot | null)[];
  private released = 0;
  private taken = 0;
  private end = 0;
  private readonly freeSmall: Slot[] = [];
  private readonly freeLarge: Slot[] = [];

  constructor(options: QueueOptions) {
    this.capacity = options.capacity;
    this.smallSize = Math.min(options.mtu, MAX_PACKET_LENGTH);
    this.slots = new Array<Slot | null>(options.capacity).fill(null);
  }

  /** Packets that wait to be taken. */
  get waiting(): number {
    return this.end - this.taken;
  }

  /** No more packets fit. */
  get full(): boolean {
    return this.end - this.released >= this.capacity;
  }

  /** Copies a frame in. False, and nothing kept, when it does not fit. */
  pushFrame(frame: Frame): boolean {
    const length = frame.headerLength + frame.payloadLength + frame.wrappedLength;
    const slot = this.append(length);
    if (slot === null) return false;
    copyFrame(frame, slot.bytes);
    slot.gsoSize = frame.gsoSize;
    slot.checksum = frame.needsChecksum ? CHECKSUM_PARTIAL : CHECKSUM_UNVERIFIED;
    return true;
  }

  /** Copies a whole packet in. False, and nothing kept, when it does not fit. */
  pushBytes(bytes: Uint8Array, gsoSize: number, checksum: ChecksumState): boolean {
    const slot = this.append(bytes.length);
    if (slot === null) return false;
    slot.bytes.set(bytes);
    slot.gsoSize = gsoSize;
    slot.checksum = checksum;
    return true;
  }

  /** Lends the oldest packet that waits; false when there is none. */
  take(packet: Packet): boolean {
    if (this.taken === this.end) return false;
    const slot = this.slots[this.taken++ % this.capacity] as Slot;
    packet.setMemory(slot.bytes, slot.view);
    packet.start = 0;
    packet.end = slot.length;
    packet.gsoSize = slot.gsoSize;
    packet.checksum = slot.checksum;
    return true;
  }

  /** Takes back all that is lent. */
  release(): void {
    while (this.released < this.taken) {
      const place = this.released++ % this.capacity;
      const slot = this.slots[place] as Slot;
      this.slots[place] = null;
      if (slot.bytes.length === LARGE_BUFFER) this.freeLarge.push(slot);
      else this.freeSmall.push(slot);
    }
  }

  /** Forgets everything, memory too. */
  clear(): void {
    this.slots.fill(null);
    this.released = this.end;
    this.taken = this.end;
    this.freeSmall.length = 0;
    this.freeLarge.length = 0;
  }

  private append(length: number): Slot | null {
    if (this.full || length > MAX_PACKET_LENGTH) return null;
    const small = length <= this.smallSize;
    const slot =
      (small ? this.freeSmall : this.freeLarge).pop() ?? new Slot(small ? this.smallSize : LARGE_BUFFER);
    slot.length = length;
    this.slots[this.end++ % this.capacity] = slot;
    return slot;
  }
}

/** Writes headers and both pieces of the payload to the front of `into`; returns the length. */
export function copyFrame(frame: Frame, into: Uint8Array): number {
  copyBytes(frame.header, 0, frame.headerLength, into, 0);
  let length = frame.headerLength;
  copyBytes(frame.payload, frame.payloadStart, frame.payloadLength, into, length);
  length += frame.payloadLength;
  copyBytes(frame.payload, 0, frame.wrappedLength, into, length);
  return length + frame.wrappedLength;
}

/** Below this many bytes a loop is faster than making a subarray. */
const LOOP_LIMIT = 64;

function copyBytes(from: Uint8Array, start: number, length: number, into: Uint8Array, at: number): void {
  if (length > LOOP_LIMIT) {
    into.set(from.subarray(start, start + length), at);
    return;
  }
  for (let i = 0; i < length; i++) into[at + i] = from[start + i] as number;
}
