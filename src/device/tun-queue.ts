/** One queue of a TUN: batches of packets in, single packets out. */

import type { Arena } from '../base/arena.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import { type Frame, IP_HEADER_LENGTH } from '../wire/frame.ts';
import { CHECKSUM_UNVERIFIED, type Packet } from '../wire/packet.ts';
import { TCP_FLAGS } from '../wire/tcp-header.ts';
import { readVirtioHeader, VIRTIO_HEADER_LENGTH, writeVirtioHeader } from '../wire/virtio.ts';
import {
  MAIL_HEADER_LENGTH,
  MAIL_LENGTH,
  MAIL_PACKETS,
  MAIL_PAYLOAD_LENGTH,
  MAIL_PAYLOAD_START,
  MAIL_WRAPPED_LENGTH,
  type Native,
  type Port,
  WATCH_READABLE,
  WATCH_WRITABLE,
} from './native.ts';

/** Fifteen of the largest packets, or a batch of small ones that stays in the cache. */
export const RING_SIZE = 1 << 20;
const CWR = 0x80;

/** What the queues of one interface share. */
export interface QueueSetting {
  readonly native: Native;
  readonly arena: Arena;
  readonly vnetHeader: boolean;
  /** Nobody waits for the event loop to say that packets have come: `poll` is called all the time. */
  readonly polled: boolean;
  readonly owner: QueueOwner;
}

/** Whom a queue tells. */
export interface QueueOwner {
  /** Packets wait in `take`. */
  arrived(): void;
  /** A `write` may succeed again. */
  writable(): void;
  /** A packet was unusable. */
  lost(reason: Reason): void;
  /** The descriptor is dead. */
  died(errno: number): void;
}

/**
 * The ring holds one batch. It is refilled only when every packet of the batch was taken: who leaves
 * some pauses the reading, and the kernel's queue waits.
 */
export class TunQueue {
  /** Packets whose virtio header asked for what was never offered. */
  malformed = 0;

  private readonly native: Native;
  private readonly owner: QueueOwner;
  private readonly vnetHeader: boolean;
  private readonly arena: Arena;
  /** Where in the arena its ring begins. */
  private readonly base: number;
  private readonly mail = new Int32Array(MAIL_LENGTH);
  private readonly port: Port;
  private header: Uint8Array | null = null;
  /** Packets of the batch, and how many were taken. */
  private count = 0;
  private next = 0;
  /** The event loop's watch for packets; 0 when there is none. */
  private readonly reading: number;
  private watched: number;

  /** Takes over `fd`; its ring is the `index`th of those at the arena's front. */
  constructor({ native, arena, vnetHeader, polled, owner }: QueueSetting, fd: number, index: number) {
    this.native = native;
    this.owner = owner;
    this.vnetHeader = vnetHeader;
    this.arena = arena;
    this.base = index * RING_SIZE;
    const ring = arena.bytes.subarray(this.base, this.base + RING_SIZE);
    this.port = native.attach(fd, vnetHeader ? 1 : 0, ring, this.mail, (value) => this.called(value));
    this.reading = polled ? 0 : WATCH_READABLE;
    this.watched = WATCH_READABLE;
    if (polled) this.watch(0);
  }

  /** Points `packet` at the next packet of the batch; false when all were taken. */
  take(packet: Packet): boolean {
    while (this.next < this.count) {
      const at = MAIL_PACKETS + 2 * this.next++;
      const start = this.base + (this.mail[at] as number);
      packet.setMemory(this.arena.bytes, this.arena.view);
      packet.start = start;
      packet.end = start + (this.mail[at + 1] as number);
      packet.gsoSize = 0;
      packet.checksum = CHECKSUM_UNVERIFIED;
      if (!this.vnetHeader) return true;
      packet.start = start - VIRTIO_HEADER_LENGTH;
      if (readVirtioHeader(packet) === REASON.ACCEPTED) return true;
      this.malformed++;
      this.owner.lost(REASON.DEVICE_ERROR);
    }
    if ((this.watched & this.reading) !== this.reading) this.watch(this.watched | this.reading);
    return false;
  }

  /** Reads a batch without waiting for the event loop, when the last one was taken. True: packets wait. */
  poll(): boolean {
    if (this.next < this.count) return true;
    const count = this.native.readBatch(this.port);
    this.next = 0;
    this.count = Math.max(0, count);
    if (count < 0 && this.reading === 0) this.owner.died(-count);
    if (count <= 0) return false;
    // Until all are taken the loop may not read the next batch over this one.
    if ((this.watched & WATCH_READABLE) !== 0) this.watch(this.watched & ~WATCH_READABLE);
    return true;
  }

  /** @returns 0 or errno */
  write(frame: Frame): number {
    if (frame.header !== this.header) {
      this.header = frame.header;
      this.native.setHeader(this.port, frame.header);
    }
    if (this.vnetHeader) {
      const flags = frame.header[IP_HEADER_LENGTH + TCP_FLAGS] as number;
      writeVirtioHeader(frame, this.arena.view, this.base, frame.gsoSize > 0 && (flags & CWR) !== 0);
    }
    const mail = this.mail;
    mail[MAIL_HEADER_LENGTH] = frame.headerLength;
    mail[MAIL_PAYLOAD_START] = frame.payloadStart;
    mail[MAIL_PAYLOAD_LENGTH] = frame.payloadLength;
    mail[MAIL_WRAPPED_LENGTH] = frame.wrappedLength;
    return this.native.write(this.port, frame.payload);
  }

  /** Writes the packet again that `write` refused: the virtio header is still where it was. @returns 0 or errno */
  rewrite(packet: Uint8Array, length: number): number {
    const mail = this.mail;
    mail[MAIL_HEADER_LENGTH] = 0;
    mail[MAIL_PAYLOAD_START] = 0;
    mail[MAIL_PAYLOAD_LENGTH] = length;
    mail[MAIL_WRAPPED_LENGTH] = 0;
    return this.native.write(this.port, packet);
  }

  /** Whether the owner is told when a write may succeed. */
  awaitWritable(wanted: boolean): void {
    this.watch(wanted ? this.watched | WATCH_WRITABLE : this.watched & ~WATCH_WRITABLE);
  }

  setReferenced(referenced: boolean): void {
    this.native.setReferenced(this.port, referenced ? 1 : 0);
  }

  close(): void {
    this.count = 0;
    this.next = 0;
    this.native.closePort(this.port);
  }

  private watch(events: number): void {
    this.watched = events;
    this.native.watch(this.port, events);
  }

  private called(value: number): void {
    if (value < 0) {
      this.owner.died(-value);
      return;
    }
    if (value === 0) {
      this.owner.writable();
      return;
    }
    this.count = value;
    this.next = 0;
    this.owner.arrived();
    if (this.next < this.count) this.watch(this.watched & ~WATCH_READABLE);
  }
}
