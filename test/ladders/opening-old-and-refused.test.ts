/** Openings that no application asked for, that nobody wants, or that both ends begin; the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { type Connected, EndError } from '../support/ladder/ends.ts';
import { connect, historyOf, NO_TIMESTAMPS, untilTheEnd } from '../support/ladder/moves.ts';
import { printRung, type Rung } from '../support/ladder/rungs.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { eventually, STACK } from '../support/running-stack.ts';
import { decodePacket } from '../support/segment.ts';

/** The first SYN of the scene, to be replayed. */
const firstSyn = (scene: Scene): Uint8Array => (scene.rungs[0] as Rung).packet;
const rawSeq = (rung: Rung | undefined): number | undefined => rung && decodePacket(rung.packet)?.seq;
const rawAck = (rung: Rung | undefined): number | undefined => rung && decodePacket(rung.packet)?.ack;
/** What one end has said, without the times. */
const saidBy = (scene: Scene, end: 'A' | 'B'): string[] =>
  scene.rungs.filter(({ from }) => from === end).map((rung) => printRung(rung).replace(/^\S+ +/, ''));

describe('a SYN that the network has kept', () => {
  ladder(
    'B10 [ladder 16]: it comes after the connection is gone: answered, and the reset of A takes it back',
    {},
    async (scene) => {
      const { a, listening } = await connect(scene);
      await a.abort();
      await scene.expect('A>B RST,ACK 1 ack 1');
      await scene.states('CLOSED', 'CLOSED');
      scene.inject(firstSyn(scene), 'A');
      // With two steps B would now be ESTABLISHED with nobody, and no timer would ever clean that up.
      await scene.expect(`
      A>B SYN 0 INJECTED
      B>A SYN,ACK 0 ack 1
      A>B RST 1`);
      await scene.states('CLOSED', 'CLOSED');
      if (scene.B.kind === 'stack') {
        assert.deepEqual(untilTheEnd(scene, 'syn-ack'), ['set', 'cancelled', 'set']);
        assert.equal(scene.stack.connections()[0]?.state, 'LISTEN', 'ready for the next');
      }
      await listening.close();
    },
  );

  ladder(
    'B10 [ladder 16b]: it comes while the connection is ESTABLISHED: a challenge ACK, and nothing else changes',
    // With timestamps the SYN would be too old before its number is looked at.
    NO_TIMESTAMPS,
    async (scene) => {
      const { a, b } = await connect(scene);
      scene.inject(firstSyn(scene), 'A');
      await scene.expect(`
      A>B SYN 0 INJECTED
      B>A ACK 1 ack 1`);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      await a.send('still here');
      assert.equal(await b.receive(), 'still here');
      await scene.expect(`
      A>B ACK 1:11 ack 1
      B>A ACK 1 ack 11`);
    },
  );

  // The kernel without net.ipv4.tcp_rfc1337 and our stack with the value of its profile do the same;
  // our own default (and strict) ignores resets in TIME-WAIT.
  for (const rfc1337 of [false, true]) {
    const [title, left] = rfc1337
      ? ['with RFC 1337 A stays in TIME-WAIT', 'TIME-WAIT']
      : ['the reset that B answers with kills the TIME-WAIT of A', 'CLOSED'];
    ladder(
      `B10 B43 [ladder 16c]: it comes when A is in TIME-WAIT and B has forgotten; ${title}`,
      {
        config: { 'timeWait.rfc1337': rfc1337 ? 'on' : 'off' },
        sysctl: { 'net.ipv4.tcp_rfc1337': rfc1337 ? 1 : 0 },
      },
      async (scene) => {
        const { a, b } = await connect(scene);
        await a.shutdown();
        await scene.expect(`
        A>B FIN,ACK 1 ack 1
        B>A ACK 1 ack 2`);
        await b.close();
        await scene.expect(`
        B>A FIN,ACK 1 ack 2
        A>B ACK 2 ack 2`);
        await scene.states('TIME-WAIT', 'CLOSED');
        await scene.agree();
        const lastAck = scene.rungs.at(-1);
        scene.inject(firstSyn(scene), 'A');
        const [, , ack, rst] = await scene.expect(
          `
        A>B SYN 0 INJECTED
        B>A SYN,ACK 0 ack 1
        A>B ACK 2 ack ?
        B>A RST ?`,
          40,
        );
        assert.equal(rawAck(ack), rawAck(lastAck), 'TIME-WAIT repeats its last ACK, of the old connection');
        assert.equal(rawSeq(rst), rawAck(ack), 'the reset is where that ACK asks for it');
        await scene.states(left, 'SYN-RECEIVED');
        if (scene.A.kind === 'stack') {
          assert.deepEqual(untilTheEnd(scene, 'time-wait'), ['set']);
        }
      },
    );
  }
});

describe('nobody is there', () => {
  ladder('B10 [ladder 17]: a SYN to a closed port is refused at once', {}, async (scene) => {
    const refused = await scene.A.connect(9).catch((error: unknown) => error);
    assert.ok(refused instanceof EndError);
    assert.equal(refused.code, 'ECONNREFUSED');
    await scene.expect(`
      A>B SYN 0
      B>A RST,ACK 0 ack 1`);
    await scene.states('CLOSED', 'CLOSED');
    if (scene.A.kind === 'stack') assert.deepEqual(historyOf(scene, 'rto'), ['set', 'cancelled']);
  });

  ladder('B56 [ladder 17]: nc says what the reset means', { roles: ['kernel'] }, async (scene) => {
    const { code, stderr } = await scene.namespace.run('nc', ['-v', STACK, '9']);
    assert.equal(code, 1);
    assert.match(stderr, /Connection refused/);
    await scene.expect(`
      A>B SYN 0
      B>A RST,ACK 0 ack 1`);
  });

  // Linux ≥ 6.5 waits one second between the first SYNs, RFC 6298 and we wait twice as long each time.
  ladder(
    'B4 B8 [ladder 18]: no SYN arrives: curl says that it timed out, SYNs went out each second',
    { roles: ['kernel'] },
    async (scene) => {
      scene.lose('A>B SYN 0', 10);
      const curl = await scene.namespace.run('curl', ['-sS', '-m', '2.5', `http://${STACK}/`]);
      assert.equal(curl.code, 28);
      assert.match(curl.stderr, /timed out/);
      await scene.expect(`
      A>B SYN 0 LOST
      A>B SYN 0 LOST after 700..1900
      A>B SYN 0 LOST after 700..1900`);
      await scene.states('CLOSED', 'CLOSED');
      assert.deepEqual(scene.watch.states, [], 'we have never heard of it');
    },
  );

  ladder(
    'B4 B8 [ladder 18]: no SYN arrives: ours go out at doubling distances, until the open times out',
    { roles: ['stack'], config: { 'rto.initial': '200ms', 'retries.syn': 2 } },
    async (scene) => {
      scene.lose('A>B SYN 0', 10);
      const connecting = scene.A.connect(80).catch((error: unknown) => error);
      const [, second, third] = await scene.expect(`
      A>B SYN 0 LOST
      A>B SYN 0 LOST after 90..600
      A>B SYN 0 LOST after 350..1100`);
      assert.ok((third?.at ?? 0) > (second?.at ?? 0));
      const error = await connecting;
      assert.ok(error instanceof EndError);
      assert.equal(error.code, 'ETIMEDOUT');
      assert.deepEqual(historyOf(scene, 'rto'), ['set', 'fired', 'set', 'fired', 'set', 'fired']);
      await scene.states('CLOSED', 'CLOSED');
      assert.deepEqual(scene.watch.states, ['SYN-SENT', 'CLOSED']);
    },
  );
});

/** A opens, and B before the SYN of A has arrived. */
async function crossing(scene: Scene): Promise<{ both: Promise<[Connected, Connected]> }> {
  // Whoever answers for the kernel must have started: B has 300 ms to call.
  await (await scene.B.listen(5002)).close();
  await (await scene.A.listen(5002)).close();
  const first = scene.A.connect(5001, { from: 5000 });
  await eventually(
    () => scene.rungs.length > 0,
    () => 'the SYN of A',
  );
  return { both: Promise.all([first, scene.B.connect(5000, { from: 5001 })]) };
}

describe('both begin at once', () => {
  ladder(
    'B8 B9 B11 [ladder 19]: SYNs cross; both go through SYN-RECEIVED; one connection, not two',
    { delay: 300 },
    async (scene) => {
      const [a, b] = await (await crossing(scene)).both;
      await eventually(
        () => saidBy(scene, 'A').length >= 3 && saidBy(scene, 'B').length >= 3,
        () => 'three segments of each',
      );
      // Each SYN is sent twice, the second time with the ACK; the ACK of that reports a duplicate where
      // SACK is agreed (RFC 2883).
      const wanted = (end: 'A' | 'B'): RegExp[] => {
        const way = end === 'A' ? 'A>B' : 'B>A';
        return [
          new RegExp(`^${way} SYN 0$`),
          new RegExp(`^${way} SYN,ACK 0 ack 1$`),
          new RegExp(`^${way} ACK 1 ack 1( sack 0-1)?$`),
        ];
      };
      for (const end of ['A', 'B'] as const) {
        const said = saidBy(scene, end);
        assert.equal(said.length, 3, said.join('\n'));
        for (const [index, line] of wanted(end).entries()) assert.match(said[index] as string, line);
      }
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      assert.deepEqual(scene.connections()[0]?.path, ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED']);
      assert.equal(historyOf(scene, 'rto').at(-1), 'cancelled');
      await a.send('one connection');
      assert.equal(await b.receive(), 'one connection');
    },
  );

  ladder(
    'B8 B11 [ladder 19]: both SYN,ACKs are lost: both ends stay in SYN-RECEIVED, each with a timer of its own',
    { roles: ['stack'], delay: 300 },
    async (scene) => {
      scene.lose('A>B SYN,ACK 0 ack 1');
      scene.lose('B>A SYN,ACK 0 ack 1');
      const { both } = await crossing(scene);
      await scene.states('SYN-RECEIVED', 'SYN-RECEIVED');
      await scene.agree();
      assert.deepEqual(
        scene.connections()[0]?.timers.map(({ name }) => name),
        ['rto'],
      );
      await both;
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      assert.ok(historyOf(scene, 'rto').includes('fired'));
    },
  );
});
