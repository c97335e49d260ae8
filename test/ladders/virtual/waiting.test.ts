/** What takes minutes to days, on the virtual clock, beside a stack with the profile `linux`. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  DAY,
  HOUR,
  MINUTE,
  SECOND,
  type VirtualOptions,
  VirtualScene,
} from '../../support/ladder/virtual-scene.ts';

/** A has closed first, B then; a moment after that. */
function closedByA(options: VirtualOptions = {}): VirtualScene {
  const scene = new VirtualScene(options);
  const { a, b, listening } = scene.connect();
  scene.a.posix.close(a);
  scene.run(SECOND);
  scene.b.posix.close(b);
  scene.b.posix.close(listening);
  scene.expect(`
    A>B FIN,ACK 1 ack 1
    B>A ACK 1 ack 2
    B>A FIN,ACK 1 ack 2
    A>B ACK 2 ack 2`);
  scene.states('TIME-WAIT', 'CLOSED');
  return scene;
}

describe('TIME-WAIT', () => {
  for (const [profile, seconds] of [
    ['default', 60],
    ['linux', 60],
    ['strict', 240],
  ] as const) {
    test(`B28 B33 B34 B35 B36 B40 B41: profile ${profile}: it lasts exactly 2 MSL, ${seconds} s, and says nothing in that time`, () => {
      const scene = closedByA({ profile });
      assert.deepEqual(scene.a.timers, [`time-wait ${seconds}s`]);
      scene.run(seconds * SECOND - 1);
      scene.states('TIME-WAIT', 'CLOSED');
      scene.run(1);
      scene.states('CLOSED', 'CLOSED');
      scene.expect('');
      assert.deepEqual(
        scene.a.watch.timers.filter((what) => what.startsWith('time-wait')),
        ['time-wait set', 'time-wait fired'],
      );
      assert.deepEqual(scene.a.watch.reasons, ['timewait-done']);
      scene.check();
    });
  }

  test('B37 B38 [ladder 36]: a FIN again, late in the minute, is answered, and the minute begins again', () => {
    const scene = new VirtualScene();
    const { a, b } = scene.connect();
    scene.a.posix.close(a);
    scene.run(SECOND);
    scene.lose('A>B ACK 2 ack 2');
    scene.b.posix.close(b);
    scene.states('TIME-WAIT', 'LAST-ACK');
    const entered = scene.now;
    // LAST-ACK sends its FIN again and again, at doubling distances; the first that arrives is this late.
    scene.lose('B>A FIN,ACK 1 ack 2', 7);
    scene.world.runUntil(() => scene.a.watch.timers.includes('time-wait restarted'), MINUTE);
    assert.ok(scene.now - entered > 20_000, `${scene.now - entered} ms`);
    assert.deepEqual(scene.a.timers, ['time-wait 60s']);
    assert.equal(scene.a.connection?.timers[0]?.restarts, 1);
    scene.run(1000);
    scene.states('TIME-WAIT', 'CLOSED');
    scene.run(MINUTE - 1001);
    scene.states('TIME-WAIT', 'CLOSED');
    scene.run(1);
    scene.states('CLOSED', 'CLOSED');
    scene.check();
  });

  test('B14 B33 [ladder 8]: FINs cross: both ends wait their minute', () => {
    const scene = new VirtualScene({ delay: 200_000 });
    const { a, b } = scene.connect();
    scene.a.posix.close(a);
    scene.b.posix.close(b);
    scene.run(SECOND);
    scene.states('TIME-WAIT', 'TIME-WAIT');
    scene.run(MINUTE);
    scene.states('CLOSED', 'CLOSED');
    assert.equal(scene.rungs.length, 3 + 4);
  });
});

describe('FIN-WAIT-2 and CLOSE-WAIT', () => {
  test('B41 B51: FIN-WAIT-2 without a reader ends after a minute; CLOSE-WAIT of the other end never does', () => {
    const scene = new VirtualScene();
    const { a } = scene.connect();
    scene.a.posix.close(a);
    scene.run(SECOND);
    scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
    assert.match(scene.a.timers.join(), /^fin-wait-2 59\.\d*s$|^fin-wait-2 60s$/);
    assert.deepEqual(scene.b.timers, []);
    scene.run(MINUTE);
    scene.states('CLOSED', 'CLOSE-WAIT');
    assert.deepEqual(scene.a.watch.reasons, ['fin-wait-2-timeout']);
    scene.expect(`
      A>B FIN,ACK 1 ack 1
      B>A ACK 1 ack 2`);
    scene.run(7 * DAY);
    scene.states('CLOSED', 'CLOSE-WAIT');
    scene.expect('');
  });

  test('B22 B23: with a reader, after shutdown, FIN-WAIT-2 has no timer: half-closed may last for days', () => {
    const scene = new VirtualScene();
    const { a, b } = scene.connect();
    scene.a.shutdown(a);
    scene.run(3 * DAY);
    scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
    assert.deepEqual(scene.a.timers, []);
    scene.b.send(b, 'still here');
    scene.run(SECOND);
    assert.equal(scene.a.posix.recv(a, new Uint8Array(20)), 10);
  });

  test('B41: profile strict: FIN-WAIT-2 waits for ever, as RFC 9293 has it', () => {
    const scene = new VirtualScene({ profile: 'strict' });
    const { a } = scene.connect();
    scene.a.posix.close(a);
    scene.run(DAY);
    scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
    assert.deepEqual(scene.a.timers, []);
  });
});

describe('half-open', () => {
  test('B52: a cut cable: after a month both are ESTABLISHED; not one segment, not one timer', () => {
    const scene = new VirtualScene();
    scene.connect();
    scene.cut();
    scene.run(30 * DAY);
    scene.states('ESTABLISHED', 'ESTABLISHED');
    scene.expect('');
    assert.ok(scene.world.silent, 'nothing will ever happen');
  });

  test('B54 B55: keep-alive: two hours, nine probes 75 s apart, then a reset and ETIMEDOUT (MUST-28)', () => {
    const scene = new VirtualScene();
    const { a } = scene.connect();
    scene.a.posix.setsockopt(a, 'SOL_SOCKET', 'SO_KEEPALIVE', 1);
    const since = scene.now;
    assert.deepEqual(scene.a.timers, ['keepalive 7200s']);
    scene.cut();
    scene.run(3 * HOUR);
    const probes = Array.from({ length: 9 }, (_, i) => `${7200 + 75 * i} A ACK`);
    assert.deepEqual(scene.times(since), [...probes, `${7200 + 75 * 9} A RST,ACK`]);
    assert.equal(scene.a.error(a), 'ETIMEDOUT');
    scene.states('CLOSED', 'ESTABLISHED');
  });

  test('B54: keep-alive is answered for a week: one probe and one answer in two hours, and nobody gives up', () => {
    const scene = new VirtualScene();
    const { a } = scene.connect();
    scene.a.posix.setsockopt(a, 'SOL_SOCKET', 'SO_KEEPALIVE', 1);
    scene.run(7 * DAY + MINUTE);
    scene.states('ESTABLISHED', 'ESTABLISHED');
    assert.equal(scene.rungs.length - 3, 2 * 84);
    assert.ok(scene.rungs.slice(3).every(({ from, seq }) => from === 'B' || seq === 0));
  });

  test('B54 [ladder 24]: idle 1 s, interval 1 s, 3 probes: alive at 1 and 2 s, then three unanswered, reset at 6 s', () => {
    const scene = new VirtualScene();
    const { b } = scene.connect();
    for (const [name, value] of [
      ['TCP_KEEPIDLE', 1],
      ['TCP_KEEPINTVL', 1],
      ['TCP_KEEPCNT', 3],
    ] as const) {
      scene.b.posix.setsockopt(b, 'IPPROTO_TCP', name, value);
    }
    const since = scene.now;
    scene.b.posix.setsockopt(b, 'SOL_SOCKET', 'SO_KEEPALIVE', 1);
    scene.run(2.5 * SECOND);
    scene.cut();
    scene.run(10 * SECOND);
    assert.deepEqual(scene.times(since), [
      '1 B ACK',
      '1 A ACK',
      '2 B ACK',
      '2 A ACK',
      '3 B ACK',
      '4 B ACK',
      '5 B ACK',
      '6 B RST,ACK',
    ]);
    assert.equal(scene.b.error(b), 'ETIMEDOUT');
    scene.states('ESTABLISHED', 'CLOSED');
  });
});
