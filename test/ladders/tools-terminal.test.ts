/** nc on a real terminal, as a student types it: Ctrl-D and Ctrl-C are keys there. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { HANDSHAKE, NO_TIMESTAMPS, PORT } from '../support/ladder/moves.ts';
import { ladder } from '../support/ladder/scene.ts';
import { STACK } from '../support/running-stack.ts';

const CTRL_C = '\x03';
const CTRL_D = '\x04';

/** `script` (of the essential package bsdutils) gives a program a pseudo-terminal and types what it reads. */
const ON_A_TERMINAL = ['script', '-qec', `nc.openbsd ${STACK} ${PORT}`, '/dev/null'] as const;
const OPTIONS = { ...NO_TIMESTAMPS, roles: ['kernel'], programs: ['script', 'nc.openbsd'] } as const;

describe('nc on a terminal', () => {
  ladder(
    'B51 B56 B57 [ladder 46]: the server closes first: CLOSE-WAIT until Ctrl-D',
    OPTIONS,
    async (scene) => {
      const listening = await scene.B.listen(PORT);
      const nc = scene.namespace.start(...ON_A_TERMINAL);
      const server = await listening.accept();
      await scene.expect(HANDSHAKE);
      await server.close();
      await scene.expect(
        `
      B>A FIN,ACK 1 ack 1
      A>B ACK 1 ack 2`,
        250,
      );
      await scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
      await scene.agree();
      assert.ok(nc.running);
      nc.type(CTRL_D);
      await scene.expect(`
      A>B FIN,ACK 1 ack 2
      B>A ACK 2 ack 2`);
      await scene.states('CLOSED', 'TIME-WAIT');
      assert.equal((await nc.end(5000)).code, 0);
    },
  );

  ladder('B13 B56 [ladder 2]: a line, Ctrl-D without effect, Ctrl-C closes', OPTIONS, async (scene) => {
    const listening = await scene.B.listen(PORT);
    const nc = scene.namespace.start(...ON_A_TERMINAL);
    const server = await listening.accept();
    await scene.expect(HANDSHAKE);
    nc.type('hi\n');
    assert.equal(await server.receive(), 'hi\n');
    await server.send('ho\n');
    await scene.expect(
      `
      A>B ACK,PSH 1:4 ack 1
      ? B>A ACK 1 ack 4
      B>A ACK,PSH 1:4 ack 4
      A>B ACK 4 ack 4`,
      100,
    );
    nc.type(CTRL_D);
    await scene.expect('', 200);
    await scene.states('ESTABLISHED', 'ESTABLISHED');
    nc.type(CTRL_C);
    await scene.expect(
      `
      A>B FIN,ACK 4 ack 4
      B>A ACK 4 ack 5`,
      80,
    );
    await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
    await server.close();
    await scene.expect(`
      B>A FIN,ACK 4 ack 5
      A>B ACK 5 ack 5`);
    await scene.states('TIME-WAIT', 'CLOSED');
    await nc.end(5000);
    assert.match(nc.text, /ho/);
  });
});
