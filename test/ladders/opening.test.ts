/** The opening, with every one of its three segments lost in turn, and the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { HANDSHAKE, historyOf } from '../support/ladder/moves.ts';
import type { Rung } from '../support/ladder/rungs.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';

const oursIs = (scene: Scene, end: 'A' | 'B'): boolean => scene[end].kind === 'stack';

/** B2: what both offer is agreed, each end with its own window shift; and only SYNs carry it. */
function checkParameters(scene: Scene, [syn, synAck, ack]: readonly Rung[]): void {
  for (const { options } of [syn, synAck] as Rung[]) {
    assert.equal(options.mss, 1460);
    assert.equal(options.sackPermitted, true);
    assert.notEqual(options.timestamps, undefined);
  }
  assert.equal(ack?.options.mss, undefined);
  assert.equal(ack?.options.timestamps?.[1], synAck?.options.timestamps?.[0], 'TSecr echoes TSval');
  const { mss, sack, timestamps, wscale } = scene.connections()[0]?.options ?? {};
  assert.deepEqual({ mss, sack, timestamps }, { mss: 1460, sack: true, timestamps: true });
  const offered = [syn, synAck].map((rung) => rung?.options.wscale);
  assert.ok(
    offered.every((shift) => (shift ?? 0) >= 7),
    `window shifts ${offered.join()}`,
  );
  assert.deepEqual(wscale, oursIs(scene, 'A') ? offered : offered.reverse());
}

describe('the three-way handshake', () => {
  ladder(
    'B1 B2 B3 B4 B5 B6 B8 B9 [ladder 1]: SYN, SYN,ACK, ACK; parameters agreed; both ends heard and were heard',
    {},
    async (scene) => {
      const listening = await scene.B.listen(1234);
      const a = await scene.A.connect(1234);
      const b = await listening.accept();
      // B6: the third segment has no SYN, whatever one reads elsewhere.
      const rungs = await scene.expect(HANDSHAKE);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      checkParameters(scene, rungs);
      // B4, B5: the path of Figure 5, and the timer of the end that sent the SYN or the SYN,ACK.
      const [opening, timer] = oursIs(scene, 'A')
        ? [['SYN-SENT'], 'rto']
        : [['LISTEN', 'SYN-RECEIVED'], 'syn-ack'];
      assert.deepEqual(scene.connections()[0]?.path, [...opening, 'ESTABLISHED']);
      assert.deepEqual(historyOf(scene, timer), ['set', 'cancelled']);
      // B1, B9: now each end knows that it can send and is heard.
      await a.send('from A');
      assert.equal(await b.receive(), 'from A');
      await b.send('from B');
      assert.equal(await a.receive(), 'from B');
    },
  );

  ladder(
    'B2: what one end does not offer is not used: the kernel without options, and our stack without options',
    {
      config: { timestamps: 'off', wscale: 'off' },
      sysctl: { 'net.ipv4.tcp_sack': 0 },
    },
    async (scene) => {
      const listening = await scene.B.listen(1234);
      await scene.A.connect(1234);
      await listening.accept();
      const [syn, synAck, ack] = await scene.expect(HANDSHAKE);
      assert.deepEqual(synAck?.options, { mss: 1460 }, 'nothing that the SYN did not ask for');
      assert.deepEqual(ack?.options, {});
      // The first end offers what it has all the same.
      assert.equal(syn?.options.sackPermitted, oursIs(scene, 'A') ? true : undefined);
      assert.equal(syn?.options.timestamps !== undefined, !oursIs(scene, 'A'));
      const { wscale, sack, timestamps } = scene.connections()[0]?.options ?? {};
      assert.deepEqual({ wscale, sack, timestamps }, { wscale: null, sack: false, timestamps: false });
    },
  );
});

describe('a segment of the opening is lost', () => {
  ladder(
    'B4 B8 [ladder 12]: the SYN is lost; its sender waits in SYN-SENT and sends it again after a second',
    {},
    async (scene) => {
      scene.lose('A>B SYN 0');
      const listening = await scene.B.listen(1234);
      const connecting = scene.A.connect(1234);
      await scene.expect('A>B SYN 0 LOST');
      await scene.states('SYN-SENT', 'CLOSED');
      await scene.agree();
      const [syn, again] = await connecting.then(() =>
        scene.expect(`
      A>B SYN 0 after 700..1900
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1`),
      );
      assert.equal(syn?.end, again?.end, 'the same number');
      await listening.accept();
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      if (oursIs(scene, 'A')) {
        assert.deepEqual(historyOf(scene, 'rto'), ['set', 'fired', 'set', 'cancelled']);
        assert.equal(scene.connections()[0]?.snd?.retransmits, 1);
      }
    },
  );

  // Both ends have a second before they send again: whose clock runs first is made sure here.
  ladder(
    'B5 B8 [ladder 13]: the SYN,ACK is lost; the same SYN again earns the same SYN,ACK again',
    { roles: ['kernel'], config: { 'rto.initial': '3s' } },
    async (scene) => {
      scene.lose('B>A SYN,ACK 0 ack 1');
      await synAckLost(
        scene,
        `
      A>B SYN 0 after 700..1900
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1`,
      );
      assert.deepEqual(historyOf(scene, 'syn-ack'), ['set', 'cancelled'], 'a SYN again moves no timer');
    },
  );

  ladder(
    'B5 B8 [ladder 13]: the SYN,ACK is lost; its sender in SYN-RECEIVED sends it again by itself',
    { roles: ['kernel'], config: { 'rto.initial': '400ms' } },
    async (scene) => {
      scene.lose('B>A SYN,ACK 0 ack 1');
      await synAckLost(
        scene,
        `
      B>A SYN,ACK 0 ack 1 after 250..900
      A>B ACK 1 ack 1`,
      );
      assert.deepEqual(historyOf(scene, 'syn-ack'), ['set', 'fired', 'set', 'cancelled']);
    },
  );

  ladder(
    'B5 B8 [ladder 13]: the SYN,ACK is lost; our own SYN goes first',
    { roles: ['stack'], config: { 'rto.initial': '500ms' } },
    async (scene) => {
      scene.lose('B>A SYN,ACK 0 ack 1');
      await synAckLost(
        scene,
        `
      A>B SYN 0 after 300..950
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1`,
      );
      assert.deepEqual(historyOf(scene, 'rto'), ['set', 'fired', 'set', 'cancelled']);
    },
  );

  ladder(
    'B7 B8 B10 [ladder 14]: the third segment is lost and nobody sends: ESTABLISHED here, SYN-RECEIVED there',
    {},
    async (scene) => {
      scene.lose('A>B ACK 1 ack 1');
      const listening = await scene.B.listen(1234);
      await scene.A.connect(1234);
      await scene.expect(`
      A>B SYN 0
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1 LOST`);
      await scene.states('ESTABLISHED', 'SYN-RECEIVED');
      await scene.agree();
      const b = await listening.accept();
      await scene.expect(`
      B>A SYN,ACK 0 ack 1 after 700..1900
      A>B ACK 1 ack 1`);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      if (oursIs(scene, 'B')) {
        assert.deepEqual(historyOf(scene, 'syn-ack'), ['set', 'fired', 'set', 'cancelled']);
        assert.deepEqual(scene.connections()[0]?.path, ['LISTEN', 'SYN-RECEIVED', 'ESTABLISHED']);
      }
      await b.close();
    },
  );

  ladder(
    'B7 B9 [ladder 15]: the third segment is lost, but data follows at once: its ACK opens the connection as well',
    {},
    async (scene) => {
      scene.lose('A>B ACK 1 ack 1');
      const listening = await scene.B.listen(1234);
      const a = await scene.A.connect(1234);
      await a.send('12345');
      const b = await listening.accept();
      await scene.expect(`
      A>B SYN 0
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1 LOST
      A>B ACK 1:6 ack 1
      B>A ACK 1 ack 6`);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      if (oursIs(scene, 'B')) {
        assert.deepEqual(historyOf(scene, 'syn-ack'), ['set', 'cancelled']);
      }
      // Five bytes that nobody has read: what comes instead of a FIN is a reset.
      await b.close();
      await scene.expect('B>A RST,ACK 1 ack 6');
      await scene.states('CLOSED', 'CLOSED');
    },
  );
});

/** Loses the SYN,ACK and plays what `then` says. */
async function synAckLost(scene: Scene, then: string): Promise<void> {
  const listening = await scene.B.listen(1234);
  const connecting = scene.A.connect(1234);
  await scene.expect(`
    A>B SYN 0
    B>A SYN,ACK 0 ack 1 LOST`);
  await scene.states('SYN-SENT', 'SYN-RECEIVED');
  await scene.agree();
  await connecting;
  await listening.accept();
  await scene.expect(then);
  await scene.states('ESTABLISHED', 'ESTABLISHED');
  await scene.agree();
}
