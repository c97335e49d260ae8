/** When an acknowledgement goes, and when small data waits for one, with the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connected } from '../support/ladder/ends.ts';
import { connect, historyOf, lossHistoryOf, NO_TIMESTAMPS, receiveAll } from '../support/ladder/moves.ts';
import { ladder } from '../support/ladder/scene.ts';

const SEGMENT = 1460;

/** Its program may need longer for the reply than the kernel delays an ACK. */
const SLOW = '? B>A ACK 1 ack 9';

/** Our stack sends in one segment what it gets in one turn: each letter has one of its own here. */
async function oneByOne(to: Connected, letters: string): Promise<void> {
  for (const letter of letters) {
    await to.send(letter);
    await sleep(3);
  }
}

describe('acknowledgements', () => {
  ladder(
    'B59 [ladder 44]: single bytes to and fro: each is acknowledged at once, early in the connection',
    NO_TIMESTAMPS,
    async (scene) => {
      const { a, b } = await connect(scene);
      for (let round = 0; round < 4; round++) {
        await b.send('b');
        assert.equal(await a.receive(), 'b');
        await scene.expect(`
          B>A ACK,PSH ${round + 1}:${round + 2} ack ${round + 1}
          A>B ACK ${round + 1} ack ${round + 2} after 0..200`);
        await a.send('a');
        assert.equal(await b.receive(), 'a');
        await scene.expect(`
          A>B ACK,PSH ${round + 1}:${round + 2} ack ${round + 2}
          B>A ACK ${round + 2} ack ${round + 2} after 0..200`);
      }
      await scene.agree();
      const ours = scene.A.kind === 'stack' ? ['set', 'cancelled'] : [];
      for (let sent = 0; sent < 4; sent++) ours.push('set', 'cancelled');
      assert.deepEqual(lossHistoryOf(scene), ours, 'armed by each byte, cancelled by its ACK');
      assert.deepEqual(historyOf(scene, 'delayed-ack'), []);
    },
  );

  ladder('B59: an ACK waits for company, but not for long: 40 ms', NO_TIMESTAMPS, async (scene) => {
    const { a, b } = await connect(scene);
    await b.option('IPPROTO_TCP', 'TCP_QUICKACK', 0);
    await a.send('question');
    assert.equal(await b.receive(), 'question');
    await scene.expect(`
      A>B ACK,PSH 1:9 ack 1
      B>A ACK 1 ack 9 after 25..450`);
    if (scene.B.kind === 'stack') assert.deepEqual(historyOf(scene, 'delayed-ack'), ['set', 'fired']);
  });

  ladder('B59: the ACK rides on the reply (piggyback)', NO_TIMESTAMPS, async (scene) => {
    const { a, b } = await connect(scene);
    await b.option('IPPROTO_TCP', 'TCP_QUICKACK', 0);
    await a.send('question');
    assert.equal(await b.receive(), 'question');
    await b.send('answer');
    assert.equal(await a.receive(), 'answer');
    await scene.expect(
      `
      A>B ACK,PSH 1:9 ack 1
      ${scene.B.kind === 'kernel' ? SLOW : ''}
      B>A ACK,PSH 1:7 ack 9
      A>B ACK 9 ack 7`,
      100,
    );
    if (scene.B.kind === 'stack') assert.deepEqual(historyOf(scene, 'delayed-ack'), ['set', 'cancelled']);
  });

  ladder('B59: every second full-sized segment is acknowledged at once', NO_TIMESTAMPS, async (scene) => {
    const { a, b } = await connect(scene);
    await b.option('IPPROTO_TCP', 'TCP_QUICKACK', 0);
    await a.fill(2 * SEGMENT);
    await receiveAll(b, 2 * SEGMENT);
    await scene.expect(
      `
      A>B ACK 1:1461 ack 1
      A>B ACK 1461:2921 ack 1
      B>A ACK 1 ack 2921`,
      100,
    );
    if (scene.B.kind === 'stack') assert.ok(!historyOf(scene, 'delayed-ack').includes('fired'));
  });

  ladder(
    'B59: small data waits while something is unacknowledged (Nagle)',
    { ...NO_TIMESTAMPS, delay: 50 },
    async (scene) => {
      const { a, b } = await connect(scene);
      await oneByOne(a, 'abcd');
      assert.equal(await receiveAll(b, 4), 'abcd');
      await scene.expect(`
      A>B ACK,PSH 1:2 ack 1
      B>A ACK 1 ack 2
      A>B ACK,PSH 2:5 ack 1 after 30..900
      B>A ACK 1 ack 5`);
    },
  );

  ladder('B59: with TCP_NODELAY it does not wait', { ...NO_TIMESTAMPS, delay: 50 }, async (scene) => {
    const { a, b } = await connect(scene);
    await a.option('IPPROTO_TCP', 'TCP_NODELAY', 1);
    await oneByOne(a, 'abc');
    assert.equal(await receiveAll(b, 3), 'abc');
    await scene.expect(`
      A>B ACK,PSH 1:2 ack 1
      A>B ACK,PSH 2:3 ack 1
      A>B ACK,PSH 3:4 ack 1
      ? B>A ACK 1 ack 2
      ? B>A ACK 1 ack 3
      B>A ACK 1 ack 4`);
  });
});
