/** What TIME-WAIT does to a port: address already in use, and when a new connection may take its place. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { REASON } from '../../src/base/reasons.ts';
import { EndError } from '../support/ladder/ends.ts';
import { connect, HANDSHAKE, historyOf, untilTheEnd } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { STACK } from '../support/running-stack.ts';

/** '' when the call succeeds, else its error. */
const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => '',
    (error: unknown) => (error instanceof EndError ? error.code : String(error)),
  );

interface Ports {
  /** Of A. */
  readonly from?: number;
  /** SO_REUSEADDR of the end that keeps TIME-WAIT. */
  readonly reuse?: boolean;
}

/** A connection that B closes first; A is then gone, B in TIME-WAIT and its listener still there. */
async function closedByB(
  scene: Scene,
  { from, reuse = true }: Ports,
): Promise<Awaited<ReturnType<typeof connect>>> {
  const ends = await connect(scene, {
    listen: { reuse },
    connect: from === undefined ? {} : { from },
  });
  await ends.b.close();
  await scene.expect(
    `
    B>A FIN,ACK 1 ack 1
    A>B ACK 1 ack 2`,
    100,
  );
  await ends.a.close();
  await scene.expect(`
    A>B FIN,ACK 1 ack 2
    B>A ACK 2 ack 2`);
  await scene.states('CLOSED', 'TIME-WAIT');
  await scene.agree();
  return ends;
}

describe('a server starts again while its last connection is in TIME-WAIT', () => {
  for (const old of [false, true]) {
    for (const again of [false, true]) {
      const works = old && again;
      const word = (flag: boolean): string => (flag ? 'with' : 'without');
      const [number, title] = [works ? '20c' : '20', works ? 'works' : 'address already in use'];
      ladder(
        `B46 [ladder ${number}]: SO_REUSEADDR: old listener ${word(old)}, new one ${word(again)}: ${title}`,
        {},
        async (scene) => {
          const { listening } = await closedByB(scene, { reuse: old });
          await listening.close();
          assert.equal(await outcome(scene.B.listen(1234, { reuse: again })), works ? '' : 'EADDRINUSE');
          // It is about this port, and no other.
          assert.equal(await outcome(scene.B.listen(1235, { reuse: false })), '');
        },
      );
    }
  }
});

describe('a client comes back from the same port', () => {
  ladder('B45 B46 [ladder 21]: while it is in TIME-WAIT itself, it cannot even bind', {}, async (scene) => {
    const { a, b } = await connect(scene, { connect: { from: 40_000, reuse: false } });
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
        A>B ACK 2 ack 2`);
    await a.close();
    await scene.states('TIME-WAIT', 'CLOSED');
    assert.equal(await outcome(scene.A.connect(1234, { from: 40_000, reuse: false })), 'EADDRINUSE');
    if (scene.A.kind === 'kernel') {
      const nc = await scene.namespace.run('nc', ['-p', '40000', STACK, '1234']);
      assert.match(nc.stderr, /Address already in use/);
    }
    await scene.expect('');
    await scene.states('TIME-WAIT', 'CLOSED');
    await scene.agree();
  });

  for (const timestamps of [false, true]) {
    ladder(
      `B45 B48 [ladder ${timestamps ? '22b' : '22'}]: while the server is in TIME-WAIT: a new SYN ${
        timestamps ? 'with newer timestamps' : 'with a higher number, no timestamps,'
      } opens at once`,
      { sysctl: { 'net.ipv4.tcp_timestamps': Number(timestamps) } },
      async (scene) => {
        const { listening } = await closedByB(scene, { from: 40_000 });
        const a = await scene.A.connect(1234, { from: 40_000 });
        const b = await listening.accept();
        const [, synAck] = await scene.expect(HANDSHAKE);
        assert.equal(synAck?.options.timestamps !== undefined, timestamps, 'agreed');
        await scene.states('ESTABLISHED', 'ESTABLISHED');
        await scene.agree();
        await a.send('again');
        assert.equal(await b.receive(), 'again');
        if (scene.B.kind === 'stack') {
          assert.deepEqual(untilTheEnd(scene, 'time-wait'), ['set']);
          assert.equal(scene.connections().length, 1, 'the old one is gone');
        }
      },
    );
  }

  ladder(
    'B45: our stack with timeWait.reuse=off takes no new SYN: it repeats its last ACK, and A resets that',
    { roles: ['kernel'], config: { 'timeWait.reuse': 'off' }, sysctl: { 'net.ipv4.tcp_timestamps': 0 } },
    async (scene) => {
      const { listening } = await closedByB(scene, { from: 40_000 });
      // The kernel sends its SYN again soon after that reset; only the first one is let through.
      scene.lose('A>B SYN 0', 50, 1);
      const trying = outcome(scene.A.connect(1234, { from: 40_000 }));
      await scene.expect(`
        A>B SYN 0
        B>A ACK ? ack ?
        A>B RST ?
        ? A>B SYN 0 LOST
        ? A>B SYN 0 LOST`);
      await scene.states('SYN-SENT', 'TIME-WAIT');
      assert.deepEqual(historyOf(scene, 'time-wait'), ['set'], 'not restarted by a SYN');
      await listening.close();
      void trying;
    },
  );
});

describe('too many of them', () => {
  ladder(
    'B47 B48: beyond the limit the kernel destroys new ones and we let the oldest leave; nothing is said on the wire',
    { config: { 'timeWait.max': 2 }, sysctl: { 'net.ipv4.tcp_max_tw_buckets': 2 } },
    async (scene) => {
      const listening = await scene.B.listen(1234);
      for (let i = 0; i < 4; i++) {
        const a = await scene.A.connect(1234);
        const b = await listening.accept();
        await a.shutdown();
        assert.equal(await b.receive(), '');
        await b.close();
        assert.equal(await a.receive(), '');
        await a.close();
        await sleep(30);
      }
      const [first, second, third, fourth] = [
        ...new Set(scene.rungs.map(({ from, ports }) => ports[from === 'A' ? 0 : 1])),
      ];
      assert.ok(!scene.rungs.some(({ flags }) => flags.includes('RST')));
      if (scene.A.kind === 'kernel') {
        const left = (await scene.kernelSockets()).map(({ state, localPort }) => `${state} ${localPort}`);
        assert.deepEqual(left.sort(), [`TIME-WAIT ${first}`, `TIME-WAIT ${second}`].sort());
      } else {
        const left = scene.connections().map(({ state, local }) => `${state} ${local}`);
        assert.deepEqual(left.sort(), [`TIME-WAIT ${STACK}:${third}`, `TIME-WAIT ${STACK}:${fourth}`].sort());
        assert.equal(scene.stack.counters.byReason[REASON.TIMEWAIT_EVICTED], 2);
      }
    },
  );

  // tcp_tw_reuse is for outgoing connections whose port the kernel chooses, and needs timestamps.
  for (const reuse of [0, 1]) {
    ladder(
      `B47 B48: ports run out toward one server; with the kernel's tcp_tw_reuse=${reuse} ${
        reuse === 1 ? 'the port in TIME-WAIT serves again after a second' : 'connect fails'
      }`,
      {
        roles: ['kernel'],
        sysctl: { 'net.ipv4.tcp_tw_reuse': reuse, 'net.ipv4.ip_local_port_range': '40000 40000' },
      },
      async (scene) => {
        const { a, b, listening } = await connect(scene);
        await a.shutdown();
        assert.equal(await b.receive(), '');
        await b.close();
        await scene.states('TIME-WAIT', 'CLOSED');
        await a.close();
        if (reuse === 1) await sleep(1200);
        scene.skip();
        const second = scene.A.connect(1234, { reuse: false });
        if (reuse === 0) {
          assert.equal(await outcome(second), 'EADDRNOTAVAIL');
          await scene.expect('');
          return;
        }
        await second;
        await listening.accept();
        await scene.expect(HANDSHAKE);
        await scene.states('ESTABLISHED', 'ESTABLISHED');
        await scene.agree();
      },
    );
  }

  ladder(
    'B47 B48: ports run out toward one server: our stack has no reuse of its own TIME-WAIT, connect fails',
    { roles: ['stack'], config: { ports: '40000-40000' } },
    async (scene) => {
      const { a, b } = await connect(scene);
      await a.shutdown();
      assert.equal(await b.receive(), '');
      await b.close();
      await scene.states('TIME-WAIT', 'CLOSED');
      await a.close();
      scene.skip();
      assert.equal(await outcome(scene.A.connect(1234, { reuse: false })), 'EADDRNOTAVAIL');
      await scene.expect('');
    },
  );
});
