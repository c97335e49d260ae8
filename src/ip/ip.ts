// temporary stand-in
import type { Clock } from '../base/clock.ts';
import type { Counters } from '../base/counters.ts';
import type { Random } from '../base/random.ts';
import { REASON } from '../base/reasons.ts';
import type { Device } from '../device/device.ts';
import { foldChecksum, sumBytes } from '../wire/checksum.ts';
import type { Frame } from '../wire/frame.ts';
import { Ipv4Header, readIpv4Header } from '../wire/ipv4.ts';
import type { Packet } from '../wire/packet.ts';
import type { LocalAddresses } from './addresses.ts';
import type { IpProtocol } from './protocol.ts';
import type { IpTrace } from './trace.ts';
export interface IpOptions {
  device: Device;
  addresses: LocalAddresses;
  mtu: number;
  counters: Counters;
  clock: Clock;
  random: Random;
  trace: IpTrace | null;
}
export class Ip {
  private header = new Ipv4Header();
  private tcp: IpProtocol | null = null;
  readonly o: IpOptions;
  constructor(o: IpOptions) {
    this.o = o;
  }
  register(_p: number, t: IpProtocol) {
    this.tcp = t;
  }
  get mtu() {
    return this.o.mtu;
  }
  get writable() {
    return this.o.device.writable;
  }
  get checksumOffload() {
    return this.o.device.checksumOffload;
  }
  get segmentationLimit() {
    return this.o.device.segmentationLimit;
  }
  get nextDeadline() {
    return Infinity;
  }
  expire() {}
  transmit() {}
  sourceFor() {
    return this.o.addresses.own[0] as number;
  }
  isValidDestination(a: number) {
    return a !== 0 && a !== -1;
  }
  isLocal(a: number) {
    return this.o.addresses.own.includes(a);
  }
  receive(packet: Packet) {
    const r = readIpv4Header(packet, this.header);
    if (r !== REASON.ACCEPTED) {
      this.o.counters.count(r);
      return;
    }
    if (this.isLocal(this.header.destination)) this.tcp?.receive(packet, this.header);
  }
  send(f: Frame) {
    const v = f.view;
    const total = f.headerLength + f.payloadLength + f.wrappedLength;
    v.setUint8(0, 0x45);
    v.setUint8(1, f.tos);
    v.setUint16(2, total);
    v.setUint16(4, 0);
    v.setUint16(6, 0x4000);
    v.setUint8(8, f.ttl);
    v.setUint8(9, f.protocol);
    v.setUint16(10, 0);
    v.setInt32(12, f.source);
    v.setInt32(16, f.destination);
    v.setUint16(10, foldChecksum(sumBytes(f.header, 0, 20, 0)));
    return this.o.device.send(f);
  }
}
