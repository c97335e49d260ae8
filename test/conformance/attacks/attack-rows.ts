/** The attacks of counters.test.ts: what is sent in one round of each, and what it may cost. */

import type { ReasonName } from '../../../src/base/reasons.ts';
import type { Outgoing, Testbed } from '../../support/peer.ts';
import { echoOf, type Forged, icmpOf, OWN, PEER, packetOf, pattern } from '../../unit/ip/harness.ts';

/** Rounds of each attack. */
export const ROUNDS = 200;
/** RFC 5961: challenge ACKs of one connection within one moment. */
const CHALLENGES = 10;
/** ICMP errors to one destination within one moment. */
const ERRORS = 6;

export interface Attack {
  readonly title: string;
  /** The packets of one round. */
  readonly round: (bed: Testbed, number: number) => readonly Uint8Array[];
  /** Exactly these are counted, and each packet by one of them. */
  readonly named: readonly ReasonName[];
  /** May be counted beside them. */
  readonly also?: readonly ReasonName[];
  /** A packet is counted by more than one of them, or by none. */
  readonly uneven?: boolean;
  /** Packets sent in all rounds together. */
  readonly sent?: number;
  /** Bytes of memory that may be in use in the end. */
  readonly memory?: number;
}

const segment = pattern(100).fill(0x50, 12, 13);
const ip = (fields: Forged): Uint8Array => packetOf({ payload: segment, ...fields });
const part = (offset: number, end: number, extra: Forged = {}): Uint8Array =>
  packetOf({ offset, mf: end < segment.length, payload: segment.subarray(offset, end), ...extra });
const icmp = (type: number, code: number, body: Uint8Array, rest = 0): Uint8Array =>
  packetOf({ protocol: 1, payload: icmpOf(type, code, body, rest) });
/** A segment of ours that is in flight, as an ICMP error quotes it. */
const quoted = (bed: Testbed): Uint8Array => (bed.packets.at(-1) as Uint8Array).subarray(0, 48);

const IP_LAYER: readonly Attack[] = [
  {
    title: 'A01 header-length lies',
    round: () => [0, 1, 4].map((ihl) => ip({ ihl })).concat(ip({}).subarray(0, 19)),
    named: ['IP_INHDR', 'PKT_TOO_SMALL'],
  },
  {
    title: 'A02 total-length lies',
    round: () => [0, 19, 65_535].map((totalLength) => ip({ totalLength })),
    named: ['IP_INHDR'],
  },
  {
    title: 'A04 IP options that loop or overrun',
    round: () =>
      [
        [7, 0, 4, 0],
        [7, 1, 4, 0],
        [0x94, 9, 0, 0],
      ].map((options) => ip({ options })),
    named: ['IP_OPTIONS'],
  },
  {
    title: 'A05 source routing',
    round: () => [131, 137].map((type) => ip({ options: [type, 7, 4, 10, 9, 0, 1, 0] })),
    named: ['IP_SOURCE_ROUTE'],
  },
  {
    title: 'A06 IP in IP in IP',
    round: () => [ip({ protocol: 4, payload: ip({ protocol: 4, payload: ip({}) }) })],
    named: ['IP_NOPROTO', 'ICMP_RATE_LIMIT'],
    uneven: true,
    sent: ERRORS,
  },
  {
    title: 'A07 ping of death',
    round: (_, id) => [ip({ protocol: 1, id, offset: 8191 * 8 })],
    named: ['FRAG_MALFORMED'],
  },
  {
    title: 'A08 teardrop',
    round: (_, id) => [part(0, 48, { id }), part(24, 32, { id })],
    named: ['IP_FRAGMENT', 'FRAG_OVERLAP', 'FRAG_LIMIT'],
    uneven: true,
  },
  {
    title: 'A09 a fragment again with other bytes',
    round: (_, id) => [part(0, 48, { id }), part(0, 48, { id, payload: new Uint8Array(48).fill(0x50) })],
    named: ['IP_FRAGMENT', 'FRAG_OVERLAP', 'FRAG_LIMIT'],
    uneven: true,
  },
  {
    title: 'A10 a tiny first fragment',
    round: (_, id) => [part(0, 8, { id }), part(8, 32, { id })],
    named: ['FRAG_TINY'],
  },
  {
    title: 'A11 fragments that are never complete',
    round: (_, id) => [part(0, 48, { id }), part(96, 100, { id })],
    named: ['IP_FRAGMENT', 'FRAG_LIMIT'],
    uneven: true,
  },
  {
    title: 'A12 FragmentSmack',
    round: (_, n) => [packetOf({ id: 7, offset: 64_000 - 16 * n, mf: true, payload: pattern(8) })],
    named: ['IP_FRAGMENT', 'FRAG_LIMIT'],
    uneven: true,
  },
  {
    title: 'A13 two last fragments',
    round: (_, id) => [part(48, 100, { id }), packetOf({ id, offset: 104, payload: pattern(8) })],
    named: ['IP_FRAGMENT', 'FRAG_OVERLAP', 'FRAG_LIMIT'],
    uneven: true,
  },
  {
    title: 'A14 empty and misaligned fragments',
    round: (_, id) => [
      ip({ id, offset: 48, payload: [] }),
      ip({ id, offset: 48, mf: true, payload: pattern(9) }),
    ],
    named: ['FRAG_MALFORMED'],
  },
  {
    title: 'A17 martian sources',
    round: () => ['127.0.0.1', '0.0.0.0', '240.0.0.1', OWN].map((source) => ip({ source })),
    named: ['IP_INVALID_SOURCE', 'IP_LOCAL_SOURCE'],
  },
  {
    title: 'A18 TCP to broadcast and multicast addresses',
    round: () => ['255.255.255.255', '224.0.0.1', '10.9.0.255'].map((destination) => ip({ destination })),
    named: ['IP_BROADCAST'],
  },
  {
    title: 'A19 Smurf',
    round: () => [packetOf({ destination: '10.9.0.255', protocol: 1, payload: echoOf([1]) })],
    named: ['ICMP_BROADCAST'],
  },
  {
    title: 'A20 errors about errors, and about what is no first fragment',
    round: (_, id) => [
      icmp(3, 3, packetOf({ source: OWN, destination: PEER, protocol: 1, payload: icmpOf(3, 3, segment) })),
      ip({ protocol: 132, offset: 800, id }),
    ],
    named: ['ICMP_NO_CONNECTION', 'IP_FRAGMENT', 'FRAG_LIMIT'],
    uneven: true,
  },
  {
    title: 'A22 echo requests with a source route',
    round: () => [packetOf({ protocol: 1, options: [131, 7, 4, 192, 0, 2, 9, 0], payload: echoOf([1]) })],
    named: ['IP_SOURCE_ROUTE'],
  },
  {
    title: 'A23 an ICMP message that is shorter than its header',
    round: () => [packetOf({ protocol: 1, payload: [8, 0, 0xf7, 0xff, 0, 0, 0], trailing: 40 })],
    named: ['ICMP_SHORT'],
  },
  {
    title: 'A24 redirects',
    round: (bed) => [icmp(5, 1, quoted(bed), 0x0a090042)],
    named: ['ICMP_REDIRECT'],
  },
  {
    title: 'A25 hard errors about an established connection',
    round: (bed) => [1, 2, 3].map((code) => icmp(3, code, quoted(bed))),
    named: ['ICMP_SOFT_ERROR'],
  },
  {
    title: 'A26 source quench',
    round: (bed) => [icmp(4, 0, quoted(bed))],
    named: ['ICMP_SOURCE_QUENCH'],
  },
  {
    title: 'A27 a path MTU told for a segment that is smaller',
    round: (bed) => [icmp(3, 4, quoted(bed), 9000), icmp(3, 4, quoted(bed), 65_535)],
    named: ['PKT_TOO_BIG'],
  },
  {
    title: 'A30 timestamp, information and mask requests',
    round: () => [13, 15, 17].map((type) => icmp(type, 0, pattern(12))),
    named: ['ICMP_UNKNOWN'],
  },
  {
    title: 'A31 short quotes',
    round: (bed) => [0, 8, 20, 27].map((length) => icmp(3, 1, quoted(bed).subarray(0, length))),
    named: ['ICMP_SHORT'],
  },
];

/** Segments of the connection's own peer, one for each description. */
const segments =
  (...all: (Omit<Outgoing, 'flags'> & { flags?: string })[]) =>
  (bed: Testbed): Uint8Array[] =>
    all.map((out) => bed.peer.build({ flags: 'A', seq: bed.peer.nxt, ...out }));

/** A segment cut off after some bytes; its checksum is right. */
const cut = (length: number): Uint8Array => ip({ payload: new Uint8Array(length) });

const PARSING: readonly Attack[] = [
  {
    title: 'B01 data-offset lies',
    round: segments({ dataOffset: 0 }, { dataOffset: 4 }, { dataOffset: 15 }),
    named: ['TCP_HEADER'],
  },
  { title: 'B02 fewer than twenty bytes', round: () => [0, 1, 12, 19].map(cut), named: ['TCP_HEADER'] },
  {
    title: 'B03 an option of length 0',
    round: segments({ rawOptions: [255, 0, 1, 1] }, { rawOptions: [2, 0] }),
    named: ['TCP_OPTION_LENGTH'],
    also: ['ACCEPTED'],
    uneven: true,
  },
  {
    title: 'B04 options of length 1, beyond the header, cut off behind their kind',
    round: segments(
      { rawOptions: [8, 1, 1, 1] },
      { rawOptions: [8, 200, 1, 1] },
      { rawOptions: [1, 1, 1, 8] },
    ),
    named: ['TCP_OPTION_LENGTH'],
    also: ['ACCEPTED'],
    uneven: true,
  },
  {
    title: 'B10 wrong checksums',
    round: segments({ data: 100, seq: 1, checksumError: 1 }, { flags: 'S', checksumError: 0x8000 }),
    named: ['TCP_CSUM'],
  },
  {
    title: 'B11 no flags, FIN alone, XMAS, at an established connection',
    round: segments({ flags: '' }, { flags: 'F' }, { flags: 'FPU' }),
    named: ['TCP_NO_ACK'],
  },
  {
    title: 'B11 SYN with FIN and all others at an established connection',
    round: segments({ flags: 'SF' }, { flags: 'SFA' }, { flags: 'SFPAU' }),
    named: ['TCP_SYN_CHALLENGE', 'TCP_CHALLENGE_LIMIT'],
    uneven: true,
    sent: CHALLENGES,
  },
  {
    title: 'B11 SYN with FIN, no flags, XMAS at a listener',
    round: (bed) => {
      const port = { sourcePort: 50_000, seq: 5 };
      return segments({ flags: 'SF', ...port }, { flags: '', ...port }, { flags: 'FPU', ...port })(bed);
    },
    named: ['TCP_INVALID_SYN', 'TCP_FLAGS'],
  },
  {
    title: 'B14 port 0',
    round: segments({ flags: 'S', sourcePort: 0 }, { flags: 'S', destinationPort: 0 }),
    named: ['TCP_HEADER'],
  },
  {
    title: 'B15 LAND',
    round: segments({ flags: 'S', source: OWN, sourcePort: 7 }),
    named: ['IP_LOCAL_SOURCE'],
  },
  {
    title: 'B18 half the sequence space away',
    round: segments({ seq: 1 + 2 ** 31 }, { ack: 1 + 2 ** 31 }),
    named: ['TCP_OLD_SEQUENCE', 'TCP_ACK_UNSENT_DATA', 'TCP_CHALLENGE_LIMIT'],
    uneven: true,
    sent: 2 * CHALLENGES,
  },
];

const OFF_PATH: readonly Attack[] = [
  {
    title: 'C03 segments to closed ports',
    round: (bed, n) =>
      segments({ flags: 'S', destinationPort: 9, seq: n }, { flags: 'A', destinationPort: 9 })(bed),
    named: ['NO_SOCKET', 'TCP_RST_LIMIT'],
    uneven: true,
    sent: 2 * ROUNDS - 1,
  },
  {
    title: 'C03 resets to closed ports',
    round: segments({ flags: 'R', destinationPort: 9 }, { flags: 'RA', destinationPort: 9 }),
    named: ['NO_SOCKET'],
  },
  {
    title: 'D01 resets in the window',
    round: (bed, n) => segments({ flags: 'R', seq: 2 + 300 * n }, { flags: 'RA', seq: 3 + 300 * n })(bed),
    named: ['TCP_RST_CHALLENGE', 'TCP_CHALLENGE_LIMIT'],
    uneven: true,
    sent: CHALLENGES,
  },
  {
    title: 'D01 resets outside of it',
    round: (bed, n) => segments({ flags: 'R', seq: 70_000 + 65_535 * n }, { flags: 'R', seq: -1 - n })(bed),
    named: ['TCP_RST_OUTSIDE'],
  },
  {
    title: 'D02 SYNs wherever they lie',
    round: (bed, n) => segments({ flags: 'S', seq: 1 }, { flags: 'S', seq: Math.imul(n, 0x9e3779b1) })(bed),
    named: ['TCP_SYN_CHALLENGE', 'TCP_CHALLENGE_LIMIT'],
    also: ['TCP_OLD_SEQUENCE', 'TCP_OVERWINDOW'],
    uneven: true,
    sent: CHALLENGES,
  },
  {
    title: 'D03 data with an ACK that is far behind or ahead',
    round: (bed, n) =>
      segments({ data: 10, seq: 1, ack: -70_000 - n }, { data: 10, seq: 1, ack: 502 + n })(bed),
    named: ['TCP_TOO_OLD_ACK', 'TCP_ACK_UNSENT_DATA', 'TCP_CHALLENGE_LIMIT'],
    uneven: true,
    sent: CHALLENGES,
  },
];

const RECEIVER: readonly Attack[] = [
  {
    title: 'F01, F02 one byte here and one there',
    round: (bed, n) => segments({ seq: 3 + 2 * n, data: 1 })(bed),
    named: ['TCP_OFO_QUEUED'],
    sent: ROUNDS,
    memory: 131_072,
  },
  {
    title: 'F04 the same bytes again, and others in their place',
    round: segments({ seq: 101, data: 50 }, { seq: 101, data: new Uint8Array(50).fill(0xee) }),
    named: ['TCP_OFO_QUEUED', 'TCP_DUPLICATE'],
    sent: 2 * ROUNDS,
    memory: 131_072,
  },
  {
    title: 'F05 data behind the window',
    round: segments({ seq: 200_000, data: 100 }),
    named: ['TCP_OVERWINDOW'],
    sent: ROUNDS,
  },
  {
    title: 'F06 a FIN before a hole, again and again',
    round: segments({ flags: 'FA', seq: 500 }),
    named: ['TCP_OFO_QUEUED'],
    also: ['ACCEPTED'],
    uneven: true,
    sent: ROUNDS,
  },
  {
    title: 'F09 old data again and again',
    round: segments({ seq: -99, data: 100 }),
    named: ['TCP_OLD_SEQUENCE'],
    sent: ROUNDS,
  },
  {
    title: 'F09 pure duplicates outside of the window',
    round: segments({ seq: -99 }),
    named: ['TCP_OLD_SEQUENCE', 'TCP_CHALLENGE_LIMIT'],
    uneven: true,
    sent: CHALLENGES,
  },
];

/** All of them. */
export const ATTACKS: readonly Attack[] = [...IP_LAYER, ...PARSING, ...OFF_PATH, ...RECEIVER];
