/** A million SYNs from random sources over the real TUN, RFC 4987: clients are served, nothing grows, nothing stays. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { STACK, skipWithout } from '../../support/running-stack.ts';
import { AttackedStack, type Growth } from './attacked-stack.ts';

const SENDER = fileURLToPath(new URL('syn-flood.py', import.meta.url));
const SYNS = 1_000_000;
/** The default of `synQueue`. */
const HALF_OPEN = 1024;
/** SYNs after which the process has found its size. */
const WARM = SYNS / 5;
/** KiB by which it may then still grow; a hundred bytes kept per SYN would be 78,000. */
const MORE_RESIDENT = 40 * 1024;
const PATIENCE = 180_000;

/** What was seen while the flood lasted. */
interface Seen {
  halfOpen: number;
  /** Largest share of the memory budget, bytes. */
  memory: number;
  /** KiB when warm, and at most after that. */
  warm: number;
  resident: number;
  /** What each page took, ms. */
  readonly pages: number[];
}

describe('a flood of 1,000,000 SYNs (C01, RFC 4987 §3)', {
  skip: skipWithout('python3', 'curl', 'nc'),
}, () => {
  let stack: AttackedStack;
  let grown: Growth;
  const seen: Seen = { halfOpen: 0, memory: 0, warm: 0, resident: 0, pages: [] };
  before(async () => {
    // So that what is left half open is gone after three seconds.
    stack = await AttackedStack.start('--set', 'retries.synAck=1');
    await stack.checkItWorks();
  });
  after(() => stack?.close());

  async function look(receivedBefore: number): Promise<void> {
    const { tables, totals } = await stack.stats();
    seen.halfOpen = Math.max(seen.halfOpen, tables.synReceived);
    seen.memory = Math.max(seen.memory, tables.memory);
    if (totals.packetsReceived - receivedBefore < WARM) return;
    const resident = stack.resident();
    if (seen.warm === 0) seen.warm = resident;
    seen.resident = Math.max(seen.resident, resident);
  }

  test('an honest client gets every page that it asks for meanwhile', async (t) => {
    const { packetsReceived } = (await stack.stats()).totals;
    grown = await stack.counted(async () => {
      const sender = stack.start('python3', SENDER, 'fw0', STACK, '80', String(SYNS));
      while (sender.running) {
        seen.pages.push(await stack.checkCurl());
        await look(packetsReceived);
        await sleep(300);
      }
      const { code, stdout, stderr } = await sender.end(PATIENCE);
      assert.equal(code, 0, stderr);
      t.diagnostic(`the sender: ${stdout.toString().trim()}`);
    });
    assert.ok(seen.pages.length >= 5, `${seen.pages.length} pages`);
    t.diagnostic(`${seen.pages.length} pages, the slowest in ${Math.round(Math.max(...seen.pages))} ms`);
  });

  test('every SYN is accounted for: in the queue, or answered with a cookie', () => {
    grown.checkTrue();
    const told = JSON.stringify(grown.reasons);
    assert.ok(grown.link.sent >= SYNS, `${grown.link.sent} packets`);
    assert.ok(grown.by('TCP_SYN_COOKIE') > SYNS * 0.9, told);
    assert.ok(grown.by('TCP_SYN_COOKIE', 'ACCEPTED') >= SYNS, told);
    // One answer for each, and one more for each that waited in the queue.
    assert.ok(
      grown.link.received >= SYNS && grown.link.received < SYNS * 1.1,
      `${grown.link.received} answers`,
    );
    assert.equal(grown.by('TCP_PASSIVE_OPEN'), seen.pages.length);
  });

  test('half-open connections never exceed synQueue, and cost no memory of the budget', () => {
    assert.ok(seen.halfOpen <= HALF_OPEN, `${seen.halfOpen} half open`);
    assert.ok(seen.halfOpen > HALF_OPEN / 2, `${seen.halfOpen} half open: the queue was never full`);
    assert.ok(seen.memory < 1024 * 1024, `${seen.memory} bytes`);
  });

  test('the process does not grow', (t) => {
    t.diagnostic(`${seen.warm} KiB after ${WARM} SYNs, at most ${seen.resident} KiB after that`);
    assert.ok(seen.warm > 0);
    assert.ok(seen.resident - seen.warm < MORE_RESIDENT, `${seen.resident - seen.warm} KiB more`);
  });

  test('afterwards every table is empty', async () => {
    await stack.checkNothingStays(60_000);
    const { tables } = await stack.stats();
    assert.deepEqual(
      [tables.flows - tables.timeWait, tables.timers - tables.timeWait, tables.memory],
      [0, 0, 0],
    );
    await stack.checkItWorks();
  });
});
