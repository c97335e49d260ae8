/** tcpreplay sends damaged captures of a real exchange, into the connection that they are of: `stats` is true, all works on. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReasonName } from '../../../src/base/reasons.ts';
import { eventually, type Program, STACK, skipWithout } from '../../support/running-stack.ts';
import { AttackedStack } from './attacked-stack.ts';
import {
  changeLengths,
  cutShort,
  flipBits,
  mendChecksums,
  type Random,
  readPcap,
  seeded,
  shuffle,
  writePcap,
} from './damage.ts';

const PACKETS = 2500;
/** A second: about what a TUN's queue takes without losses. */
const RATE = '6000';
const MORE_RESIDENT = 64 * 1024;

/** What any such damage must have been found to be, for example. */
const REACHED: readonly ReasonName[] = [
  'PKT_TOO_SMALL',
  'IP_VERSION',
  'IP_INHDR',
  'IP_CSUM',
  'IP_OPTIONS',
  'IP_LOCAL_SOURCE',
  'OTHERHOST',
  'IP_NOPROTO',
  'IP_FRAGMENT',
  'FRAG_OVERLAP',
  'ICMP_CSUM',
  'TCP_HEADER',
  'TCP_CSUM',
  'TCP_OPTION_LENGTH',
  'TCP_FLAGS',
  'NO_SOCKET',
  'TCP_COOKIE_INVALID',
];

type Damage = (packet: Uint8Array, random: Random) => Uint8Array;

const DAMAGES: readonly { title: string; seed: number; damage: Damage }[] = [
  { title: 'cut short anywhere (A01, A02, B02)', seed: 1, damage: cutShort },
  {
    title: 'cut short, total length and checksums right again (B01, B04)',
    seed: 2,
    damage: (packet, random) => mended(cutShort(packet, random)),
  },
  { title: 'bits flipped (B10)', seed: 3, damage: flipBits },
  {
    title: 'bits flipped, checksums right again',
    seed: 4,
    damage: (packet, random) => mendChecksums(flipBits(packet, random)),
  },
  { title: 'other lengths, offsets and flags (A01, A02, B01)', seed: 5, damage: changeLengths },
  {
    title: 'other lengths, offsets and flags, checksums right again (B03, B04, B08, B11)',
    seed: 6,
    damage: (packet, random) => mendChecksums(changeLengths(packet, random)),
  },
];

function mended(packet: Uint8Array): Uint8Array {
  if (packet.length < 20) return packet;
  new DataView(packet.buffer, packet.byteOffset).setUint16(2, packet.length);
  return mendChecksums(packet);
}

describe('tcpreplay', { skip: skipWithout('tcpreplay', 'dumpcap', 'curl', 'nc', 'ping') }, () => {
  let stack: AttackedStack;
  let captured: Uint8Array[] = [];
  let client: Program;
  let resident = 0;
  const seen = new Set<string>();
  before(async () => {
    // No offload: what is captured is then what goes over a wire, with its checksums.
    stack = await AttackedStack.start('--offload', 'off', '--set', 'retries.synAck=1');
    client = stack.start('nc', STACK, '7');
    captured = await capture();
    await stack.checkItWorks();
    resident = stack.resident();
  });
  after(() => stack?.close());

  /** A page, a connection that stays open, and fragments. */
  async function capture(): Promise<Uint8Array[]> {
    const file = join(stack.folder, 'exchange.pcap');
    const dumpcap = stack.start('dumpcap', '-P', '-q', '-i', 'fw0', '-w', file);
    await eventually(
      () => dumpcap.stderr.includes('File:'),
      () => dumpcap.stderr,
    );
    await echo('captured\n'.repeat(400));
    await stack.checkCurl();
    await stack.run('ping', ['-c', '2', '-i', '0.1', '-s', '4000', STACK]);
    // What it has not yet taken from the kernel it would leave there.
    await sleep(1000);
    await dumpcap.kill('SIGINT');
    return readPcap(file);
  }

  async function echo(text: string): Promise<void> {
    const before = client.text.length;
    client.type(text);
    await eventually(
      () => client.text.length >= before + text.length,
      () => client.text,
    );
    assert.equal(client.text.slice(before), text);
  }

  async function replay(packets: readonly Uint8Array[]): Promise<void> {
    const file = join(stack.folder, 'damaged.pcap');
    writePcap(file, packets);
    const grown = await stack.counted(async () => {
      const { code, stderr } = await stack.run('tcpreplay', ['-q', '-i', 'fw0', '--pps', RATE, file]);
      assert.equal(code, 0, stderr);
    });
    grown.checkTrue();
    for (const name of Object.keys(grown.reasons)) seen.add(name);
    assert.ok(
      grown.link.sent > packets.length / 2,
      `${grown.link.sent} of ${packets.length} packets arrived`,
    );
    await stack.checkCurl();
    const more = stack.resident() - resident;
    assert.ok(more < MORE_RESIDENT, `${more} KiB more`);
  }

  test('the capture holds what it should: both directions, an open connection, fragments', () => {
    assert.ok(captured.length > 20, `${captured.length} packets`);
    assert.ok(captured.every((packet) => packet[0] === 0x45));
    const isFragment = (packet: Uint8Array): boolean => ((packet[6] as number) & 0x3f) !== 0;
    assert.ok(captured.some(isFragment));
    assert.ok(captured.some((packet) => packet[15] === 1) && captured.some((packet) => packet[15] === 2));
  });

  test('undamaged, several times and in any order: the open connection does not mind (D02, D03)', async () => {
    const random = seeded(7);
    const packets = Array.from({ length: 20 }, () => shuffle(captured, random)).flat();
    await replay(packets);
    await echo('still the same connection\n');
  });

  for (const { title, seed, damage } of DAMAGES) {
    test(title, async () => {
      const random = seeded(seed);
      const packets = Array.from({ length: PACKETS }, (_, i) =>
        damage(captured[i % captured.length] as Uint8Array, random),
      );
      await replay(packets);
    });
  }

  test('the damage has reached every layer', (t) => {
    t.diagnostic([...seen].join(' '));
    const missed = REACHED.filter((name) => !seen.has(name));
    assert.deepEqual(missed, []);
  });

  test('afterwards nothing stays but what a forger on the path has put out of step', async () => {
    await client.kill();
    // Right checksums and numbers in the window: such bytes are taken, and the kernel knows nothing of them.
    for (const { id } of await stack.ss(7)) await stack.fourwave('abort', id).end();
    await stack.checkNothingStays(30_000);
    await stack.checkItWorks();
  });
});
