/** Segments out of order and twice, with the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, lossHistoryOf, NO_TIMESTAMPS, receiveAll } from '../support/ladder/moves.ts';
import { ladder } from '../support/ladder/scene.ts';

describe('order and copies', () => {
  ladder(
    'B59 [ladder 31]: a FIN overtakes the data before it; it counts when the gap is filled',
    { ...NO_TIMESTAMPS, delay: 20 },
    async (scene) => {
      const { a, b } = await connect(scene);
      scene.hold('A>B ACK 1:11 ack 1', 800);
      await a.send('0123456789');
      await sleep(20);
      await a.shutdown();
      assert.equal(await receiveAll(b, 10), '0123456789');
      assert.equal(await b.receive(), '');
      // How soon the sender knows that the data is late, and whether it tries the FIN again before, is its
      // affair; in the end it repeats the data (Linux in one segment with the FIN), and the late segment is a
      // duplicate.
      const rungs = await scene.expect(`
        A>B ACK,PSH 1:11 ack 1 LATE
        A>B FIN,ACK 11 ack 1
        B>A ACK 1 ack 1
        ? A>B FIN,ACK 11 ack 1
        ? B>A ACK 1 ack 1
        ? A>B FIN,ACK 11 ack 1
        ? B>A ACK 1 ack 1
        ? A>B ACK,PSH 1:11 ack 1
        ? A>B FIN,ACK,PSH 1:11 ack 1
        B>A ACK 1 ack 12
        B>A ACK 1 ack 12 sack 1-11`);
      assert.equal(rungs.filter(({ from, seq }) => from === 'A' && seq === 1).length, 2);
      if (scene.B.kind === 'kernel') {
        assert.deepEqual(rungs[2]?.sack, [[11, 12]]);
        assert.deepEqual([rungs[3]?.from, rungs[3]?.seq], ['A', 1], 'that told our stack all it needs');
      }
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
        assert.deepEqual(lossHistoryOf(scene), ['set', 'cancelled', 'set', 'cancelled', 'set', 'cancelled']);
      }
    },
  );
});
