/** Segments that come too late: from a connection that is gone, or for one that is. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connect,
  forge,
  HANDSHAKE,
  historyOf,
  lossHistoryOf,
  NO_TIMESTAMPS,
  type Pair,
} from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';

const FIXED = 40_000;

/** `59sec`, `1min`, `1.360ms`, as ss prints them. */
function secondsOf(printed: string): number {
  const [, number, unit] = /^([\d.]+)(min|sec|ms)/.exec(printed) ?? [];
  return Number(number) * (unit === 'min' ? 60 : unit === 'sec' ? 1 : 0.001);
}

/** What is left of A's TIME-WAIT, s. */
async function timeWaitLeft(scene: Scene): Promise<number> {
  if (scene.A.kind === 'stack') {
    const timer = scene.connections()[0]?.timers.find(({ name }) => name === 'time-wait');
    return (timer?.remainingMs as number) / 1000;
  }
  const [socket] = await scene.kernelSockets();
  assert.equal(socket?.timer, 'timewait');
  return secondsOf(socket?.timerLeft as string);
}

/** A closes first and is left in TIME-WAIT. */
async function intoTimeWait(scene: Scene, { a, b }: Pair): Promise<void> {
  await a.shutdown();
  assert.equal(await b.receive(), '');
  await scene.expect(
    `
    A>B FIN,ACK 1 ack 1
    B>A ACK 1 ack 2`,
    80,
  );
  await b.close();
  await scene.expect(`
    B>A FIN,ACK 1 ack 2
    A>B ACK 2 ack 2`);
  await scene.states('TIME-WAIT', 'CLOSED');
}

describe('late segments', () => {
  ladder(
    'B38 [ladder 36]: a late FIN restarts TIME-WAIT; the RST that its ACK earns is ignored with RFC 1337',
    {
      sysctl: { ...NO_TIMESTAMPS.sysctl, 'net.ipv4.tcp_rfc1337': 1 },
      config: { msl: '5s', 'timeWait.rfc1337': 'on' },
    },
    async (scene) => {
      await intoTimeWait(scene, await connect(scene));
      await sleep(1500);
      const before = await timeWaitLeft(scene);
      forge(scene, 'B', { flags: 'FA', seq: 1, ack: 2 });
      await scene.expect(`
        B>A FIN,ACK 1 ack 2 INJECTED
        A>B ACK 2 ack 2
        B>A RST 2`);
      const after = await timeWaitLeft(scene);
      assert.ok(after > before, `${before} s were left, then ${after} s`);
      await scene.states('TIME-WAIT', 'CLOSED');
      if (scene.A.kind === 'stack') assert.deepEqual(historyOf(scene, 'time-wait'), ['set', 'restarted']);
    },
  );

  ladder(
    'B38 [ladder 36]: without RFC 1337 that RST ends TIME-WAIT, as it does in Linux by default',
    { ...NO_TIMESTAMPS, config: { 'timeWait.rfc1337': 'off' } },
    async (scene) => {
      await intoTimeWait(scene, await connect(scene));
      forge(scene, 'B', { flags: 'FA', seq: 1, ack: 2 });
      await scene.expect(`
        B>A FIN,ACK 1 ack 2 INJECTED
        A>B ACK 2 ack 2
        B>A RST 2`);
      await scene.states('CLOSED', 'CLOSED');
    },
  );

  ladder(
    'B39 [ladder 37]: without TIME-WAIT the repeated FIN earns a RST, and LAST-ACK ends by it',
    {
      sysctl: { ...NO_TIMESTAMPS.sysctl, 'net.ipv4.tcp_max_tw_buckets': 0 },
      config: { timeWait: 'off' },
    },
    async (scene) => {
      scene.lose('A>B ACK 2 ack 2');
      const { a, b } = await connect(scene);
      await a.shutdown();
      assert.equal(await b.receive(), '');
      await scene.expect(
        `
        A>B FIN,ACK 1 ack 1
        B>A ACK 1 ack 2`,
        80,
      );
      await b.close();
      await scene.expect(
        `
        B>A FIN,ACK 1 ack 2
        A>B ACK 2 ack 2 LOST`,
        20,
      );
      await scene.states('CLOSED', 'LAST-ACK');
      await scene.expect(`
        B>A FIN,ACK 1 ack 2 after 100..1500
        A>B RST 2`);
      await scene.states('CLOSED', 'CLOSED');
      if (scene.B.kind === 'stack') assert.ok(lossHistoryOf(scene).includes('fired'));
    },
  );

  ladder(
    'B43 B45 [ladder 41]: data of the last connection comes up in the next one between the same ports',
    NO_TIMESTAMPS,
    async (scene) => {
      const { listening, a, b } = await connect(scene, { connect: { from: FIXED } });
      await a.send('0123456789');
      assert.equal(await b.receive(), '0123456789');
      const [old] = await scene.expect(`
        A>B ACK,PSH 1:11 ack 1
        B>A ACK 1 ack 11`);
      await b.close();
      assert.equal(await a.receive(), '');
      await scene.expect(
        `
        B>A FIN,ACK 1 ack 11
        A>B ACK 11 ack 2`,
        80,
      );
      await a.close();
      await scene.expect(`
        A>B FIN,ACK 11 ack 2
        B>A ACK 2 ack 12`);
      await scene.states('CLOSED', 'TIME-WAIT');

      const again = await scene.A.connect(1234, { from: FIXED });
      const accepted = await listening.accept();
      await scene.expect(HANDSHAKE);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      scene.inject(old?.packet as Uint8Array, 'A');
      await scene.expect(`
        A>B ACK,PSH ?:? ack ? INJECTED
        B>A ACK 1 ack 1`);
      await again.send('new');
      assert.equal(await accepted.receive(), 'new');
      await scene.expect(`
        A>B ACK,PSH 1:4 ack 1
        B>A ACK 1 ack 4`);
      await scene.agree();
    },
  );

  ladder(
    'B45 [ladder 42]: a SYN with a lower ISN does not take the place of TIME-WAIT',
    NO_TIMESTAMPS,
    async (scene) => {
      const { a, b } = await connect(scene);
      await b.close();
      assert.equal(await a.receive(), '');
      await scene.expect(
        `
        B>A FIN,ACK 1 ack 1
        A>B ACK 1 ack 2`,
        80,
      );
      await a.close();
      await scene.expect(`
        A>B FIN,ACK 1 ack 2
        B>A ACK 2 ack 2`);
      await scene.states('CLOSED', 'TIME-WAIT');
      scene.lose('A>B RST ?');
      forge(scene, 'A', { flags: 'S', seq: -5000 });
      // Relative to the lower ISN; the acknowledgment is still that of the connection before.
      await scene.expect(`
        A>B SYN 0 INJECTED
        B>A ACK ? ack 5002
        A>B RST 5002 LOST`);
      await scene.states('CLOSED', 'TIME-WAIT');
    },
  );
});
