/** Segments out of order and twice, with the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, historyOf, NO_TIMESTAMPS, receiveAll } from '../support/ladder/moves.ts';
import { ladder } from '../support/ladder/scene.ts';

describe('order and copies', () => {
  ladder(
    'B59 [ladder 31]: a FIN overtakes the data before it; it counts when the gap is filled',
    { ...NO_TIMESTAMPS, delay: 20 },
    async (scene) => {
      const { a, b } = await connect(scene);
      scene.hold('A>B ACK 1:11 ack 1', 150);
      await a.send('0123456789');
      await sleep(20);
      await a.shutdown();
      assert.equal(await receiveAll(b, 10), '0123456789');
      assert.equal(await b.receive(), '');
      // Whether the hole is filled by the late segment or by its retransmission, and how often the FIN is
      // repeated meanwhile, is the sender's affair: RACK knows at once, a stack without it waits.
      const rungs = await scene.expect(
        `
        A>B ACK,PSH 1:11 ack 1 LATE
        A>B FIN,ACK 11 ack 1
        B>A ACK 1 ack 1
        ? A>B FIN,ACK 11 ack 1
        ? B>A ACK 1 ack 1
        ? A>B ACK,PSH 1:11 ack 1
        B>A ACK 1 ack 12
        ? B>A ACK 1 ack 12 sack 1-11`,
        250,
      );
      if (scene.B.kind === 'kernel') assert.deepEqual(rungs[2]?.sack, [[11, 12]]);
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      await scene.agree();
      await b.close();
      await scene.expect(`
        B>A FIN,ACK 1 ack 12
        A>B ACK 12 ack 2`);
      await scene.states('TIME-WAIT', 'CLOSED');
    },
  );

  ladder(
    'B50 B59 [ladder 32]: a router repeats a data segment; it is acknowledged again and delivered once',
    NO_TIMESTAMPS,
    async (scene) => {
      scene.copy('A>B ACK 1:11 ack 1', 300);
      const { a, b } = await connect(scene);
      await a.send('0123456789');
      assert.equal(await receiveAll(b, 10), '0123456789');
      const [, , again] = await scene.expect(`
        A>B ACK,PSH 1:11 ack 1 COPIED
        B>A ACK 1 ack 11
        B>A ACK 1 ack 11 sack 1-11 after 200..600`);
      assert.ok(again !== undefined);
      await scene.agree();
      await a.send('next');
      assert.equal(await b.receive(), 'next', 'the copy was not delivered');
      await scene.expect(`
        A>B ACK,PSH 11:15 ack 1
        B>A ACK 1 ack 15`);
      if (scene.A.kind === 'stack') {
        // The handshake, and each of the two segments: nothing was resent for the copy.
        assert.deepEqual(historyOf(scene, 'rto'), [
          'set',
          'cancelled',
          'set',
          'cancelled',
          'set',
          'cancelled',
        ]);
      }
    },
  );
});
