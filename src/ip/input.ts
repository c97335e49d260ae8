/** Received packets: checked, reassembled, handed to their protocol. RFC 791 §2.3, RFC 1122 §3.2. */

import type { Counters } from '../base/counters.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import { ICMP_PORT_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE } from '../wire/icmpv4.ts';
import { Ipv4Header, readIpv4Header } from '../wire/ipv4.ts';
import type { Packet } from '../wire/packet.ts';
import type { LocalAddresses } from './addresses.ts';
import type { Reassembly } from './fragments.ts';
import type { Icmp } from './icmp.ts';
import { type IpProtocol, PROTOCOL_ICMP, PROTOCOL_UDP } from './protocol.ts';
import type { IpTrace } from './trace.ts';

const PROTOCOLS = 256;

/** Everything that {@link IpInput} works with. */
export interface IpInputParts {
  readonly addresses: LocalAddresses;
  readonly counters: Counters;
  readonly reassembly: Reassembly;
  readonly icmp: Icmp;
  readonly trace: IpTrace | null;
  /** The link leads back to ourselves: our own addresses are valid sources. */
  readonly loopback: boolean;
}

/** Phase 1: sends nothing. */
export class IpInput {
  private readonly addresses: LocalAddresses;
  private readonly counters: Counters;
  private readonly reassembly: Reassembly;
  private readonly icmp: Icmp;
  private readonly trace: IpTrace | null;
  private readonly loopback: boolean;
  private readonly header = new Ipv4Header();
  private readonly protocols: (IpProtocol | null)[];

  constructor(parts: IpInputParts) {
    this.addresses = parts.addresses;
    this.counters = parts.counters;
    this.reassembly = parts.reassembly;
    this.icmp = parts.icmp;
    this.trace = parts.trace;
    this.loopback = parts.loopback;
    this.protocols = new Array<IpProtocol | null>(PROTOCOLS).fill(null);
  }

  /** Packets of protocol number `number` (0 … 255) go to `protocol`. ICMP is there already. */
  register(number: number, protocol: IpProtocol): void {
    this.protocols[number] = protocol;
  }

  /** Takes one packet from the link. `packet.end` is cut to the datagram. */
  receive(packet: Packet): void {
    const header = this.header;
    let verdict = readIpv4Header(packet, header);
    if (verdict === REASON.ACCEPTED) verdict = this.checkAddresses(header);
    if (verdict !== REASON.ACCEPTED) this.drop(packet, verdict);
    else if (header.moreFragments || header.fragmentOffset > 0) this.receiveFragment(packet);
    else this.deliver(packet, true);
  }

  /** RFC 1122 §3.2.1.3, and RFC 9293 §3.9.2.3 (MUST-57): from one host to one address of ours. */
  private checkAddresses(header: Ipv4Header): Reason {
    const { addresses } = this;
    if (!addresses.isLocal(header.source)) {
      if (!addresses.isValidSource(header.source)) return REASON.IP_INVALID_SOURCE;
    } else if (!this.loopback) return REASON.IP_LOCAL_SOURCE;
    if (addresses.isLocal(header.destination)) return REASON.ACCEPTED;
    if (!addresses.isMulticast(header.destination) && !addresses.isBroadcast(header.destination)) {
      return REASON.OTHERHOST;
    }
    return header.protocol === PROTOCOL_ICMP ? REASON.ICMP_BROADCAST : REASON.IP_BROADCAST;
  }

  private receiveFragment(packet: Packet): void {
    const verdict = this.reassembly.add(packet, this.header);
    if (verdict === REASON.ACCEPTED) this.deliver(this.reassembly.assembled, false);
    else if (verdict === REASON.IP_FRAGMENT) this.counters.count(verdict);
    else this.drop(packet, verdict);
  }

  private deliver(packet: Packet, whole: boolean): void {
    const header = this.header;
    if (header.protocol === PROTOCOL_ICMP) {
      const verdict = this.icmp.receive(packet, header, whole);
      if (verdict !== REASON.ACCEPTED) this.drop(packet, verdict);
      return;
    }
    const protocol = this.protocols[header.protocol] as IpProtocol | null;
    if (protocol !== null) {
      protocol.receive(packet, header);
      return;
    }
    this.drop(packet, REASON.IP_NOPROTO);
    const code = header.protocol === PROTOCOL_UDP ? ICMP_PORT_UNREACHABLE : ICMP_PROTOCOL_UNREACHABLE;
    this.icmp.unreachable(packet, header, code);
  }

  private drop(packet: Packet, reason: Reason): void {
    this.counters.count(reason);
    if (this.trace !== null) this.trace.packetDropped(packet, reason);
  }
}
