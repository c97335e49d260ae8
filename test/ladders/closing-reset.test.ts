/** Closes that end in a reset, in three waves, or not at all; the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { EndError } from '../support/ladder/ends.ts';
import { connect, historyOf, receiveAll } from '../support/ladder/moves.ts';
import { ladder } from '../support/ladder/scene.ts';

/** What a call was refused with. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.catch((reason: unknown) => reason);
  assert.ok(error instanceof EndError, `it did not fail: ${String(error)}`);
  return error.code;
}

describe('a close that is a reset', () => {
  ladder('B23 [ladder 9]: close with unread data sends RST, no FIN', {}, async (scene) => {
    const { a, b } = await connect(scene);
    await b.send('0123456789');
    await scene.expect(`
      B>A ACK 1:11 ack 1
      A>B ACK 1 ack 11`);
    await scene.agree();
    await a.close();
    await scene.expect('A>B RST,ACK 1 ack 11');
    await scene.states('CLOSED', 'CLOSED');
    assert.equal(await codeOf(b.receive()), 'ECONNRESET');
    const opening = scene.A.kind === 'stack' ? 'SYN-SENT' : 'SYN-RECEIVED';
    assert.deepEqual(scene.watch.states, [opening, 'ESTABLISHED', 'CLOSED'], 'no state of the close');
  });

  ladder(
    'B23 [ladder 10]: SO_LINGER of zero seconds sends RST, and no TIME-WAIT is left',
    {},
    async (scene) => {
      const { a, b } = await connect(scene);
      const reading = codeOf(b.receive());
      await a.abort();
      await scene.expect('A>B RST,ACK 1 ack 1');
      await scene.states('CLOSED', 'CLOSED');
      assert.equal(await reading, 'ECONNRESET');
      assert.deepEqual(historyOf(scene, 'time-wait'), []);
    },
  );

  ladder(
    'B22 B23 [ladder 11]: after close, not shutdown, nobody reads: data that still comes is answered with RST',
    {},
    async (scene) => {
      const { a, b } = await connect(scene);
      await a.close();
      await scene.expect(
        `
      A>B FIN,ACK 1 ack 1
      B>A ACK 1 ack 2`,
        100,
      );
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      await scene.agree();
      // Nobody will ever close this end by reading: a timer does, the kernel's ss calls it timewait too.
      const kernels = (await scene.kernelSockets())[0];
      if (scene.A.kind === 'kernel') assert.equal(kernels?.timer, 'timewait');
      else assert.deepEqual(historyOf(scene, 'fin-wait-2'), ['set']);
      await b.send('12345');
      // Where the peer expects it, which is all that counts; ours says in addition what it had received.
      await scene.expect(`
      B>A ACK 1:6 ack 2
      ${scene.A.kind === 'kernel' ? 'A>B RST 2' : 'A>B RST,ACK 2 ack 1'}`);
      await scene.states('CLOSED', 'CLOSED');
      assert.equal(await codeOf(b.send('more')), 'EPIPE');
    },
  );
});

describe('fewer waves', () => {
  ladder('B12 B31 [ladder 1]: the peer closes at once: ACK and FIN merge, three waves', {}, async (scene) => {
    const { a, b } = await connect(scene);
    // Data both ways: an interactive connection lets its ACKs wait.
    await a.send('hi\n');
    assert.equal(await b.receive(), 'hi\n');
    await b.send('yo\n');
    assert.equal(await a.receive(), 'yo\n');
    await scene.expect(
      `
      A>B ACK 1:4 ack 1
      ? B>A ACK 1 ack 4
      B>A ACK 1:4 ack 4
      A>B ACK 4 ack 4`,
      100,
    );
    const ended = b.receive().then(async (end) => {
      assert.equal(end, '');
      await b.close();
    });
    await a.shutdown();
    await ended;
    await scene.expect(`
      A>B FIN,ACK 4 ack 4
      B>A FIN,ACK 4 ack 5
      A>B ACK 5 ack 5`);
    await scene.states('TIME-WAIT', 'CLOSED');
    await scene.agree();
    // CLOSE-WAIT was passed all the same, and FIN-WAIT-2 was not left out: one segment did both.
    if (scene.B.kind === 'stack') {
      assert.deepEqual(scene.watch.states.slice(2), ['CLOSE-WAIT', 'LAST-ACK', 'CLOSED']);
    } else {
      assert.deepEqual(scene.watch.states.slice(2), ['FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT']);
    }
  });

  // Our own FIN follows the last byte in a segment of its own, so that a learner sees two things as two;
  // the lab's switch lets it ride along, as the kernel's does.
  ladder(
    'B17 B32: the last data carries the FIN; the ACK covers the bytes and one more',
    { config: { 'lab.finWithData': 'on' } },
    async (scene) => {
      const { a, b } = await connect(scene);
      await a.option('IPPROTO_TCP', 'TCP_CORK', 1);
      await a.send('0123456789');
      await scene.expect('', 30);
      await a.shutdown();
      await scene.expect(
        `
      A>B FIN,ACK 1:11 ack 1
      B>A ACK 1 ack 12`,
        100,
      );
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      await scene.agree();
      assert.equal(await receiveAll(b, 10), '0123456789');
      assert.equal(await b.receive(), '');
      await b.close();
      await scene.expect(`
      B>A FIN,ACK 1 ack 12
      A>B ACK 12 ack 2`);
      await scene.states('TIME-WAIT', 'CLOSED');
    },
  );
});
