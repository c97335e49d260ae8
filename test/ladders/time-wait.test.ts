/** TIME-WAIT: how long, what it answers, what it protects from; the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, historyOf, NO_TIMESTAMPS, receiveAll, untilTheEnd } from '../support/ladder/moves.ts';
import type { Rung } from '../support/ladder/rungs.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { ourSsLine } from '../support/ladder/sockets.ts';

/** A connection that A closed first and B then, with what its segments were. */
async function closedByA(scene: Scene, from?: number): Promise<Rung[]> {
  const { a, b, listening } = await connect(scene, from === undefined ? {} : { connect: { from } });
  await a.shutdown();
  const first = await scene.expect(
    `
    A>B FIN,ACK 1 ack 1
    B>A ACK 1 ack 2`,
    100,
  );
  await b.close();
  const second = await scene.expect(`
    B>A FIN,ACK 1 ack 2
    ? A>B ACK 2 ack 2
    ? A>B RST 2`);
  await listening.close();
  return [...first, ...second];
}

/** The timer of the one connection that A holds, as A's own `ss` shows it. */
async function timerOfA(scene: Scene): Promise<string> {
  const line =
    scene.A.kind === 'kernel' ? (await scene.kernelSockets())[0] : scene.connections().map(ourSsLine)[0];
  return line === undefined ? 'gone' : `${line.state} ${line.timer} ${line.timerLeft}`;
}

describe('2 MSL', () => {
  ladder(
    'B28 B33 B34 B35 B36 B37 B38 [ladder 4] [ladder 36]: who closed first waits, a minute and not two seconds; a FIN again begins it anew',
    {},
    async (scene) => {
      const [, , fin] = await closedByA(scene);
      await scene.states('TIME-WAIT', 'CLOSED');
      await scene.agree();
      // ss prints whole seconds, of the kernel and of ours in the same words.
      assert.match(await timerOfA(scene), /^TIME-WAIT timewait 5[6-9]sec$/);
      await sleep(2300);
      assert.match(await timerOfA(scene), /^TIME-WAIT timewait 5[0-7]sec$/);
      await scene.expect('');
      // B has forgotten the connection, and answers A's ACK with a reset: kept away from A here.
      scene.lose('B>A RST 2');
      scene.inject((fin as Rung).packet, 'B');
      await scene.expect(`
      B>A FIN,ACK 1 ack 2 INJECTED
      A>B ACK 2 ack 2
      B>A RST 2 LOST`);
      assert.match(await timerOfA(scene), /^TIME-WAIT timewait 5[89]sec$/);
      await scene.agree();
      if (scene.A.kind === 'stack') {
        assert.deepEqual(historyOf(scene, 'time-wait'), ['set', 'restarted']);
      }
    },
  );

  ladder(
    'B34 B41: nothing comes any more: after 2 MSL the connection is gone without a word',
    { roles: ['stack'], config: { msl: '400ms' } },
    async (scene) => {
      await closedByA(scene);
      await scene.states('TIME-WAIT', 'CLOSED');
      await scene.states('CLOSED', 'CLOSED');
      await scene.expect('');
      assert.deepEqual(historyOf(scene, 'time-wait'), ['set', 'fired']);
      assert.deepEqual(scene.watch.states.slice(-2), ['TIME-WAIT', 'CLOSED']);
    },
  );

  // No TIME-WAIT: by our lab's switch, and in the kernel by allowing none of them at all.
  ladder(
    'B39 [ladder 37]: without TIME-WAIT the repeated FIN meets a closed port: RST, and LAST-ACK is cut short',
    { config: { timeWait: 'off' }, sysctl: { 'net.ipv4.tcp_max_tw_buckets': 0 } },
    async (scene) => {
      scene.lose('A>B ACK 2 ack 2');
      const { a, b } = await connect(scene);
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
        B>A FIN,ACK 1 ack 2 after 90..1500
        A>B RST 2`);
      await scene.states('CLOSED', 'CLOSED');
    },
  );
});

describe('what TIME-WAIT does with what still comes', () => {
  for (const rfc1337 of [false, true]) {
    ladder(
      `B44 B50 [ladder 23]: old data is thrown away and answered with an ACK; tcp_rfc1337=${Number(rfc1337)}: ${
        rfc1337
          ? 'the reset that this earns is ignored'
          : 'the reset that this earns ends TIME-WAIT too early'
      }`,
      {
        // Our own default is on; off is the kernel's, and that of our profile `linux`.
        config: { 'timeWait.rfc1337': rfc1337 ? 'on' : 'off' },
        sysctl: { 'net.ipv4.tcp_rfc1337': Number(rfc1337) },
      },
      async (scene) => {
        const { a, b } = await connect(scene);
        await b.send('x'.repeat(100));
        assert.equal((await receiveAll(a, 100)).length, 100);
        const [data] = await scene.expect(`
        B>A ACK 1:101 ack 1
        A>B ACK 1 ack 101`);
        await a.shutdown();
        await scene.expect(
          `
        A>B FIN,ACK 1 ack 101
        B>A ACK 101 ack 2`,
          100,
        );
        await b.close();
        await scene.expect(`
        B>A FIN,ACK 101 ack 2
        A>B ACK 2 ack 102`);
        await scene.states('TIME-WAIT', 'CLOSED');
        await scene.agree();
        scene.inject((data as Rung).packet, 'B');
        await scene.expect(`
        B>A ACK 1:101 ack 1 INJECTED
        A>B ACK 2 ack 102
        B>A RST 102`);
        assert.equal(await a.receive(), '', 'delivery ended with the FIN');
        await scene.states(rfc1337 ? 'TIME-WAIT' : 'CLOSED', 'CLOSED');
        if (scene.A.kind === 'stack') {
          assert.deepEqual(untilTheEnd(scene, 'time-wait'), ['set']);
        }
      },
    );
  }
});

// Without timestamps: PAWS would judge old segments before their numbers do.
describe('old segments and a new connection between the same ports', () => {
  /** A connection that B closed first, and then a second one from the same port; what A sent in the first. */
  async function twoIncarnations(
    scene: Scene,
  ): Promise<{ old: Rung[]; second: Awaited<ReturnType<typeof connect>> }> {
    const first = await connect(scene, { connect: { from: 40_000 } });
    await first.a.send('0123456789');
    assert.equal(await first.b.receive(), '0123456789');
    await first.b.close();
    const old = await scene.expect(
      `
      A>B ACK 1:11 ack 1
      ? B>A ACK 1 ack 11
      B>A FIN,ACK 1 ack 11
      A>B ACK 11 ack 2`,
      100,
    );
    await first.a.close();
    const [fin] = await scene.expect(`
      A>B FIN,ACK 11 ack 2
      B>A ACK 2 ack 12`);
    await scene.states('CLOSED', 'TIME-WAIT');
    const { listening } = first;
    const a = await scene.A.connect(1234, { from: 40_000 });
    const b = await listening.accept();
    await scene.expect(`
      A>B SYN 0
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1`);
    return { old: [...old, fin as Rung], second: { listening, a, b } };
  }

  ladder(
    'B42 B43 [ladder 41]: an old FIN does not close the new connection',
    NO_TIMESTAMPS,
    async (scene) => {
      const { old, second } = await twoIncarnations(scene);
      scene.inject((old.at(-1) as Rung).packet, 'A');
      // Left of the window: clock-driven ISNs see to that.
      await scene.expect(`
      A>B FIN,ACK ? ack ? INJECTED
      B>A ACK 1 ack 1`);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      await second.a.send('alive');
      assert.equal(await second.b.receive(), 'alive');
    },
  );

  ladder('B43 [ladder 41]: old data does not enter the new connection', NO_TIMESTAMPS, async (scene) => {
    const { old, second } = await twoIncarnations(scene);
    scene.inject((old[0] as Rung).packet, 'A');
    const [late, answer] = await scene.expect(`
      A>B ACK ?:? ack ? INJECTED
      B>A ACK 1 ack 1`);
    assert.ok((late?.end ?? 0) < 0, 'left of the window: clock-driven ISNs see to that');
    assert.deepEqual(answer?.sack, [[late?.seq, late?.end]], 'told as a duplicate (RFC 2883)');
    await second.a.send('new');
    assert.equal(await second.b.receive(), 'new');
    await scene.states('ESTABLISHED', 'ESTABLISHED');
    await scene.agree();
  });
});
