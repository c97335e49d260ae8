/** Who stands on IP, and what IP tells them. */

import type { Ipv4Header } from '../wire/ipv4.ts';
import type { Packet } from '../wire/packet.ts';

export { Ipv4Header } from '../wire/ipv4.ts';

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

/** An ICMP error about a segment of ours, checked for length. Reused. */
export class IcmpError {
  type = 0;
  code = 0;
  /** Next-hop MTU of "fragmentation needed", 0 when absent. */
  mtu = 0;
  /** Total length of the quoted packet, for the plateau table. */
  quotedLength = 0;
  /** From the quoted packet: its source is us. */
  localAddress = 0;
  peerAddress = 0;
  localPort = 0;
  peerPort = 0;
  /** The quoted sequence number (int32). */
  sequence = 0;
}

/** A transport protocol as ip/input and ip/icmp see it. Phase 1: it must not send. */
export interface IpProtocol {
  receive(packet: Packet, ip: Ipv4Header): void;
  icmpError(error: IcmpError): void;
}
