/** A window that stays closed for a day, and one behind which nobody is left. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DAY, HOUR, SECOND, VirtualScene } from '../../support/ladder/virtual-scene.ts';

const POURED = 20_000;
/** What the reader's buffer holds. */
const KEPT = 8192;

/** A has poured more than B's buffer takes, and B's program does not read. */
function full(): { scene: VirtualScene; a: number; b: number } {
  const scene = new VirtualScene({ configOfB: { 'buffer.receive': '4K/8K/8K', timestamps: 'off' } });
  const { a, b } = scene.connect();
  assert.equal(scene.a.posix.send(a, new Uint8Array(POURED).fill(0x78)), POURED);
  // The last bytes that fit are less than a segment: they wait for the override timer.
  scene.run(SECOND / 2);
  assert.equal(scene.b.connection?.recvQ, KEPT);
  assert.equal(scene.rungs.at(-1)?.window, 0);
  return { scene, a, b };
}

describe('a closed window', () => {
  test('B57 B59 [ladder 29]: A asks, at most two minutes apart, for a day, and goes on when B reads', () => {
    const { scene, a, b } = full();
    const begin = scene.rungs.length;
    scene.run(DAY);
    scene.states('ESTABLISHED', 'ESTABLISHED');
    const probes = scene.rungs.slice(begin).filter(({ from }) => from === 'A');
    const answers = scene.rungs.slice(begin).filter(({ from }) => from === 'B');
    assert.equal(answers.length, probes.length, 'every probe is answered');
    for (const { flags, seq, end } of probes) assert.deepEqual([flags, seq, end], ['ACK', KEPT, KEPT]);
    const waits = probes.map(({ at }, i) => at - (probes[i - 1]?.at ?? at)).slice(1);
    for (const [i, wait] of waits.entries()) {
      const before = waits[i - 1] ?? 0;
      const expected = Math.min(120_000, 2 * before);
      if (i > 0) assert.ok(Math.abs(wait - expected) < 5, `waits ${before} and then ${wait} ms`);
    }
    assert.equal(Math.round(waits.at(-1) as number), 120_000);
    assert.deepEqual(
      scene.a.connection?.timers.map(({ name }) => name),
      ['persist'],
    );
    assert.deepEqual(scene.b.timers, []);
    assert.equal(scene.a.error(a), '');

    // Room again, and no timer was needed for it.
    const into = new Uint8Array(65_536);
    let read = 0;
    for (let round = 0; round < 10; round++) {
      if (scene.b.connection?.recvQ !== 0) read += scene.b.posix.recv(b, into);
      scene.run(SECOND / 10);
    }
    assert.equal(read, POURED);
    assert.deepEqual(scene.a.timers, []);
    scene.check();
  });

  test('B53 B59 [ladder 29]: nobody answers any more: after fifteen probes the connection fails', () => {
    const { scene, a } = full();
    scene.cut();
    const begin = scene.rungs.length;
    scene.run(HOUR);
    scene.states('CLOSED', 'ESTABLISHED');
    assert.equal(scene.a.error(a), 'ETIMEDOUT');
    const probes = scene.rungs.slice(begin);
    assert.equal(probes.length, 15);
    assert.ok(probes.every(({ from, fate }) => from === 'A' && fate === 'LOST'));
    assert.deepEqual(scene.a.watch.reasons, ['timeout-r2']);
    scene.check();
  });
});
