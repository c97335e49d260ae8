/** Any device, watched as a simulated one is. */

import type { Device, DeviceListener } from '../../../src/device/device.ts';
import { copyFrame } from '../../../src/device/packet-queue.ts';
import type { SentPacket, WatchedDevice } from '../../../src/sim/link.ts';
import type { Frame } from '../../../src/wire/frame.ts';
import type { Packet } from '../../../src/wire/packet.ts';

export class TappedDevice implements WatchedDevice {
  readonly name: string;
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  onSent: ((packet: SentPacket) => void) | null = null;
  arrivals = 0;
  private readonly inner: Device;

  constructor(inner: Device) {
    this.inner = inner;
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.checksumOffload = inner.checksumOffload;
    this.segmentationLimit = inner.segmentationLimit;
  }

  get writable(): boolean {
    return this.inner.writable;
  }

  attach(listener: DeviceListener): void {
    this.inner.attach(listener);
  }

  receive(packet: Packet): boolean {
    const received = this.inner.receive(packet);
    if (received) this.arrivals++;
    return received;
  }

  send(frame: Frame): boolean {
    if (this.onSent !== null) {
      const bytes = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
      copyFrame(frame, bytes);
      this.onSent({ bytes, gsoSize: frame.gsoSize, needsChecksum: frame.needsChecksum });
    }
    return this.inner.send(frame);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
