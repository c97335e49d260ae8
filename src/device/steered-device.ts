/** One queue of a TUN and what other workers hand over: the device of one stack among several. */

import type { Frame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import type { Steering } from '../wire/steering.ts';
import type { Device, DeviceListener } from './device.ts';
import type { Exchange } from './exchange.ts';

export interface SteeredOptions {
  readonly exchange: Exchange;
  readonly steering: Steering;
  /** Which queue this is. */
  readonly index: number;
  /** The kernel does not steer: every packet is looked at, and a stranger's goes to its owner. */
  readonly sort: boolean;
}

export class SteeredDevice implements Device {
  private readonly inner: Device;
  private readonly exchange: Exchange;
  private readonly steering: Steering;
  private readonly index: number;
  private readonly sort: boolean;

  constructor(inner: Device, options: SteeredOptions) {
    this.inner = inner;
    this.exchange = options.exchange;
    this.steering = options.steering;
    this.index = options.index;
    this.sort = options.sort;
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
  get gathers(): boolean {
    return this.inner.gathers === true;
  }
  get writable(): boolean {
    return this.inner.writable;
  }

  attach(listener: DeviceListener): void {
    this.inner.attach(listener);
    this.exchange.listen(() => listener.readable());
  }

  receive(packet: Packet): boolean {
    if (this.exchange.take(packet)) return true;
    while (this.inner.receive(packet)) {
      if (!this.sort) return true;
      const owner = this.steering.queueOfPacket(packet);
      if (owner === this.index) return true;
      this.exchange.handOver(packet, owner);
    }
    this.exchange.release();
    return false;
  }

  poll(): boolean {
    return this.exchange.waiting || this.inner.poll?.() === true;
  }

  send(frame: Frame): boolean {
    return this.inner.send(frame);
  }

  async close(): Promise<void> {
    this.exchange.stop();
    await this.inner.close();
  }
}
