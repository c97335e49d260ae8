/** The close, wave by wave, with the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { ladder } from '../support/ladder/scene.ts';

const HANDSHAKE = `
  A>B SYN 0
  B>A SYN,ACK 0 ack 1
  A>B ACK 1 ack 1`;

describe('the four waves', () => {
  ladder(
    'B15 B17 B18 B24 B25 B27: true four waves, with data in the half-closed direction',
    {},
    async (scene) => {
      const listening = await scene.B.listen(1234);
      const a = await scene.A.connect(1234);
      const b = await listening.accept();
      await scene.expect(HANDSHAKE);
      await a.send('0123456789');
      assert.equal(await b.receive(), '0123456789');
      await scene.expect(`
      A>B ACK 1:11 ack 1
      B>A ACK 1 ack 11`);
      await a.shutdown();
      await scene.expect(
        `
      A>B FIN,ACK 11 ack 1
      B>A ACK 1 ack 12 after 0..200`,
        100,
      );
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      assert.equal(await b.receive(), '');
      await b.send('twenty bytes of text');
      assert.equal(await a.receive(), 'twenty bytes of text');
      await scene.expect(`
      B>A ACK 1:21 ack 12
      A>B ACK 12 ack 21`);
      await b.close();
      await scene.expect(`
      B>A FIN,ACK 21 ack 12
      A>B ACK 12 ack 22`);
      assert.equal(await a.receive(), '');
      await scene.states('TIME-WAIT', 'CLOSED');
    },
  );

  ladder(
    'B37 B38 B40: the last ACK is lost twice; only a repeated FIN brings it again',
    {},
    async (scene) => {
      scene.lose('A>B ACK 2 ack 2', 2);
      const listening = await scene.B.listen(1234);
      const a = await scene.A.connect(1234);
      const b = await listening.accept();
      await scene.expect(HANDSHAKE);
      await a.shutdown();
      await scene.expect(
        `
      A>B FIN,ACK 1 ack 1
      B>A ACK 1 ack 2`,
        100,
      );
      await b.close();
      await scene.expect(`
      B>A FIN,ACK 1 ack 2
      A>B ACK 2 ack 2 LOST
      B>A FIN,ACK 1 ack 2 after 150..1500
      A>B ACK 2 ack 2 LOST
      B>A FIN,ACK 1 ack 2 after 150..1500
      A>B ACK 2 ack 2`);
      await scene.states('TIME-WAIT', 'CLOSED');
      if (scene.A.kind === 'stack') {
        assert.equal(scene.watch.timers.filter((what) => what === 'time-wait restarted').length, 2);
      }
    },
  );
});
