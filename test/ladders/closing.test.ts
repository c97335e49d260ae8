/** The close, wave by wave, with the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { connect, historyOf, lossHistoryOf } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';

/** Our own path, whichever end we are. */
const pathOf = (scene: Scene): string[] => scene.watch.states;
const ACTIVE = ['SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'];
const PASSIVE = ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED'];

function checkPath(scene: Scene): void {
  assert.deepEqual(pathOf(scene), scene.A.kind === 'stack' ? ACTIVE : PASSIVE);
  const [record] = scene.connections();
  if (scene.A.kind === 'kernel') assert.equal(record, undefined, 'B28: the passive end is gone first');
  else {
    assert.equal(record?.closedFirst, 'us');
    assert.deepEqual(historyOf(scene, 'time-wait').slice(0, 1), ['set']);
  }
}

describe('the four waves', () => {
  ladder(
    'B13 B15 B16 B17 B18 B19 B20 B21 B22 B24 B25 B26 B27 B28 B29 [ladder 4]: four waves, and data in between',
    {},
    async (scene) => {
      const { a, b } = await connect(scene);
      await a.send('0123456789');
      assert.equal(await b.receive(), '0123456789');
      await scene.expect(`
      A>B ACK 1:11 ack 1
      B>A ACK 1 ack 11`);
      await a.shutdown();
      // B16: the FIN's number is one past the last byte. B17, B19: it is one number, so 12 acknowledges it.
      // B20: nobody has asked the application of B. Linux, and we with its policy, let this ACK wait for company.
      await scene.expect(
        `
      A>B FIN,ACK 11 ack 1
      B>A ACK 1 ack 12 after 0..200`,
        100,
      );
      // B26: FIN-WAIT-2 comes with the second wave, not with the third.
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      await scene.agree();
      assert.equal(await b.receive(), '', 'B21: the end of the stream');
      // B22, B24: the other direction is open.
      await b.send('twenty bytes of text');
      assert.equal(await a.receive(), 'twenty bytes of text');
      await scene.expect(`
      B>A ACK 1:21 ack 12
      A>B ACK 12 ack 21`);
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      await scene.agree();
      await b.close();
      // B25: the acknowledgement of the first FIN is repeated. B29: it is B that has no more to send.
      await scene.expect(`
      B>A FIN,ACK 21 ack 12
      A>B ACK 12 ack 22`);
      assert.equal(await a.receive(), '');
      await scene.states('TIME-WAIT', 'CLOSED');
      await scene.agree();
      checkPath(scene);
      // The RTO guarded each FIN and ended with its acknowledgement.
      assert.equal(lossHistoryOf(scene).at(-1), 'cancelled');
    },
  );

  ladder(
    'B37 B38 B40 [ladder 5]: the last ACK is lost twice; only a repeated FIN brings it again',
    {},
    async (scene) => {
      scene.lose('A>B ACK 2 ack 2', 2);
      const { a, b } = await connect(scene);
      await a.shutdown();
      await scene.expect(
        `
      A>B FIN,ACK 1 ack 1
      B>A ACK 1 ack 2`,
        100,
      );
      await b.close();
      await scene.expect(
        `
      B>A FIN,ACK 1 ack 2
      A>B ACK 2 ack 2 LOST`,
        0,
      );
      await scene.states('TIME-WAIT', 'LAST-ACK');
      await scene.agree();
      // B40: TIME-WAIT sends nothing of itself. B37: it answers each FIN.
      await scene.expect(`
      B>A FIN,ACK 1 ack 2 after 90..1500
      A>B ACK 2 ack 2 LOST
      B>A FIN,ACK 1 ack 2 after 90..1500
      A>B ACK 2 ack 2`);
      await scene.states('TIME-WAIT', 'CLOSED');
      await scene.agree();
      checkPath(scene);
      if (scene.A.kind === 'stack') {
        // B38: the whole 2 MSL from the last FIN on.
        assert.deepEqual(historyOf(scene, 'time-wait'), ['set', 'restarted', 'restarted']);
        assert.equal(scene.connections()[0]?.timers[0]?.restarts, 2);
      }
    },
  );

  ladder('B15 B30 B37 [ladder 6]: the first FIN is lost; its sender sends it again', {}, async (scene) => {
    scene.lose('A>B FIN,ACK 1 ack 1');
    const { a, b } = await connect(scene);
    await a.shutdown();
    await scene.expect('A>B FIN,ACK 1 ack 1 LOST', 0);
    await scene.states('FIN-WAIT-1', 'ESTABLISHED');
    await scene.agree();
    await scene.expect(
      `
      A>B FIN,ACK 1 ack 1 after 120..1500
      B>A ACK 1 ack 2`,
      100,
    );
    await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
    await scene.agree();
    await b.close();
    await scene.expect(`
      B>A FIN,ACK 1 ack 2
      A>B ACK 2 ack 2`);
    await scene.states('TIME-WAIT', 'CLOSED');
    await scene.agree();
    checkPath(scene);
    if (scene.A.kind === 'stack') {
      // A loss probe, or the retransmission timer: one of them found out.
      const fired = scene.watch.timers.filter((what) => /^(rto|tlp) fired$/.test(what));
      assert.equal(fired.length, 1, scene.watch.timers.join());
    }
  });

  ladder(
    'B18 B26 B30 [ladder 7]: the ACK of the FIN is lost: FIN-WAIT-1 goes on, the FIN comes again, and its ACK',
    {},
    async (scene) => {
      scene.lose('B>A ACK 1 ack 2');
      const { a, b } = await connect(scene);
      await a.shutdown();
      await scene.expect(
        `
      A>B FIN,ACK 1 ack 1
      B>A ACK 1 ack 2 LOST`,
        0,
      );
      await scene.states('FIN-WAIT-1', 'CLOSE-WAIT');
      await scene.agree();
      // The FIN's number is reported as received twice (RFC 2883).
      await scene.expect(
        `
      A>B FIN,ACK 1 ack 1 after 100..1500
      B>A ACK 1 ack 2 sack 1-2`,
        100,
      );
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      await scene.agree();
      await b.close();
      await scene.expect(`
      B>A FIN,ACK 1 ack 2
      A>B ACK 2 ack 2`);
      await scene.states('TIME-WAIT', 'CLOSED');
      await scene.agree();
      checkPath(scene);
    },
  );

  // Both ends in TIME-WAIT; the one that sees its FIN acknowledged last is CLOSING in between.
  ladder(
    'B14 B33 [ladder 8]: FINs cross; both go through CLOSING, and both are in TIME-WAIT',
    { delay: 350 },
    async (scene) => {
      const { a, b } = await connect(scene);
      await Promise.all([a.close(), b.close()]);
      await scene.states('TIME-WAIT', 'TIME-WAIT');
      await scene.agree();
      const said = (end: 'A' | 'B'): string[] =>
        scene.rungs
          .slice(3)
          .filter(({ from }) => from === end)
          .map(({ flags, seq, ack }) => `${flags} ${seq} ack ${ack}`);
      // Neither FIN knows of the other: they were on the way at the same time.
      for (const end of ['A', 'B'] as const) {
        assert.deepEqual(said(end), ['FIN,ACK 1 ack 1', 'ACK 2 ack 2'], `of ${end}`);
      }
      const opening = scene.A.kind === 'stack' ? 'SYN-SENT' : 'SYN-RECEIVED';
      assert.deepEqual(pathOf(scene), [opening, 'ESTABLISHED', 'FIN-WAIT-1', 'CLOSING', 'TIME-WAIT']);
      assert.equal(scene.connections()[0]?.closedFirst, 'both');
      assert.deepEqual(historyOf(scene, 'time-wait'), ['set']);
    },
  );
});
