/** Segments that nobody has sent: what RFC 5961 does about them, here and in the kernel. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Connected } from '../support/ladder/ends.ts';
import { connect, forge, NO_TIMESTAMPS } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';

/** The kernel answers what it finds unacceptable twice a second at most; here always. */
const ANSWERS = { sysctl: { ...NO_TIMESTAMPS.sysctl, 'net.ipv4.tcp_invalid_ratelimit': 0 } };

/** The connection still carries data from A to B. */
async function stillWorks(scene: Scene, a: Connected, b: Connected): Promise<void> {
  await scene.states('ESTABLISHED', 'ESTABLISHED');
  await a.send('alive');
  assert.equal(await b.receive(), 'alive');
  await scene.expect(`
    A>B ACK,PSH 1:6 ack 1
    B>A ACK 1 ack 6`);
}

describe('forged segments for an established connection', () => {
  ladder(
    '[ladder 30]: a RST within the window is challenged, the exact one believed',
    ANSWERS,
    async (scene) => {
      const { b } = await connect(scene);
      forge(scene, 'A', { flags: 'R', seq: 11 });
      await scene.expect(`
      A>B RST 11 INJECTED
      B>A ACK 1 ack 1
      ? A>B ACK 1 ack 1`);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      const reading = assert.rejects(b.receive(), { code: 'ECONNRESET' });
      forge(scene, 'A', { flags: 'R', seq: 1 });
      await reading;
      await scene.expect('A>B RST 1 INJECTED');
      // A half-open connection: A learns of it when it speaks.
      await scene.states('ESTABLISHED', 'CLOSED');
      await scene.agree({ halfOpen: true });
    },
  );

  ladder('[ladder 30]: a RST outside the window is ignored', ANSWERS, async (scene) => {
    const { a, b } = await connect(scene);
    forge(scene, 'A', { flags: 'R', seq: 10_000_000 });
    forge(scene, 'A', { flags: 'R', seq: -1 });
    await scene.expect(
      `
      A>B RST 10000000 INJECTED
      A>B RST -1 INJECTED`,
      150,
    );
    await stillWorks(scene, a, b);
  });

  ladder(
    '[ladder 35]: an ACK of what was never sent earns an ACK and changes nothing',
    ANSWERS,
    async (scene) => {
      const { a, b } = await connect(scene);
      forge(scene, 'A', { flags: 'A', seq: 1, ack: 1000 });
      await scene.expect(`
      A>B ACK 1 ack 1000 INJECTED
      B>A ACK 1 ack 1`);
      await stillWorks(scene, a, b);
    },
  );

  ladder(
    '[ladder 35]: data left of the window is acknowledged as the duplicate that it is',
    ANSWERS,
    async (scene) => {
      const { a, b } = await connect(scene);
      forge(scene, 'A', { flags: 'PA', seq: -100, ack: 1, payload: '0123456789' });
      await scene.expect(`
      A>B ACK,PSH -100:-90 ack 1 INJECTED
      B>A ACK 1 ack 1 sack -100--90`);
      await stillWorks(scene, a, b);
    },
  );

  ladder(
    '[ladder 35]: data right of the window is not kept; the ACK tells what is',
    ANSWERS,
    async (scene) => {
      const { a, b } = await connect(scene);
      forge(scene, 'A', { flags: 'PA', seq: 10_000_000, ack: 1, payload: '0123456789' });
      await scene.expect(`
      A>B ACK,PSH 10000000:10000010 ack 1 INJECTED
      B>A ACK 1 ack 1`);
      await stillWorks(scene, a, b);
    },
  );

  ladder('[ladder 35]: a SYN, whatever its number, earns a challenge ACK', ANSWERS, async (scene) => {
    const { a, b } = await connect(scene);
    forge(scene, 'A', { flags: 'S', seq: 5 });
    // Numbers are relative to the forged ISN from here on.
    await scene.expect(`
      A>B SYN 0 INJECTED
      B>A ACK ? ack -4`);
    await scene.states('ESTABLISHED', 'ESTABLISHED');
    await a.send('alive');
    assert.equal(await b.receive(), 'alive');
  });
});
