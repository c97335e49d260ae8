/**
 * Packets forged with a raw socket on the kernel's side of a real TUN, rows of parts 1 and 2 of the catalogue of attacks
 * for which that path matters: each counts under the one reason that names it, and earns no more than it should.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ReasonName } from '../../../src/base/reasons.ts';
import { eventually, type Program, STACK, skipWithout } from '../../support/running-stack.ts';
import { address, encodePacket, ipPacket, onesSum, type PacketFields } from '../../support/segment.ts';
import { programArguments } from '../../support/source-program.ts';
import { AttackedStack } from './attacked-stack.ts';

const SENDER = fileURLToPath(new URL('raw-sender.ts', import.meta.url));
const KERNEL = '10.9.0.1';
const LSRR = [131, 7, 4, 10, 9, 0, 2, 1];
const MORE_FRAGMENTS = 0x2000;

interface Row {
  readonly title: string;
  readonly packets: readonly Uint8Array[];
  /** Everything that may be counted for them, and how often. */
  readonly counted: Partial<Record<ReasonName, number>>;
  /** Packets that come back; none unless said. */
  readonly answers?: number;
}

function tcp(fields: Partial<PacketFields> & { from?: string; to?: string } = {}): Uint8Array {
  return encodePacket({
    source: address(fields.from ?? KERNEL),
    destination: address(fields.to ?? STACK),
    sourcePort: 33333,
    destinationPort: 80,
    seq: 1000,
    ack: 0,
    flags: 'S',
    window: 65_535,
    up: 0,
    optionBytes: new Uint8Array(0),
    payload: new Uint8Array(0),
    ttl: 64,
    tos: 0,
    ipOptions: new Uint8Array(0),
    checksumError: 0,
    dataOffset: null,
    ...fields,
  });
}

function ip(protocol: number, payload: Uint8Array, ipOptions: readonly number[] = []): Uint8Array {
  const fields = { source: address(KERNEL), destination: address(STACK), ttl: 64, tos: 0 };
  return ipPacket({ ...fields, ipOptions: Uint8Array.from(ipOptions) }, protocol, payload);
}

function icmp(type: number, code: number, rest: Uint8Array = new Uint8Array(4), ipOptions: number[] = []) {
  const message = Uint8Array.from([type, code, 0, 0, ...rest]);
  new DataView(message.buffer).setUint16(2, ~onesSum(message) & 0xffff);
  return ip(1, message, ipOptions);
}

/** An error about `quoted`. */
function icmpError(type: number, code: number, quoted: Uint8Array): Uint8Array {
  return icmp(type, code, Uint8Array.from([0, 0, 0, 0, ...quoted]));
}

/** A piece of the segment of a SYN of 64 bytes with data; `offset` in bytes, a multiple of 8. */
function piece(id: number, offset: number, length: number, more: boolean): Uint8Array {
  const whole = tcp({ payload: new Uint8Array(44) }).subarray(20);
  const bytes = new Uint8Array(length);
  bytes.set(whole.subarray(offset, offset + length));
  const packet = ip(6, bytes);
  const view = new DataView(packet.buffer);
  view.setUint16(4, id);
  view.setUint16(6, (more ? MORE_FRAGMENTS : 0) | (offset / 8));
  return packet;
}

function withOptions(...bytes: number[]): Uint8Array {
  return tcp({ optionBytes: Uint8Array.from(bytes) });
}

/** A SYN that is taken: the SYN,ACK comes back, and the kernel, which has no such connection, resets it. */
const TAKEN = { ACCEPTED: 1, TCP_RESET: 1 } as const;

function nested(depth: number): Uint8Array {
  let packet = tcp();
  for (let i = 0; i < depth; i++) packet = ip(4, packet);
  return packet;
}

const ROWS: readonly Row[] = [
  {
    title: 'A04: IP options of length 0 and 1, beyond the header, a pointer outside of its option',
    packets: [
      [7, 0, 4, 0],
      [7, 1, 4, 0],
      [7, 40, 4, 0],
      [7, 7, 3, 0, 0, 0, 0, 0],
    ].map((options) => tcp({ ipOptions: Uint8Array.from(options) })),
    counted: { IP_OPTIONS: 4 },
  },
  {
    title: 'A05, A22: loose and strict source routes, on a SYN and on an echo request',
    packets: [
      tcp({ ipOptions: Uint8Array.from(LSRR) }),
      tcp({ ipOptions: Uint8Array.from([137, ...LSRR.slice(1)]) }),
      icmp(8, 0, new Uint8Array(12), LSRR),
    ],
    counted: { IP_SOURCE_ROUTE: 3 },
  },
  {
    title: 'A06: IP in IP, fifty deep: unreachable, once',
    packets: [nested(50)],
    counted: { IP_NOPROTO: 1 },
    answers: 1,
  },
  {
    title: 'A07: ping of death: the last fragment ends behind 65,535',
    packets: [piece(7, 65_528, 24, false)],
    counted: { FRAG_MALFORMED: 1 },
  },
  {
    title: 'A08: teardrop: the second fragment lies inside of the first',
    packets: [piece(8, 0, 48, true), piece(8, 24, 8, false)],
    counted: { IP_FRAGMENT: 1, FRAG_OVERLAP: 1 },
  },
  {
    title: 'A09: later fragments that overlap the flags and the data of the first',
    packets: [
      piece(9, 0, 32, true),
      piece(9, 8, 56, false),
      piece(16, 0, 32, true),
      piece(16, 24, 40, false),
    ],
    counted: { IP_FRAGMENT: 2, FRAG_TINY: 1, FRAG_OVERLAP: 1 },
  },
  {
    title: 'A10: a first fragment of 8 bytes, and flags that come in a second one',
    packets: [piece(10, 0, 8, true), piece(11, 8, 56, false)],
    counted: { FRAG_TINY: 2 },
  },
  {
    title: 'A13: two last fragments with different ends',
    packets: [piece(13, 40, 16, false), piece(13, 40, 24, false)],
    counted: { IP_FRAGMENT: 1, FRAG_OVERLAP: 1 },
  },
  {
    title: 'A14: a fragment that is not the last and no multiple of 8; an empty one',
    packets: [piece(14, 0, 33, true), piece(15, 40, 0, true)],
    counted: { FRAG_MALFORMED: 2 },
  },
  {
    title: 'A09, C18: whole in three fragments, last first: taken like any SYN, its data not',
    packets: [piece(3, 48, 16, false), piece(3, 24, 24, true), piece(3, 0, 24, true)],
    counted: { IP_FRAGMENT: 2, TCP_SYN_DATA: 1, TCP_RESET: 1 },
    answers: 1,
  },
  {
    title: 'A17: sources that no host may have',
    packets: ['127.0.0.1', '240.1.1.1', '224.0.0.1', '255.255.255.255'].map((from) => tcp({ from })),
    counted: { IP_INVALID_SOURCE: 4 },
  },
  {
    title: 'A17, B15: LAND, from our own address and port',
    packets: [tcp({ from: STACK, sourcePort: 80 })],
    counted: { IP_LOCAL_SOURCE: 1 },
  },
  {
    title: 'A18, A19: a SYN and an echo request to the subnet’s broadcast address',
    packets: [tcp({ to: '10.9.0.255' })],
    counted: { IP_BROADCAST: 1 },
  },
  {
    title: 'A24, A26, A30: redirect, source quench, questions for time and mask',
    packets: [
      icmpError(5, 1, tcp()),
      icmpError(4, 0, tcp()),
      ...[13, 15, 17].map((type) => icmp(type, 0, new Uint8Array(16))),
    ],
    counted: { ICMP_REDIRECT: 1, ICMP_SOURCE_QUENCH: 1, ICMP_UNKNOWN: 3 },
  },
  {
    title: 'A25, A31: hard errors about no connection of ours, and with hardly any quote',
    packets: [
      icmpError(3, 2, tcp({ from: STACK, to: KERNEL })),
      icmpError(3, 3, tcp({ from: STACK, to: KERNEL })),
      icmpError(3, 3, tcp({ from: STACK, to: KERNEL }).subarray(0, 19)),
    ],
    counted: { ICMP_NO_CONNECTION: 2, ICMP_SHORT: 1 },
  },
  {
    title: 'A20: an ICMP error about an ICMP error earns nothing',
    packets: [icmpError(3, 3, icmpError(3, 3, tcp()))],
    counted: { ICMP_NO_CONNECTION: 1 },
  },
  {
    title: 'B01: data offsets below 5 and beyond the segment',
    packets: [0, 4, 6, 15].map((dataOffset) => tcp({ dataOffset })),
    counted: { TCP_HEADER: 4 },
  },
  {
    title: 'B02: segments of 0, 1 and 19 bytes',
    packets: [0, 1, 19].map((length) => ip(6, tcp().subarray(20, 20 + length))),
    counted: { TCP_HEADER: 3 },
  },
  {
    title: 'B03, B04: options of length 0, 1 and beyond the header: ignored, and the SYN taken',
    packets: [withOptions(255, 0, 0, 0)],
    counted: { ...TAKEN, TCP_OPTION_LENGTH: 1 },
    answers: 1,
  },
  {
    title: 'B05, B09: an MSS of 0 and a window scale of 255 on a SYN: taken',
    packets: [withOptions(2, 4, 0, 0, 3, 3, 255, 0)],
    counted: TAKEN,
    answers: 1,
  },
  {
    title: 'B10: a wrong TCP checksum, which the kernel leaves as it is',
    packets: [tcp({ checksumError: 1 }), tcp({ checksumError: 0xffff })],
    counted: { TCP_CSUM: 2 },
  },
  {
    title: 'B11: SYN,FIN; SYN,RST; no flags; FIN,PSH,URG',
    packets: ['SF', 'SR', '', 'FPU'].map((flags) => tcp({ flags })),
    counted: { TCP_INVALID_SYN: 1, TCP_RST_IGNORED: 1, TCP_FLAGS: 2 },
  },
  {
    title: 'B14: port 0 at either end',
    packets: [tcp({ sourcePort: 0 }), tcp({ destinationPort: 0 })],
    counted: { TCP_HEADER: 2 },
  },
];

function hasRawSocket(): boolean {
  try {
    return existsSync(createRequire(import.meta.url).resolve('raw-socket/build/Release/raw.node'));
  } catch {
    return false;
  }
}

const unbuilt =
  !hasRawSocket() && process.env['CI'] !== 'true' && 'raw-socket is not installed: it needs a compiler';

describe('forged with a raw socket', { skip: skipWithout('curl', 'nc') || unbuilt }, () => {
  let stack: AttackedStack;
  let sender: Program;
  let lines = 0;
  before(async () => {
    stack = await AttackedStack.start();
    sender = stack.start(process.execPath, ...programArguments(SENDER));
  });
  after(() => stack?.close());

  async function send(packets: readonly Uint8Array[]): Promise<void> {
    lines += packets.length;
    for (const packet of packets) sender.type(`${Buffer.from(packet).toString('hex')}\n`);
    const said = (): string[] => sender.text.split('\n').slice(0, -1);
    await eventually(
      () => said().length === lines || !sender.running,
      () => `${sender.text} ${sender.stderr}`,
    );
    assert.deepEqual(
      said().slice(-packets.length),
      packets.map(() => 'ok'),
      sender.stderr,
    );
  }

  for (const { title, packets, counted, answers = 0 } of ROWS) {
    test(title, async () => {
      const grown = await stack.counted(() => send(packets));
      assert.deepEqual(grown.reasons, counted);
      assert.equal(grown.link.received, answers, 'packets that came back');
      grown.checkTrue();
    });
  }

  test('after all of them the stack works, and nothing stays', async () => {
    await stack.checkItWorks();
    await stack.checkNothingStays();
  });
});
