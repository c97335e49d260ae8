/** How often, how far apart and for how long something is sent again before its sender gives up. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOUR, MINUTE, SECOND, VirtualScene } from '../../support/ladder/virtual-scene.ts';

describe('opening', () => {
  // RFC 9293 MUST-23: at least three minutes. Linux spaces its first SYNs by one second each (ladder 18);
  // ours double from the start, in every profile.
  for (const [profile, times, end] of [
    ['default', [0, 1, 3, 7, 15, 31, 63, 127, 247], 367],
    ['strict', [0, 1, 3, 7, 15, 31, 63, 127, 247], 367],
    ['linux', [0, 1, 3, 7, 15, 31, 63], 127],
  ] as const) {
    test(`B4 B8 [ladder 18]: profile ${profile}: SYNs at ${times.join()} s, ETIMEDOUT at ${end} s`, () => {
      const scene = new VirtualScene({ profile });
      scene.cut();
      const fd = scene.a.connect(1234);
      scene.run((end - 0.1) * SECOND);
      scene.states('SYN-SENT', 'CLOSED');
      assert.equal(scene.a.connection?.timers[0]?.count, times.length - 1);
      scene.run(SECOND);
      assert.deepEqual(
        scene.times(0),
        times.map((time) => `${time} A SYN`),
      );
      scene.states('CLOSED', 'CLOSED');
      assert.equal(scene.a.error(fd), 'ETIMEDOUT');
      scene.check();
    });
  }

  for (const [profile, times, end] of [
    ['default', [0, 1, 3, 7, 15, 31], 63],
    ['strict', [0, 1, 3, 7, 15, 31, 63, 127, 247], 367],
  ] as const) {
    test(`B8 B10 [ladder 43]: profile ${profile}: SYN,ACKs at ${times.join()} s, forgotten at ${end} s without a word`, () => {
      const scene = new VirtualScene({ profile });
      // A listens here. B opens and is gone: nothing of it is heard after its first SYN.
      scene.a.listen(1234);
      scene.lose('A>B SYN,ACK 0 ack 1', 100);
      scene.b.connect(1234);
      scene.lose('B>A SYN 0', 100);
      scene.run(SECOND / 2);
      scene.states('SYN-RECEIVED', 'SYN-SENT');
      scene.run((end - 1) * SECOND);
      assert.equal(scene.a.state, 'SYN-RECEIVED');
      scene.run(SECOND);
      assert.equal(scene.a.state, 'CLOSED');
      assert.deepEqual(
        scene.times(0).filter((line) => line.includes('A ')),
        times.map((time) => `${time} A SYN,ACK`),
      );
      assert.deepEqual(scene.a.watch.states, ['SYN-RECEIVED', 'CLOSED']);
      assert.deepEqual(scene.a.watch.reasons, ['timeout-r2']);
      scene.check();
    });
  }
});

/** Seconds between one time and the next. */
const distances = (times: readonly number[]): number[] =>
  times.slice(1).map((time, index) => (time - (times[index] as number)) / 1000);

/** Each is about twice the one before it, until `most` seconds. */
function assertDoubling(gaps: readonly number[], most = 120): void {
  for (const [index, gap] of gaps.entries()) {
    const before = gaps[index - 1];
    if (before === undefined) continue;
    const wanted = Math.min(most, 2 * before);
    assert.ok(Math.abs(gap - wanted) < 0.1 * wanted, `${gaps.join(' s, ')} s`);
  }
}

describe('a peer that is gone', () => {
  // R2: SHLD-11 wants 100 s at least; fifteen timeouts as Linux counts them are a quarter of an hour.
  for (const profile of ['default', 'strict', 'linux'] as const) {
    test(`B53: profile ${profile}: data is sent again at doubling distances, 15 times, and then the send has failed`, () => {
      const scene = new VirtualScene({ profile });
      const { a } = scene.connect();
      scene.cut();
      const since = scene.now;
      scene.a.send(a, '12345');
      scene.run(HOUR);
      scene.states('CLOSED', 'ESTABLISHED');
      assert.equal(scene.a.error(a), 'ETIMEDOUT');
      const sent = scene.rungs.slice(3);
      assert.ok(sent.every(({ from, seq, end }) => from === 'A' && seq === 1 && end === 6));
      const fired = scene.a.watch.timers.filter((what) => what === 'rto fired').length;
      assert.equal(fired, 16, '15 times again, and the last that gives up');
      const rtos = sent.slice(-15).map(({ at }) => at);
      assertDoubling(distances(rtos));
      const last = rtos.at(-1) as number;
      assert.ok(last - since > 100_000, `SHLD-11: ${(last - since) / 1000} s`);
      assert.deepEqual(scene.a.watch.reasons, ['timeout-r2']);
      scene.check();
    });
  }

  test('B49: a FIN whose program has gone is sent again 8 times; one whose program still reads, 15 times', () => {
    const ends = (['close', 'shutdown'] as const).map((how) => {
      const scene = new VirtualScene();
      const { a } = scene.connect();
      scene.cut();
      const since = scene.now;
      if (how === 'close') scene.a.posix.close(a);
      else scene.a.shutdown(a);
      scene.world.runUntil(() => scene.a.state === 'CLOSED', HOUR);
      scene.states('CLOSED', 'ESTABLISHED');
      const sent = scene.rungs.slice(3);
      assert.ok(sent.every(({ flags, seq }) => flags === 'FIN,ACK' && seq === 1));
      assertDoubling(distances(sent.slice(how === 'close' ? -8 : -15).map(({ at }) => at)));
      assert.deepEqual(scene.a.watch.states.slice(-2), ['FIN-WAIT-1', 'CLOSED']);
      const fired = scene.a.watch.timers.filter((what) => what === 'rto fired').length;
      return { fired, lasted: scene.now - since };
    });
    assert.deepEqual(
      ends.map(({ fired }) => fired),
      [9, 16],
    );
    assert.ok((ends[0]?.lasted ?? 0) > 60_000 && (ends[0]?.lasted ?? 0) < 200_000);
  });

  test('B37 B49: LAST-ACK, whose peer is gone, gives up as well', () => {
    const scene = new VirtualScene();
    const { a, b } = scene.connect();
    scene.b.posix.close(b);
    scene.run(SECOND);
    scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
    scene.cut();
    scene.a.posix.close(a);
    scene.states('LAST-ACK', 'FIN-WAIT-2');
    scene.run(5 * MINUTE);
    scene.states('CLOSED', 'CLOSED');
    assert.deepEqual(scene.a.watch.reasons, ['timeout-r2']);
  });
});
