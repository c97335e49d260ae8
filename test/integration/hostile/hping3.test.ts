/** hping3's floods: `stats` is true, memory stays where it is, an ordinary client is served meanwhile or right after. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReasonName } from '../../../src/base/reasons.ts';
import { eventually, STACK, skipWithout } from '../../support/running-stack.ts';
import { AttackedStack, type Growth } from './attacked-stack.ts';

/** How long a flood lasts, ms. */
const FLOOD = 600;
/** Fewer were no flood; a busy machine sends some ten thousand. */
const FEWEST = 1000;
/** Packets that have another reason: what the client sends, and a forged port that is 0 or the client's. */
const STRANGERS = 200;
/** KiB that all floods together may add to what the first one has brought the process to. */
const MORE_RESIDENT = 64 * 1024;

interface Flood {
  readonly title: string;
  readonly args: readonly string[];
  readonly reasons: readonly ReasonName[];
}

const FLOODS: readonly Flood[] = [
  {
    title: 'SYN from random sources (C01, RFC 4987): half-open capped, then cookies',
    args: ['-S', '-p', '80', '--rand-source'],
    reasons: ['TCP_SYN_COOKIE', 'ACCEPTED', 'IP_INVALID_SOURCE'],
  },
  {
    title: 'SYN to a closed port from random sources: resets limited (C03)',
    args: ['-S', '-p', '81', '--rand-source'],
    reasons: ['NO_SOCKET', 'TCP_RST_LIMIT', 'IP_INVALID_SOURCE'],
  },
  { title: 'FIN to a listener', args: ['-F', '-p', '80'], reasons: ['TCP_FLAGS'] },
  {
    title: 'XMAS to every port in turn (B11)',
    args: ['-F', '-P', '-U', '-p', '++1'],
    reasons: ['TCP_FLAGS', 'NO_SOCKET', 'TCP_RST_LIMIT'],
  },
  {
    title: 'RST from random sources: never answered (C03)',
    args: ['-R', '-p', '80', '--rand-source'],
    reasons: ['TCP_RST_IGNORED', 'IP_INVALID_SOURCE'],
  },
  {
    title: 'data to an open port without a connection (C04)',
    args: ['-A', '-P', '-p', '80', '-d', '500', '--rand-source'],
    reasons: ['TCP_COOKIE_INVALID', 'TCP_RST_LIMIT', 'IP_INVALID_SOURCE'],
  },
  { title: 'UDP: unreachables limited', args: ['-2', '-p', '53', '-d', '100'], reasons: ['IP_NOPROTO'] },
  {
    title: 'ICMP echo of 1,400 bytes (A21)',
    args: ['-1', '-d', '1400'],
    reasons: ['ICMP_ECHO', 'ICMP_RATE_LIMIT'],
  },
  {
    title: 'fragments of 16 bytes under one IP ID (A12)',
    args: ['-1', '-d', '4000', '-f'],
    reasons: ['IP_FRAGMENT', 'DUP_FRAG', 'FRAG_OVERLAP', 'FRAG_LIMIT', 'ICMP_ECHO'],
  },
  {
    title: 'first fragments that nothing follows, from random sources (A11)',
    args: ['-x', '-S', '-p', '80', '-d', '68', '--rand-source'],
    reasons: ['IP_FRAGMENT', 'FRAG_LIMIT', 'DUP_FRAG', 'FRAG_OVERLAP', 'IP_INVALID_SOURCE'],
  },
  {
    title: 'LAND: from the stack’s own address and port (B15, A17)',
    args: ['-S', '-p', '80', '-s', '80', '-k', '-a', STACK],
    reasons: ['IP_LOCAL_SOURCE'],
  },
  { title: 'wrong checksums (B10)', args: ['-b', '-S', '-p', '80'], reasons: ['TCP_CSUM', 'IP_CSUM'] },
  { title: 'a data offset that lies (B01)', args: ['-S', '-p', '80', '-O', '15'], reasons: ['TCP_HEADER'] },
];

describe('hping3', { skip: skipWithout('hping3', 'curl', 'nc') }, () => {
  let stack: AttackedStack;
  before(async () => {
    // So that what the floods leave half open is gone after three seconds.
    stack = await AttackedStack.start('--set', 'retries.synAck=1');
  });
  after(() => stack?.close());

  async function flood(args: readonly string[], meanwhile: () => Promise<unknown>): Promise<Growth> {
    return await stack.counted(async () => {
      const sender = stack.start('hping3', '-q', '-n', '-I', 'fw0', '--flood', ...args, STACK);
      await sleep(FLOOD / 4);
      const served = meanwhile();
      await sleep(FLOOD * (3 / 4));
      await sender.kill('SIGINT');
      assert.match(sender.stderr, /packets transmitted/);
      await served;
    });
  }

  let resident = 0;
  for (const { title, args, reasons } of FLOODS) {
    test(title, async () => {
      const grown = await flood(args, () => stack.checkCurl());
      grown.checkTrue();
      const told = JSON.stringify(grown.reasons);
      assert.ok(grown.link.sent > FEWEST, `a flood: ${told}`);
      const strangers = grown.link.sent - grown.by(...reasons);
      assert.ok(strangers < STRANGERS, `${strangers} packets have another reason: ${told}`);
      assert.ok((await stack.stats()).tables.synReceived <= 1024);
      await stack.checkCurl();
      if (resident === 0) resident = stack.resident();
      const more = stack.resident() - resident;
      assert.ok(more < MORE_RESIDENT, `${more} KiB more`);
    });
  }

  test('SYN, RST, data with the four-tuple of an open connection: it stays (D01, D02, D03)', async () => {
    const client = stack.start('nc', '-p', '40000', STACK, '7');
    const echoes = async (line: string): Promise<void> => {
      const before = client.text.length;
      client.type(line);
      await eventually(
        () => client.text.slice(before) === line,
        () => client.text.slice(before),
        20_000,
      );
    };
    await echoes('before\n');
    const [{ id } = {}] = await stack.ss(7);
    for (const kind of [['-S'], ['-R'], ['-A', '-P', '-d', '100'], ['-A', '-F']]) {
      const args = [...kind, '-p', '7', '-s', '40000', '-k'];
      const grown = await flood(args, () => echoes(`during ${kind.join(' ')}\n`));
      grown.checkTrue();
      assert.ok(grown.link.sent > FEWEST);
      // Far fewer answers than questions: what an attacker sends is not reflected.
      assert.ok(grown.link.received < grown.link.sent / 10, JSON.stringify(grown.link));
    }
    assert.equal((await stack.ss(7))[0]?.id, id);
    client.endInput('after\n');
    await client.kill();
  });

  test('afterwards every table is empty, and nothing was stopped by the guard', async () => {
    await stack.checkNothingStays(30_000);
    await stack.checkItWorks();
  });
});
