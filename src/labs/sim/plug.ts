/** The plug between a stack and its cable: pulled out, the stack is as if its machine were off. */

import type { Device, DeviceListener } from '../../device/device.ts';
import type { Frame } from '../../wire/frame.ts';
import type { Packet } from '../../wire/packet.ts';

export class Plug implements Device {
  private readonly cable: Device;
  private pulled = false;

  constructor(cable: Device) {
    this.cable = cable;
  }

  get name(): string {
    return this.cable.name;
  }
  get mtu(): number {
    return this.cable.mtu;
  }
  get checksumOffload(): boolean {
    return this.cable.checksumOffload;
  }
  get segmentationLimit(): number {
    return this.cable.segmentationLimit;
  }
  get writable(): boolean {
    return this.pulled || this.cable.writable;
  }

  attach(listener: DeviceListener): void {
    this.cable.attach(listener);
  }

  receive(packet: Packet): boolean {
    return !this.pulled && this.cable.receive(packet);
  }

  send(frame: Frame): boolean {
    return this.pulled || this.cable.send(frame);
  }

  close(): Promise<void> {
    this.pulled = true;
    return Promise.resolve();
  }

  /** For good. Whoever attaches to the cable next gets the packets. */
  pull(): void {
    this.pulled = true;
  }
}
