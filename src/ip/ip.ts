/** IP as the stack uses it and as TCP sees it: input, reassembly, ICMP and output in one. */

import type { Clock } from '../base/clock.ts';
import type { Counters } from '../base/counters.ts';
import type { Random } from '../base/random.ts';
import type { Frame } from '../wire/frame.ts';
import { Ipv4Header } from '../wire/ipv4.ts';
import type { Packet } from '../wire/packet.ts';
import type { LocalAddresses } from './addresses.ts';
import { Reassembly } from './fragments.ts';
import { Icmp } from './icmp.ts';
import { Identification, type Share } from './identification.ts';
import { IpInput } from './input.ts';
import type { Link } from './link.ts';
import { IpOutput } from './output.ts';
import { type IpProtocol, PROTOCOL_TCP } from './protocol.ts';
import { IcmpRateLimit } from './rate-limit.ts';
import type { IpTrace } from './trace.ts';

export interface IpOptions {
  readonly device: Link;
  readonly addresses: LocalAddresses;
  /** Largest packet to send, bytes; not above the device's, which is the default. */
  readonly mtu?: number;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly random: Random;
  /** Others use the same addresses: our number among them, and bytes that are the same for all. */
  readonly share?: (Share & { readonly secrets: Random }) | undefined;
  readonly trace: IpTrace | null;
  /** The device leads back to ourselves: packets from our own addresses are taken. Default: no. */
  readonly loopback?: boolean;
}

export class Ip {
  /** Largest packet to send, bytes. */
  readonly mtu: number;

  private readonly device: Link;
  private readonly addresses: LocalAddresses;
  private readonly input: IpInput;
  private readonly output: IpOutput;
  private readonly icmp: Icmp;
  private readonly reassembly: Reassembly;
  /** The header of a datagram that expires. */
  private readonly expired = new Ipv4Header();

  constructor(options: IpOptions) {
    const { device, addresses, counters, clock, random } = options;
    this.device = device;
    this.addresses = addresses;
    this.mtu = Math.min(options.mtu ?? device.mtu, device.mtu);
    const { share } = options;
    const identification =
      share === undefined
        ? new Identification(clock, random)
        : new Identification(clock, share.secrets, share);
    this.output = new IpOutput(device, this.mtu, counters, identification);
    this.reassembly = new Reassembly(clock, counters);
    this.icmp = new Icmp(addresses, counters, new IcmpRateLimit(clock, random));
    this.input = new IpInput({
      addresses,
      counters,
      reassembly: this.reassembly,
      icmp: this.icmp,
      trace: options.trace,
      loopback: options.loopback ?? false,
    });
  }

  /** Packets of this protocol number go to `protocol`, and TCP is told of ICMP errors. */
  register(number: number, protocol: IpProtocol): void {
    this.input.register(number, protocol);
    if (number === PROTOCOL_TCP) this.icmp.tcp = protocol;
  }

  // ── Phases ─────────────────────────────────────────────────────────────────────────────────

  /** Phase 1. Cuts `packet.end` to the datagram. */
  receive(packet: Packet): void {
    this.input.receive(packet);
  }

  /** Phase 2. */
  expire(): void {
    this.reassembly.expire(this.icmp, this.expired);
  }

  /** Absolute µs at which {@link expire} has something to do, or NEVER. */
  get nextDeadline(): number {
    return this.reassembly.nextDeadline;
  }

  /** Phase 4: the ICMP messages that phases 1 and 2 have queued. */
  transmit(): void {
    this.icmp.transmit(this.output);
  }

  /** ICMP messages wait for {@link transmit}. */
  get hasOutput(): boolean {
    return this.icmp.hasOutput;
  }

  // ── What TCP sees ──────────────────────────────────────────────────────────────────────────

  get writable(): boolean {
    return this.device.writable;
  }

  get checksumOffload(): boolean {
    return this.device.checksumOffload;
  }

  get segmentationLimit(): number {
    return this.device.segmentationLimit;
  }

  /** Phase 4: sends one frame; false = the last for now. */
  send(frame: Frame): boolean {
    return this.output.send(frame);
  }

  /** The address of ours to use toward `destination` (int32); 0 = none. */
  sourceFor(destination: number): number {
    return this.isValidDestination(destination) ? this.addresses.sourceFor(destination) : 0;
  }

  isValidDestination(destination: number): boolean {
    return this.addresses.isValidDestination(destination);
  }

  isLocal(address: number): boolean {
    return this.addresses.isLocal(address);
  }
}
