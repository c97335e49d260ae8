/**
 * The closed vocabulary of reasons: why a packet or segment was dropped, answered or taken.
 *
 * Every verdict anywhere in the stack names one of these, and every one has a counter
 * (`Counters.byReason`). Names are the Linux kernel's drop reasons where it has one. The order is
 * part of recorded event logs: append, never reorder.
 */

import { constantTable } from './constant-table.ts';

export interface ReasonShape {
  readonly name: string;
  /** Which layer gives it. */
  readonly layer: 'device' | 'ip' | 'icmp' | 'tcp';
  /** The clause behind it, in the house form `RFC nnnn §s`. */
  readonly rfc: string;
  /** One sentence for people. */
  readonly text: string;
}

function row<const Name extends string>(
  name: Name,
  layer: ReasonShape['layer'],
  rfc: string,
  text: string,
): ReasonShape & { readonly name: Name } {
  return { name, layer, rfc, text };
}

// biome-ignore format: table
export const REASONS = [
  row('ACCEPTED', 'tcp', 'RFC 9293 §3.10.7.4', 'the segment was acceptable and was processed'),
  // device
  row('DEVICE_QUEUE_FULL', 'device', '', 'the device took no more packets and this one could wait for nobody'),
  row('DEVICE_ERROR', 'device', '', 'the device refused the packet'),
  row('PACKET_GUARD', 'device', '', 'processing the packet threw: a bug of ours'),
  // ip
  row('PKT_TOO_SMALL', 'ip', 'RFC 791 §3.1', 'fewer bytes than the header needs'),
  row('IP_VERSION', 'ip', 'RFC 1122 §3.2.1.1', 'the version is not 4'),
  row('IP_INHDR', 'ip', 'RFC 791 §3.1', 'the header length or total length contradicts the packet'),
  row('IP_CSUM', 'ip', 'RFC 1122 §3.2.1.2', 'the header checksum is wrong'),
  row('IP_OPTIONS', 'ip', 'RFC 1122 §3.2.1.8', 'an IP option is malformed'),
  row('IP_SOURCE_ROUTE', 'ip', 'RFC 7126 §4.3', 'source-routed packets are dropped'),
  row('IP_INVALID_SOURCE', 'ip', 'RFC 1122 §3.2.1.3', 'no host may have this source address'),
  row('IP_LOCAL_SOURCE', 'ip', 'RFC 1122 §3.2.1.3', 'the source is one of our own addresses'),
  row('OTHERHOST', 'ip', 'RFC 1122 §3.2.1.3', 'the packet is for another host; we do not forward'),
  row('IP_BROADCAST', 'ip', 'RFC 9293 §3.9.2.3', 'sent to a broadcast or multicast address'),
  row('IP_NOPROTO', 'ip', 'RFC 1122 §3.2.2.1', 'nobody here speaks this protocol'),
  row('IP_FRAGMENT', 'ip', 'RFC 791 §3.2', 'the fragment was kept for reassembly'),
  row('FRAG_MALFORMED', 'ip', 'RFC 791 §3.2', 'the fragment is misaligned, empty or too long'),
  row('FRAG_OVERLAP', 'ip', 'RFC 5722 §4', 'fragments overlap: the whole datagram is discarded'),
  row('FRAG_ECN', 'ip', 'RFC 3168 §5.3', 'one fragment bears a congestion mark, and another could not'),
  row('FRAG_TINY', 'ip', 'RFC 1858 §3', 'the first fragment does not hold the transport header'),
  row('FRAG_LIMIT', 'ip', 'RFC 1122 §3.3.2', 'the reassembly limits are reached'),
  row('FRAG_REASM_TIMEOUT', 'ip', 'RFC 1122 §3.3.2', 'the missing fragments did not come in time'),
  row('DUP_FRAG', 'ip', 'RFC 815 §3', 'the same fragment again'),
  row('PKT_TOO_BIG', 'ip', 'RFC 1191 §3', 'larger than the path takes and may not be fragmented'),
  row('IP_ID_EXHAUSTED', 'ip', 'RFC 6864 §4.3', 'no IP ID is free for another fragmented packet to this peer'),
  // icmp
  row('ICMP_CSUM', 'icmp', 'RFC 1122 §3.2.2', 'the ICMP checksum is wrong'),
  row('ICMP_UNKNOWN', 'icmp', 'RFC 1122 §3.2.2', 'an ICMP type that is ignored'),
  row('ICMP_SHORT', 'icmp', 'RFC 1122 §3.2.2', 'the ICMP message or its quote is too short'),
  row('ICMP_RATE_LIMIT', 'icmp', 'RFC 1812 §4.3.2.8', 'the answer is over the ICMP rate limit'),
  row('ICMP_REDIRECT', 'icmp', 'RFC 1122 §3.2.2.2', 'redirects are ignored: there is one way out'),
  row('ICMP_SOURCE_QUENCH', 'icmp', 'RFC 6633 §3', 'source quench is ignored'),
  row('ICMP_NO_CONNECTION', 'icmp', 'RFC 5927 §4.1', 'the quoted segment belongs to no connection'),
  row('ICMP_QUOTE_OUTSIDE', 'icmp', 'RFC 5927 §4.1', 'the quoted sequence number is not in flight'),
  row('ICMP_SOFT_ERROR', 'icmp', 'RFC 9293 §3.9.2.2', 'noted as a soft error; the connection goes on'),
  row('ICMP_HARD_ERROR', 'icmp', 'RFC 9293 §3.9.2.2', 'the connection attempt was ended'),
  row('ICMP_PMTU', 'icmp', 'RFC 1191 §3', 'the path MTU was lowered'),
  row('ICMP_ECHO', 'icmp', 'RFC 1122 §3.2.2.6', 'an echo request was answered'),
  row('ICMP_BROADCAST', 'icmp', 'RFC 1122 §3.2.2.6', 'echo requests to broadcast addresses are ignored'),
  // tcp: the segment itself
  row('TCP_HEADER', 'tcp', 'RFC 9293 §3.1', 'the data offset contradicts the segment, or a port is 0'),
  row('TCP_CSUM', 'tcp', 'RFC 9293 §3.1', 'the checksum is wrong (MUST-3)'),
  row('TCP_OPTION_LENGTH', 'tcp', 'RFC 9293 §3.1', 'an option has an illegal length: it and the rest were ignored (MUST-7)'),
  row('TCP_FLAGS', 'tcp', 'RFC 9293 §3.10.7', 'this combination of control bits is not processed in this state'),
  row('NO_SOCKET', 'tcp', 'RFC 9293 §3.10.7.1', 'no connection and no listener: answered with a reset unless it was one'),
  row('TCP_RST_LIMIT', 'tcp', 'RFC 9293 §3.5.2', 'the reset that this segment earned is over the limit'),
  row('TCP_RST_IGNORED', 'tcp', 'RFC 9293 §3.10.7.2', 'a reset where there is nothing to reset'),
  // tcp: acceptability
  row('TCP_OLD_SEQUENCE', 'tcp', 'RFC 9293 §3.10.7.4', 'wholly left of the window: old data, answered with an ACK'),
  row('TCP_OVERWINDOW', 'tcp', 'RFC 9293 §3.10.7.4', 'wholly right of the window, answered with an ACK'),
  row('TCP_ZEROWINDOW', 'tcp', 'RFC 9293 §3.8.6.1', 'the window is closed: answered with an ACK'),
  row('TCP_RFC7323_PAWS', 'tcp', 'RFC 7323 §5.3', 'the timestamp is older than the last one: an old duplicate'),
  row('TCP_TIMESTAMP_MISSING', 'tcp', 'RFC 7323 §3.2', 'timestamps were agreed and this segment has none'),
  row('TCP_RESET', 'tcp', 'RFC 9293 §3.10.7.4', 'an acceptable reset ended the connection'),
  row('TCP_RST_CHALLENGE', 'tcp', 'RFC 5961 §3.2', 'a reset inside the window but not at RCV.NXT: challenged'),
  row('TCP_RST_OUTSIDE', 'tcp', 'RFC 5961 §3.2', 'a reset outside the window'),
  row('TCP_RST_TIMEWAIT', 'tcp', 'RFC 1337 §3', 'resets in TIME-WAIT are ignored'),
  row('TCP_SYN_CHALLENGE', 'tcp', 'RFC 5961 §4.2', 'a SYN in a synchronized state: challenged'),
  row('TCP_CHALLENGE_LIMIT', 'tcp', 'RFC 5961 §7', 'the challenge ACK is over the limit of this connection'),
  row('TCP_NO_ACK', 'tcp', 'RFC 9293 §3.10.7.4', 'the ACK bit is off'),
  row('TCP_INVALID_ACK_SEQUENCE', 'tcp', 'RFC 9293 §3.10.7.4', 'the ACK does not acknowledge our SYN: answered with a reset'),
  row('TCP_TOO_OLD_ACK', 'tcp', 'RFC 5961 §5.2', 'the ACK is older than any window the peer could know'),
  row('TCP_ACK_UNSENT_DATA', 'tcp', 'RFC 9293 §3.10.7.4', 'the ACK is for something not yet sent'),
  row('TCP_ABORT_ON_DATA', 'tcp', 'RFC 9293 §3.6.1', 'data for an application that has closed: answered with a reset'),
  row('TCP_AFTER_FIN', 'tcp', 'RFC 9293 §3.10.7.4', 'data behind the FIN that the peer has sent'),
  row('TCP_OLD_DATA', 'tcp', 'RFC 9293 §3.10.7.4', 'the part that had already been received was cut off'),
  row('TCP_DUPLICATE', 'tcp', 'RFC 9293 §3.10.7.4', 'everything in it had already been received'),
  row('TCP_OFO_QUEUED', 'tcp', 'RFC 9293 §3.10.7.4', 'kept until the gap before it is filled (SHLD-31)'),
  row('TCP_OFO_DROP', 'tcp', 'RFC 9293 §3.10.7.4', 'out of order, and the limits of reassembly are reached'),
  row('TCP_MEMORY', 'tcp', 'RFC 9293 §3.8.6', 'the memory budget of the stack is used up'),
  // tcp: opening
  row('TCP_INVALID_SYN', 'tcp', 'RFC 9293 §3.10.7.2', 'a SYN with FIN or RST, or one that no listener takes'),
  row('TCP_DEFER_ACCEPT', 'tcp', 'RFC 9293 §3.10.7.4', 'the listener waits for data before it takes the connection'),
  row('TCP_LISTEN_OVERFLOW', 'tcp', 'RFC 9293 §3.10.7.2', 'the accept queue is full'),
  row('TCP_SYN_QUEUE_FULL', 'tcp', 'RFC 4987 §3.4', 'the SYN queue is full and cookies are off'),
  row('TCP_SYN_COOKIE', 'tcp', 'RFC 4987 §3.6', 'the SYN queue is full: answered with a cookie'),
  row('TCP_COOKIE_INVALID', 'tcp', 'RFC 4987 §3.6', 'an ACK to a listener that carries no valid cookie'),
  row('TCP_CONNECTION_LIMIT', 'tcp', 'RFC 4987 §3.3', 'the table of connections is full'),
  row('TCP_SYN_DATA', 'tcp', 'RFC 9293 §3.10.7.2', 'data on the SYN was left for the peer to send again'),
  // tcp: TIME-WAIT
  row('TIMEWAIT_REUSED', 'tcp', 'RFC 6191 §2', 'a new SYN took the place of the TIME-WAIT state'),
  row('TIMEWAIT_SYN', 'tcp', 'RFC 6191 §2', 'a SYN that may not replace the TIME-WAIT state'),
  row('TIMEWAIT_EVICTED', 'tcp', 'RFC 9293 §3.6.1', 'the oldest TIME-WAIT state left: the table is full'),
  // tcp: events worth a counter that are no verdicts
  row('TCP_RETRANSMIT', 'tcp', 'RFC 6298 §5', 'a segment was sent again'),
  row('TCP_RTO', 'tcp', 'RFC 6298 §5', 'the retransmission timer expired'),
  row('TCP_FAST_RETRANSMIT', 'tcp', 'RFC 5681 §3.2', 'a loss was repaired without a timeout'),
  row('TCP_LOSS_PROBE', 'tcp', 'RFC 8985 §7.3', 'a tail loss probe was sent'),
  row('TCP_ZERO_WINDOW_PROBE', 'tcp', 'RFC 9293 §3.8.6.1', 'a window probe was sent'),
  row('TCP_KEEPALIVE_PROBE', 'tcp', 'RFC 9293 §3.8.4', 'a keep-alive probe was sent'),
  row('TCP_ACTIVE_OPEN', 'tcp', 'RFC 9293 §3.10.1', 'an active open'),
  row('TCP_PASSIVE_OPEN', 'tcp', 'RFC 9293 §3.10.7.2', 'a connection reached ESTABLISHED from a listener'),
  row('TCP_PMTU_BLACK_HOLE', 'tcp', 'RFC 4821 §7.7', 'large segments seem to vanish: smaller ones are tried'),
  row('TCP_COOKIE_ACCEPTED', 'tcp', 'RFC 4987 §3.6', 'an ACK brought a cookie of ours back'),
  row('TCP_ECN_REDUCTION', 'tcp', 'RFC 3168 §6.1.2', 'an echoed congestion mark made the window smaller'),
  row('TCP_ORPHAN_LIMIT', 'tcp', 'RFC 9293 §3.8.3', 'an orphan was given up'),
] as const satisfies readonly ReasonShape[];

export type ReasonName = (typeof REASONS)[number]['name'];

/** Index into {@link REASONS} and into the counters. */
export type Reason = number;

/** `REASON.TCP_CSUM` and so on: the code of each reason. */
export const REASON: { readonly [name in ReasonName]: Reason } = constantTable(
  REASONS.map(({ name }) => name),
);
