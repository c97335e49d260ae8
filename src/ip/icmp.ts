/** ICMP: echo, the errors we send, the errors we are told of. RFC 792, RFC 1122 §3.2.2, RFC 5927. */

import type { Counters } from '../base/counters.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import { updateChecksum } from '../wire/checksum.ts';
import { Frame, IP_HEADER_LENGTH } from '../wire/frame.ts';
import {
  checkIcmp,
  ICMP_BODY,
  ICMP_CHECKSUM,
  ICMP_CODE,
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HEADER_LENGTH,
  ICMP_NEXT_HOP_MTU,
  ICMP_PARAMETER_PROBLEM,
  ICMP_QUOTE_MIN,
  ICMP_REASSEMBLY_TIME,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_TYPE,
  writeIcmpHeader,
} from '../wire/icmpv4.ts';
import {
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_MORE_FRAGMENTS,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  type Ipv4Header,
} from '../wire/ipv4.ts';
import type { Packet } from '../wire/packet.ts';
import { TCP_DESTINATION_PORT, TCP_SEQUENCE, TCP_SOURCE_PORT } from '../wire/tcp-header.ts';
import type { LocalAddresses } from './addresses.ts';
import type { ReassemblyListener } from './fragments.ts';
import { IcmpQueue } from './icmp-queue.ts';
import type { IpOutput } from './output.ts';
import { IcmpError, type IpProtocol, PROTOCOL_ICMP, PROTOCOL_TCP } from './protocol.ts';
import type { IcmpRateLimit } from './rate-limit.ts';

/** The longest error we send, IP header included, RFC 1812 §4.3.2.3. */
const ERROR_LENGTH_MAX = 576;
const QUOTE_MAX = ERROR_LENGTH_MAX - IP_HEADER_LENGTH - ICMP_HEADER_LENGTH;
const ECN_MASK = 0x03;

/** Phases 1 and 2 queue messages, {@link transmit} sends them in phase 4. */
export class Icmp implements ReassemblyListener {
  /** TCP, when it is there: who is told of errors. */
  tcp: IpProtocol | null = null;

  private readonly addresses: LocalAddresses;
  private readonly counters: Counters;
  private readonly limit: IcmpRateLimit;
  private readonly queue = new IcmpQueue();
  private readonly error = new IcmpError();
  private readonly frame = new Frame();

  constructor(addresses: LocalAddresses, counters: Counters, limit: IcmpRateLimit) {
    this.addresses = addresses;
    this.counters = counters;
    this.limit = limit;
  }

  /** Messages wait for {@link transmit}. */
  get hasOutput(): boolean {
    return this.queue.count > 0;
  }

  /**
   * One message to an address of ours. ACCEPTED, or why nothing came of it. `whole`: the datagram
   * did not come in fragments.
   */
  receive(packet: Packet, ip: Ipv4Header, whole: boolean): Reason {
    const verdict = checkIcmp(packet, ip);
    if (verdict !== REASON.ACCEPTED) return verdict;
    switch (packet.view.getUint8(ip.payloadStart + ICMP_TYPE)) {
      case ICMP_ECHO:
        return this.echo(packet, ip, whole);
      case ICMP_DESTINATION_UNREACHABLE:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAMETER_PROBLEM:
        return this.receiveError(packet, ip);
      case ICMP_REDIRECT:
        return REASON.ICMP_REDIRECT;
      case ICMP_SOURCE_QUENCH:
        return REASON.ICMP_SOURCE_QUENCH;
      default:
        return REASON.ICMP_UNKNOWN;
    }
  }

  /** Answers `packet` with Destination Unreachable, unless over the limit (RFC 1122 §3.2.2.1). */
  unreachable(packet: Packet, ip: Ipv4Header, code: number): void {
    this.sendError(packet, ip, (ICMP_DESTINATION_UNREACHABLE << 8) | code);
  }

  /** Time Exceeded for a datagram whose rest did not come, RFC 1122 §3.3.2. */
  reassemblyTimedOut(packet: Packet, ip: Ipv4Header): void {
    if (this.isIcmpError(packet, ip)) return;
    this.sendError(packet, ip, (ICMP_TIME_EXCEEDED << 8) | ICMP_REASSEMBLY_TIME);
  }

  /** Phase 4: sends what waits, as long as the link takes it. */
  transmit(output: IpOutput): void {
    const { queue, frame } = this;
    while (output.writable && queue.take()) {
      frame.headerLength = IP_HEADER_LENGTH;
      frame.payload = queue.bytes;
      frame.payloadStart = queue.start;
      frame.payloadLength = queue.length;
      frame.source = queue.source;
      frame.destination = queue.destination;
      frame.protocol = PROTOCOL_ICMP;
      frame.tos = queue.tos;
      // A reply to what came in one piece fits back in one piece; without DF each would cost an IP ID.
      frame.dontFragment = queue.dontFragment && IP_HEADER_LENGTH + queue.length <= output.mtu;
      output.send(frame);
    }
  }

  /** RFC 1122 §3.2.2.6: the same message back, from the address it was sent to. */
  private echo(packet: Packet, ip: Ipv4Header, whole: boolean): Reason {
    const queue = this.queue;
    if (!queue.reserve(ip.payloadEnd - ip.payloadStart)) return REASON.ICMP_RATE_LIMIT;
    const { view, start } = queue;
    queue.bytes.set(packet.bytes.subarray(ip.payloadStart, ip.payloadEnd), start);
    const before = view.getUint16(start + ICMP_TYPE);
    const after = (ICMP_ECHO_REPLY << 8) | view.getUint8(start + ICMP_CODE);
    view.setUint16(start + ICMP_TYPE, after);
    const checksum = updateChecksum(view.getUint16(start + ICMP_CHECKSUM), before, after);
    view.setUint16(start + ICMP_CHECKSUM, checksum);
    queue.source = ip.destination;
    queue.destination = ip.source;
    queue.tos = ip.tos & ~ECN_MASK;
    queue.dontFragment = whole;
    queue.push();
    this.counters.count(REASON.ICMP_ECHO);
    return REASON.ACCEPTED;
  }

  private sendError(packet: Packet, ip: Ipv4Header, typeAndCode: number): void {
    const queue = this.queue;
    const quoted = Math.min(packet.end - packet.start, QUOTE_MAX);
    if (!this.limit.allows(ip.source) || !queue.reserve(ICMP_HEADER_LENGTH + quoted)) {
      this.counters.count(REASON.ICMP_RATE_LIMIT);
      return;
    }
    const { view, start } = queue;
    const end = start + ICMP_HEADER_LENGTH + quoted;
    queue.bytes.set(packet.bytes.subarray(packet.start, packet.start + quoted), start + ICMP_BODY);
    writeIcmpHeader(view, start, end, typeAndCode);
    queue.source = ip.destination;
    queue.destination = ip.source;
    queue.tos = 0;
    queue.dontFragment = true;
    queue.push();
  }

  /** RFC 1122 §3.2.2: no error about an error. */
  private isIcmpError(packet: Packet, ip: Ipv4Header): boolean {
    if (ip.protocol !== PROTOCOL_ICMP) return false;
    const type = packet.view.getUint8(ip.payloadStart + ICMP_TYPE);
    return type !== ICMP_ECHO && type !== ICMP_ECHO_REPLY;
  }

  /** RFC 1122 §3.2.2.1: to the transport protocol of the quoted packet, if it can be ours (RFC 5927 §4.1). */
  private receiveError(packet: Packet, ip: Ipv4Header): Reason {
    const { view } = packet;
    const { error } = this;
    const quote = ip.payloadStart + ICMP_BODY;
    const available = ip.payloadEnd - quote;
    if (available < IP_HEADER_LENGTH + ICMP_QUOTE_MIN) return REASON.ICMP_SHORT;
    const headerLength = (view.getUint8(quote) & 0x0f) * 4;
    if (view.getUint8(quote) >> 4 !== 4 || headerLength < IP_HEADER_LENGTH) return REASON.ICMP_NO_CONNECTION;
    if (available < headerLength + ICMP_QUOTE_MIN) return REASON.ICMP_SHORT;
    const fragment = view.getUint16(quote + IPV4_FRAGMENT) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK);
    error.localAddress = view.getInt32(quote + IPV4_SOURCE);
    if (fragment !== 0 || !this.addresses.isLocal(error.localAddress)) return REASON.ICMP_NO_CONNECTION;
    if (view.getUint8(quote + IPV4_PROTOCOL) !== PROTOCOL_TCP || this.tcp === null)
      return REASON.ICMP_NO_CONNECTION;
    const transport = quote + headerLength;
    error.type = view.getUint8(ip.payloadStart + ICMP_TYPE);
    error.code = view.getUint8(ip.payloadStart + ICMP_CODE);
    error.mtu = 0;
    if (error.type === ICMP_DESTINATION_UNREACHABLE && error.code === ICMP_FRAGMENTATION_NEEDED) {
      error.mtu = view.getUint16(ip.payloadStart + ICMP_NEXT_HOP_MTU);
    }
    error.quotedLength = view.getUint16(quote + IPV4_TOTAL_LENGTH);
    error.peerAddress = view.getInt32(quote + IPV4_DESTINATION);
    error.localPort = view.getUint16(transport + TCP_SOURCE_PORT);
    error.peerPort = view.getUint16(transport + TCP_DESTINATION_PORT);
    error.sequence = view.getInt32(transport + TCP_SEQUENCE);
    this.tcp.icmpError(error);
    return REASON.ACCEPTED;
  }
}
