/** Segments lost on the way, with the kernel at the other end: who notices, and what is sent again when. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { connect, lossHistoryOf, NO_TIMESTAMPS, receiveAll } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { eventually } from '../support/running-stack.ts';

const SEGMENT = 1460;

/** How often our stack sent again because time was up. */
function fired(scene: Scene): number {
  return lossHistoryOf(scene).filter((what) => what === 'fired').length;
}

describe('lost data', () => {
  ladder(
    'B59 [ladder 26]: one of ten segments is lost; duplicate ACKs with SACK bring it again before the timer',
    // Without the probe that follows two round trips of silence: a busy machine is silent for longer.
    { ...NO_TIMESTAMPS, delay: 20, config: { 'rto.min': '2s', tlp: 'off' } },
    async (scene) => {
      const { a, b } = await connect(scene);
      scene.lose('A>B ACK 2921:4381 ack 1');
      await a.fill(10 * SEGMENT);
      assert.equal((await receiveAll(b, 10 * SEGMENT)).length, 10 * SEGMENT);
      await scene.expect(`
        A>B ACK 1:1461 ack 1
        A>B ACK 1461:2921 ack 1
        A>B ACK 2921:4381 ack 1 LOST
        A>B ACK 4381:5841 ack 1
        A>B ACK 5841:7301 ack 1
        A>B ACK 7301:8761 ack 1
        A>B ACK 8761:10221 ack 1
        A>B ACK 10221:11681 ack 1
        A>B ACK 11681:13141 ack 1
        A>B ACK 13141:14601 ack 1
        ? B>A ACK 1 ack 1461
        B>A ACK 1 ack 2921
        B>A ACK 1 ack 2921 sack 4381-5841
        B>A ACK 1 ack 2921 sack 4381-7301
        B>A ACK 1 ack 2921 sack 4381-8761
        B>A ACK 1 ack 2921 sack 4381-10221
        B>A ACK 1 ack 2921 sack 4381-11681
        B>A ACK 1 ack 2921 sack 4381-13141
        B>A ACK 1 ack 2921 sack 4381-14601
        A>B ACK 2921:4381 ack 1 after 0..900
        B>A ACK 1 ack 14601`);
      await scene.agree();
      // RACK's own timer may have been first on a busy machine; the retransmission timer must not have been needed.
      assert.ok(!scene.watch.timers.includes('rto fired'));
    },
  );

  ladder(
    'B57 B59 [ladder 27]: the last segment is lost, nothing follows it: a timer brings it again',
    { ...NO_TIMESTAMPS, delay: 20 },
    async (scene) => {
      const { a, b } = await connect(scene);
      scene.lose('A>B ACK 1:101 ack 1');
      await a.fill(100);
      await eventually(
        () => scene.rungs.length === 4,
        () => 'the segment',
      );
      if (scene.A.kind === 'kernel') {
        const [socket] = await scene.kernelSockets();
        assert.deepEqual([socket?.sendQ, socket?.timer, socket?.timerCount], [100, 'on', 0]);
      } else {
        const [record] = scene.connections();
        assert.equal(record?.sendQ, 100);
        assert.ok(record?.timers.some(({ name, count }) => ['rto', 'tlp'].includes(name) && count === 0));
      }
      assert.equal((await receiveAll(b, 100)).length, 100);
      await scene.expect(`
        A>B ACK,PSH 1:101 ack 1 LOST
        A>B ACK,PSH 1:101 ack 1 after 90..900
        B>A ACK 1 ack 101`);
      if (scene.A.kind === 'stack') {
        assert.equal(fired(scene), 1);
        assert.deepEqual(scene.connections()[0]?.timers, [], 'nothing is left to wait for');
      }
    },
  );

  ladder(
    'B57 B59 [ladder 28]: every retransmission is lost; each wait is twice the one before',
    NO_TIMESTAMPS,
    async (scene) => {
      const { a, b } = await connect(scene);
      scene.lose('A>B ACK 1:101 ack 1', 4);
      await a.fill(100);
      await eventually(
        () => scene.rungs.length === 7,
        () => 'three retransmissions',
      );
      if (scene.A.kind === 'kernel') {
        const [socket] = await scene.kernelSockets();
        assert.equal(socket?.sendQ, 100);
        assert.equal(socket?.timer, 'on');
        // The first of the three was the tail loss probe, which is no timeout.
        assert.ok([2, 3].includes(socket?.timerCount as number), `count ${socket?.timerCount}`);
      } else {
        const rto = scene.connections()[0]?.timers.find(({ name }) => name === 'rto');
        assert.ok([2, 3].includes(rto?.count as number), `count ${rto?.count}`);
      }
      assert.equal((await receiveAll(b, 100)).length, 100);
      const rungs = await scene.expect(`
        A>B ACK,PSH 1:101 ack 1 LOST
        A>B ACK,PSH 1:101 ack 1 LOST after 90..900
        A>B ACK,PSH 1:101 ack 1 LOST after 90..900
        A>B ACK,PSH 1:101 ack 1 LOST after 300..1500
        A>B ACK,PSH 1:101 ack 1 after 600..3000
        B>A ACK 1 ack 101`);
      const times = rungs.map(({ at }) => at);
      const waits = [3, 4].map((i) => (times[i] as number) - (times[i - 1] as number));
      const ratio = (waits[1] as number) / (waits[0] as number);
      assert.ok(ratio > 1.5 && ratio < 2.5, `the last two waits: ${waits}`);
      await scene.agree();
      if (scene.A.kind === 'stack') assert.equal(fired(scene), 4);
    },
  );
});
