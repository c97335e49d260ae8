/** One end is gone and the other does not know: how it finds out, or does not; the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { heartbeat } from '../../src/apps/heartbeat.ts';
import { EndError } from '../support/ladder/ends.ts';
import { connect, historyOf } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { STACK } from '../support/running-stack.ts';
import { decodePacket } from '../support/segment.ts';

/** What a call was refused with. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.catch((reason: unknown) => reason);
  assert.ok(error instanceof EndError, `it did not fail: ${String(error)}`);
  return error.code;
}

/** A connection whose A is gone without a word: its reset never reaches B. */
async function rebooted(scene: Scene, from?: number): Promise<Awaited<ReturnType<typeof connect>>> {
  scene.lose('A>B RST,ACK 1 ack 1');
  const ends = await connect(scene, from === undefined ? {} : { connect: { from } });
  await ends.a.abort();
  await scene.expect('A>B RST,ACK 1 ack 1 LOST');
  await scene.states('CLOSED', 'ESTABLISHED');
  await scene.agree({ halfOpen: true });
  return ends;
}

/** B's keep-alive as short as the end can have it, ms: socket options count in seconds. */
const idleOf = (scene: Scene): number => (scene.B.kind === 'stack' ? 400 : 1000);

async function keepAlive(
  scene: Scene,
  b: Awaited<ReturnType<typeof connect>>['b'],
  count: number,
): Promise<void> {
  // Ours are configured for the whole stack, in milliseconds.
  if (scene.B.kind === 'kernel') {
    await b.option('IPPROTO_TCP', 'TCP_KEEPIDLE', 1);
    await b.option('IPPROTO_TCP', 'TCP_KEEPINTVL', 1);
    await b.option('IPPROTO_TCP', 'TCP_KEEPCNT', count);
  }
  await b.option('SOL_SOCKET', 'SO_KEEPALIVE', 1);
}
const SHORT = { 'keepalive.idle': '400ms', 'keepalive.interval': '400ms', 'keepalive.count': 2 };

describe('half-open', () => {
  ladder(
    'B52: the cable is cut: both stay ESTABLISHED, nobody sends, nobody learns of it',
    {},
    async (scene) => {
      await connect(scene);
      scene.cut();
      await scene.expect('', 700);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      assert.deepEqual(scene.connections()[0]?.timers, [], 'no timer would ever clean that up');
    },
  );

  ladder('B52 B53 [ladder 25b]: the peer has forgotten; data finds out', {}, async (scene) => {
    const { b } = await rebooted(scene);
    await b.send('12345');
    await scene.expect(`
      B>A ACK 1:6 ack 1
      A>B RST 1`);
    await scene.states('CLOSED', 'CLOSED');
    assert.equal(await codeOf(b.receive()), 'ECONNRESET');
  });

  ladder(
    'B52 B54 [ladder 25]: the peer has forgotten; the first keep-alive probe finds out',
    { config: SHORT },
    async (scene) => {
      const { b } = await rebooted(scene);
      const reading = codeOf(b.receive());
      await keepAlive(scene, b, 2);
      // One number back: nothing new, only an answer is wanted (MUST-29: and one is enough).
      await scene.expect(`
      B>A ACK 0 ack 1 after 200..3000
      A>B RST 1`);
      await scene.states('CLOSED', 'CLOSED');
      assert.equal(await reading, 'ECONNRESET');
      if (scene.B.kind === 'stack') {
        assert.deepEqual(historyOf(scene, 'keepalive').slice(0, 2), ['set', 'fired']);
      }
    },
  );

  ladder(
    'B45 B52 B53 [ladder 25c]: the peer comes back from the same port: challenge, reset, and its SYN again opens',
    {},
    async (scene) => {
      const { listening } = await rebooted(scene, 40_000);
      const before = decodePacket((scene.rungs[2] as (typeof scene.rungs)[number]).packet);
      const connecting = scene.A.connect(1234, { from: 40_000 });
      // RFC 9293 Figure 9: what B says is about the old connection, and A's reset goes where that ACK points.
      const [, challenge, reset] = await scene.expect(`
      A>B SYN 0
      B>A ACK ? ack ?
      A>B RST ?
      A>B SYN 0 after 0..1900
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1`);
      const raw = (rung: typeof reset): ReturnType<typeof decodePacket> =>
        rung ? decodePacket(rung.packet) : null;
      assert.equal(raw(challenge)?.ack, before?.seq, 'the old RCV.NXT');
      assert.equal(raw(reset)?.seq, before?.seq);
      await connecting;
      const b = await listening.accept();
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      await b.send('new');
    },
  );
});

describe('keep-alive', () => {
  ladder(
    'B41 B54 B57 [ladder 24]: answered while the peer lives; unanswered it gives up, with a reset for the road',
    { config: SHORT },
    async (scene) => {
      const { a, b } = await connect(scene);
      await keepAlive(scene, b, 2);
      await scene.agree();
      // Both say keepalive in their timer column.
      const timer =
        scene.B.kind === 'kernel'
          ? (await scene.kernelSockets())[0]?.timer
          : scene
              .connections()[0]
              ?.timers.map(({ name }) => name)
              .join();
      assert.equal(timer, 'keepalive');
      await scene.expect(
        `
      B>A ACK 0 ack 1 after 200..3000
      A>B ACK 1 ack 1`,
        0,
      );
      scene.cut();
      const reading = codeOf(b.receive());
      const idle = idleOf(scene);
      const about = `${idle * 0.7}..${idle * 2 + 1000}`;
      await scene.expect(`
      B>A ACK 0 ack 1 LOST after ${about}
      B>A ACK 0 ack 1 LOST after ${about}
      B>A RST,ACK 1 ack 1 LOST after ${about}`);
      assert.equal(await reading, 'ETIMEDOUT');
      await scene.states('ESTABLISHED', 'CLOSED');
      await scene.agree({ halfOpen: true });
      if (scene.B.kind === 'stack') {
        const fired = historyOf(scene, 'keepalive').filter((what) => what === 'fired');
        // One more where it came up early, while the peer had just been heard.
        assert.ok(fired.length >= 4, 'one answered, two not, and the end');
      }
      await a.option('SOL_SOCKET', 'SO_KEEPALIVE', 0);
    },
  );

  ladder('B54: it is off unless asked for, and then two hours away', {}, async (scene) => {
    const { b } = await connect(scene);
    const timers = async (): Promise<string> =>
      scene.B.kind === 'kernel'
        ? (await scene.kernelSockets())
            .map(({ timer, timerLeft }) => `${timer} ${timerLeft}`)
            .join()
            .trim()
        : scene
            .connections()
            .flatMap((record) => record.timers)
            .map(({ name, remainingMs }) => `${name} ${Math.round(remainingMs / 60_000)}min`)
            .join();
    assert.equal(await timers(), '');
    await b.option('SOL_SOCKET', 'SO_KEEPALIVE', 1);
    assert.match(await timers(), /^keepalive (119|120)min$/);
    await scene.agree();
  });
});

describe('heartbeat', () => {
  ladder(
    'B55: the kernel of a stopped program answers TCP for it; only the missing application answer tells',
    { roles: ['kernel'] },
    async (scene) => {
      const service = heartbeat(2007, 300, 3);
      await service.start(null, scene.stack.net);
      const answering = 'while sleep 0.1; do echo pong; done | nc.openbsd';
      const client = scene.namespace.start('sh', '-c', `${answering} ${STACK} 2007`);
      await sleep(1300);
      assert.match(client.text, /(ping\n){3}/, 'answered, so it goes on');
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      client.signal('SIGSTOP');
      await sleep(50);
      scene.skip();
      const before = scene.rungs.length;
      await scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
      await scene.agree();
      // B: three pings, the sentence that ends it, FIN. A, whose program sleeps: an ACK for every byte.
      const since = scene.rungs.slice(before);
      const data = since.filter(({ from, seq, end }) => from === 'B' && end > seq);
      const last = since.findLast(({ from }) => from === 'B');
      assert.ok(data.length >= 3, 'pings and the sentence');
      assert.equal(last?.flags.includes('FIN'), true);
      assert.equal(since.findLast(({ from }) => from === 'A')?.ack, (last?.end ?? 0) + 1);
      assert.equal(
        since.filter(({ from, seq, end }) => from === 'A' && end > seq).length,
        0,
        'nothing from the application',
      );
      client.signal('SIGCONT');
      await service.stop();
    },
  );
});
