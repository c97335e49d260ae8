/** A device that makes no garbage itself: segments of one flow in an arena, and ACKs for what is sent. */

import { Arena } from '../../../src/base/arena.ts';
import type { Device, DeviceListener } from '../../../src/device/device.ts';
import type { Frame } from '../../../src/wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, type Packet } from '../../../src/wire/packet.ts';

export const MSS = 1448;
export const LOCAL = 0x0a090002;
const PEER = 0x0a090001;
const RING = 1 << 20;
const SPARE = 32 << 20;
const LARGE_SLOT = 65_536;
const SMALL_SLOT = 2048;
const FIRST = 16;
const IP = 20;
const PROTOCOL_TCP = 6;
const SYN = 0x02;
const LARGEST_PACKET = 65_535;

export class Blaster implements Device {
  readonly name = 'blaster';
  readonly mtu = 1500;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  readonly writable = true;
  readonly arena = new Arena(RING + SPARE, RING);
  /** ACK number of the last segment that came out, and one past the last byte. */
  lastAck = 0;
  sentEnd = 0;
  /** Segments of data that came out, as the wire would see them. */
  sent = 0;
  private waiting = 0;
  private taken = 0;
  private readonly slot: number;
  private readonly lengths: Int32Array;

  constructor(offload: boolean) {
    this.slot = offload ? LARGE_SLOT : SMALL_SLOT;
    this.lengths = new Int32Array(RING / this.slot);
    this.checksumOffload = offload;
    this.segmentationLimit = offload ? LARGEST_PACKET : 0;
  }

  attach(_listener: DeviceListener): void {
    // Who runs the turns knows what waits.
  }

  receive(packet: Packet): boolean {
    if (this.taken === this.waiting) {
      this.taken = 0;
      this.waiting = 0;
      return false;
    }
    const slot = this.taken++;
    const length = this.lengths[slot] as number;
    packet.setMemory(this.arena.bytes, this.arena.view);
    packet.start = slot * this.slot + FIRST;
    packet.end = packet.start + length;
    packet.gsoSize = length > this.mtu ? MSS : 0;
    packet.checksum = length > this.mtu ? CHECKSUM_PARTIAL : CHECKSUM_UNVERIFIED;
    return true;
  }

  send({ view, payloadLength, wrappedLength }: Frame): boolean {
    const seq = view.getInt32(IP + 4);
    const length = payloadLength + wrappedLength;
    const syn = (view.getUint8(IP + 13) & SYN) !== 0 ? 1 : 0;
    this.lastAck = view.getInt32(IP + 8);
    if (syn + length > 0) this.sentEnd = (seq + syn + length) | 0;
    this.sent += Math.ceil(length / MSS);
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A segment waits to be received: `options` and `length` bytes of nothing. */
  put(seq: number, flags: number, options: readonly number[], length: number): void {
    const slot = this.waiting++;
    const { view, bytes } = this.arena;
    const at = slot * this.slot + FIRST;
    const tcp = at + IP;
    const headers = IP + 20 + options.length;
    view.setUint32(at, 0x45000000 | (headers + length));
    view.setUint32(at + 4, 0x4000);
    view.setUint32(at + 8, 0x40000000 | (PROTOCOL_TCP << 16));
    view.setUint32(at + 12, PEER);
    view.setUint32(at + 16, LOCAL);
    view.setUint16(at + 10, ~this.sum(at, IP, 0));
    view.setUint32(tcp, (40_000 << 16) | 5001);
    view.setInt32(tcp + 4, seq);
    view.setInt32(tcp + 8, this.sentEnd);
    view.setUint32(tcp + 12, ((20 + options.length) << 26) | (flags << 16) | 0xffff);
    view.setUint32(tcp + 16, 0);
    for (let i = 0; i < options.length; i++) bytes[tcp + 20 + i] = options[i] as number;
    const text = this.sum(at + 12, 8, PROTOCOL_TCP + headers - IP + length);
    view.setUint16(tcp + 16, ~this.sum(tcp, headers - IP, text));
    this.lengths[slot] = headers + length;
  }

  private sum(at: number, length: number, start: number): number {
    let sum = start;
    for (let i = 0; i < length; i += 2) sum += this.arena.view.getUint16(at + i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return sum;
  }
}
