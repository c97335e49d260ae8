/**
 * To which of several queues a packet belongs. All packets of a flow belong to one; so do all
 * fragments between two addresses, whatever they carry, and an ICMP error goes with the flow that it
 * quotes. The kernel's program (native/steering.cc) computes the same from the same key.
 */

import type { Random } from '../base/random.ts';
import { HalfSipHash } from '../base/siphash.ts';
import {
  ICMP_BODY,
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
} from './icmpv4.ts';
import {
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_MORE_FRAGMENTS,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
} from './ipv4.ts';
import type { Packet } from './packet.ts';

const FRAGMENTED = IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK;
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
/** Who gets what is too short to tell. */
const FIRST_QUEUE = 0;

export class Steering {
  readonly queues: number;
  private readonly hasher: HalfSipHash;

  /** `key` gives the two words of the key. */
  constructor(key: Random, queues: number) {
    this.queues = queues;
    this.hasher = new HalfSipHash(key);
  }

  /** The queue of a flow; addresses are int32. Ports 0 and 0: of all that has none. */
  queueOf(local: number, peer: number, localPort: number, peerPort: number): number {
    return (this.hasher.hash(local, peer, (localPort << 16) | peerPort) >>> 0) % this.queues;
  }

  /** The queue of a packet that was received. */
  queueOfPacket(packet: Packet): number {
    const { view, start } = packet;
    if (packet.end - start < IPV4_DESTINATION + 4) return FIRST_QUEUE;
    const local = view.getInt32(start + IPV4_DESTINATION);
    const peer = view.getInt32(start + IPV4_SOURCE);
    if ((view.getUint16(start + IPV4_FRAGMENT) & FRAGMENTED) === 0) {
      const transport = start + headerLength(view, start);
      const protocol = view.getUint8(start + IPV4_PROTOCOL);
      if (protocol === PROTOCOL_ICMP) return this.queueOfIcmp(packet, transport, local, peer);
      if (protocol === PROTOCOL_TCP) {
        if (packet.end < transport + 4) return FIRST_QUEUE;
        return this.queueOf(local, peer, view.getUint16(transport + 2), view.getUint16(transport));
      }
    }
    return this.queueOf(local, peer, 0, 0);
  }

  private queueOfIcmp(packet: Packet, message: number, local: number, peer: number): number {
    const { view, end } = packet;
    if (end <= message) return FIRST_QUEUE;
    if (!isError(view.getUint8(message))) return this.queueOf(local, peer, 0, 0);
    const quote = message + ICMP_BODY;
    if (end <= quote + IPV4_PROTOCOL) return FIRST_QUEUE;
    if (view.getUint8(quote + IPV4_PROTOCOL) !== PROTOCOL_TCP) return this.queueOf(local, peer, 0, 0);
    if ((view.getUint16(quote + IPV4_FRAGMENT) & FRAGMENTED) !== 0) return this.queueOf(local, peer, 0, 0);
    const transport = quote + headerLength(view, quote);
    if (end < Math.max(transport, quote + IPV4_DESTINATION) + 4) return FIRST_QUEUE;
    // The quoted packet was ours: its source is the local end.
    return this.queueOf(
      view.getInt32(quote + IPV4_SOURCE),
      view.getInt32(quote + IPV4_DESTINATION),
      view.getUint16(transport),
      view.getUint16(transport + 2),
    );
  }
}

function headerLength(view: DataView, at: number): number {
  return (view.getUint8(at) & 0x0f) * 4;
}

function isError(type: number): boolean {
  return (
    type === ICMP_DESTINATION_UNREACHABLE || type === ICMP_TIME_EXCEEDED || type === ICMP_PARAMETER_PROBLEM
  );
}
