/**
 * A device that lends as a TUN does: packets lie in its arena until it is asked anew, and then something
 * else lies there.
 */

import { Arena } from '../../src/base/arena.ts';
import type { Device, DeviceListener } from '../../src/device/device.ts';
import type { SentPacket, WatchedDevice } from '../../src/sim/link.ts';
import type { Frame } from '../../src/wire/frame.ts';
import type { Packet } from '../../src/wire/packet.ts';

const LENT = 1 << 18;
const SPARE = 1 << 18;
/** What a packet of the next batch would have written over the last one. */
const OTHER = 0xdb;

export class LendingDevice<D extends Device> implements Device {
  readonly arena = new Arena(LENT + SPARE, LENT);
  /** Bytes of the batch so far. */
  private used = 0;
  private over = false;

  readonly inner: D;

  constructor(inner: D) {
    this.inner = inner;
  }

  get name(): string {
    return this.inner.name;
  }
  get mtu(): number {
    return this.inner.mtu;
  }
  get checksumOffload(): boolean {
    return this.inner.checksumOffload;
  }
  get segmentationLimit(): number {
    return this.inner.segmentationLimit;
  }
  get writable(): boolean {
    return this.inner.writable;
  }

  attach(listener: DeviceListener): void {
    this.inner.attach(listener);
  }

  receive(packet: Packet): boolean {
    if (this.over) this.forget();
    if (!this.inner.receive(packet)) {
      this.over = true;
      return false;
    }
    const { bytes, start, end } = packet;
    // Without room it stays where it is: what lies elsewhere is not lent.
    if (this.used + end - start > LENT) return true;
    this.arena.bytes.set(bytes.subarray(start, end), this.used);
    packet.setMemory(this.arena.bytes, this.arena.view);
    packet.start = this.used;
    packet.end = this.used + end - start;
    this.used = packet.end;
    return true;
  }

  poll(): boolean {
    this.forget();
    return this.inner.poll?.() === true;
  }

  send(frame: Frame): boolean {
    return this.inner.send(frame);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private forget(): void {
    this.arena.bytes.fill(OTHER, 0, this.used);
    this.used = 0;
    this.over = false;
  }
}

/** The same around a device of the simulator. */
export class WatchedLendingDevice extends LendingDevice<WatchedDevice> implements WatchedDevice {
  get arrivals(): number {
    return this.inner.arrivals;
  }
  get onSent(): ((packet: SentPacket) => void) | null {
    return this.inner.onSent;
  }
  set onSent(listener: ((packet: SentPacket) => void) | null) {
    this.inner.onSent = listener;
  }
}
