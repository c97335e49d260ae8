/** Caps over the real TUN: what is over them is refused and counted, and everybody else is served. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type Program, STACK, skipWithout } from '../../support/running-stack.ts';
import { AttackedStack } from './attacked-stack.ts';
import { manyClients } from './many-clients.ts';

const MEBIBYTE = 1024 * 1024;

/** Gone without a goodbye; their kernel closes what they had. */
async function killed(...programs: Program[]): Promise<void> {
  for (const program of programs) await program.kill();
}

describe('limits', { skip: skipWithout('python3', 'curl', 'nc') }, () => {
  const MOST = 500;
  const TOTAL = 48 * MEBIBYTE;
  let stack: AttackedStack;
  before(async () => {
    stack = await AttackedStack.start(
      ...['--set', `connections.max=${MOST}`, '--set', 'retries.synAck=1', '--set', `buffer.total=${TOTAL}`],
    );
  });
  after(() => stack?.close());

  test(`C06: of 800 connections ${MOST} are taken, the rest counted; when they leave there is room again`, async () => {
    let clients: Program | undefined;
    const grown = await stack.counted(async () => {
      // Their own kernel sees the SYN,ACK and believes them all.
      clients = await manyClients(stack, { port: 7, count: 800, underWay: 50 });
    });
    assert.ok(grown.by('TCP_CONNECTION_LIMIT') >= 800 - MOST, JSON.stringify(grown.reasons));
    assert.equal((await stack.stats()).tables.connections, MOST);
    const refused = await stack.run('curl', ['-sS', '-m', '2', `http://${STACK}/`]);
    assert.notEqual(refused.code, 0);
    assert.ok(clients);
    await killed(clients);
    await stack.checkNothingStays(60_000);
    await stack.checkItWorks();
  });

  test('C05: an accept queue of 1 that nobody empties: the others wait outside, and are counted', async () => {
    const waiting = Array.from({ length: 30 }, () => stack.start('nc', STACK, '2008'));
    await sleep(1500);
    const records = await stack.ss(2008);
    const established = records.filter(({ state }) => state === 'ESTABLISHED');
    assert.ok(established.length >= 1 && established.length <= 2, JSON.stringify(records));
    const stats = await stack.stats();
    assert.ok((stats.reasons.find(({ name }) => name === 'TCP_LISTEN_OVERFLOW')?.count ?? 0) >= 28);
    await stack.checkItWorks();
    await killed(...waiting);
  });

  test('C07, N01, N02: 400 peers that never read what chargen never stops writing: memory has its cap', async (t) => {
    const before = stack.resident();
    const clients = await manyClients(stack, { port: 19, count: 400, underWay: 50 });
    await sleep(3000);
    const { memory } = (await stack.stats()).tables;
    const more = stack.resident() - before;
    t.diagnostic(`${memory} bytes of buffers, ${more} KiB more resident`);
    assert.ok(memory > TOTAL / 4 && memory <= TOTAL, `${memory} bytes of buffers`);
    assert.ok(more < 4 * (TOTAL / 1024), `${more} KiB more`);
    await stack.checkCurl();
    await killed(clients);
    await eventually(
      async () => (await stack.stats()).tables.memory === 0,
      () => 'no buffer is held any more',
      60_000,
    );
    await stack.checkItWorks();
  });
});
