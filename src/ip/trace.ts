import type { Reason } from '../base/reasons.ts';
import type { Packet } from '../wire/packet.ts';

export interface IpTrace {
  packetDropped(packet: Packet, reason: Reason): void;
}
