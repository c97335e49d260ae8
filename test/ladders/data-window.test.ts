/** Flow control with the kernel at the other end: a window that closes, is probed, and opens again. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, historyOf, receiveAll } from '../support/ladder/moves.ts';
import type { Rung } from '../support/ladder/rungs.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { eventually } from '../support/running-stack.ts';

/** Eight kilobytes for the reader on either side, and a kernel that answers every probe. */
const SMALL = {
  sysctl: {
    'net.ipv4.tcp_timestamps': 0,
    'net.ipv4.tcp_rmem': '4096 8192 8192',
    'net.ipv4.tcp_invalid_ratelimit': 0,
  },
  config: { 'buffer.receive': '4K/8K/8K' },
};
const POURED = 20_000;

/** The ACK with which B closed its window. */
function closingOf(rungs: readonly Rung[]): number {
  return rungs.findIndex(({ from, flags, window }) => from === 'B' && flags === 'ACK' && window === 0);
}

/** What A sent without data since then. */
function probesOf(scene: Scene): Rung[] {
  const closed = closingOf(scene.rungs);
  return scene.rungs.filter(
    ({ from, seq, end }, at) => closed >= 0 && at > closed && from === 'A' && seq === end,
  );
}

/** Waits until B has closed its window and A has asked this often. */
async function probed(scene: Scene, times: number): Promise<void> {
  await eventually(
    () => probesOf(scene).length >= times,
    () => `${times} probes`,
  );
}

/** Whoever is A waits with its persist timer and nothing else. */
async function checkPersist(scene: Scene): Promise<void> {
  const [kernel] = await scene.kernelSockets();
  const [stack] = scene.connections();
  if (scene.A.kind === 'kernel') {
    assert.equal(kernel?.timer, 'persist');
    assert.equal(stack?.recvQ, 8192);
    assert.deepEqual(stack?.timers, []);
  } else {
    assert.deepEqual(
      stack?.timers.map(({ name }) => name),
      ['persist'],
    );
    assert.ok((kernel?.recvQ as number) > 4096);
    assert.equal(kernel?.timer, '');
    assert.ok((stack?.sendQ as number) > 4096);
  }
}

/** No byte of A's was beyond the window that B had last offered. */
function checkWithinWindow(scene: Scene): void {
  let edge = Infinity;
  let shift = 0;
  for (const { from, flags, ack, window, end, options } of scene.rungs) {
    if (from === 'B' && flags === 'SYN,ACK') shift = options.wscale ?? 0;
    else if (from === 'B') edge = (ack as number) + window * 2 ** shift;
    else assert.ok(end <= edge, `A sent up to ${end}, the window ended at ${edge}`);
  }
}

describe('the window', () => {
  ladder(
    'B57 B59 [ladder 29]: nobody reads: the window closes, is probed at growing intervals, and opens',
    SMALL,
    async (scene) => {
      const { a, b } = await connect(scene);
      const poured = a.fill(POURED);
      await probed(scene, 3);
      await checkPersist(scene);
      await scene.agree({ unsent: true });
      const probes = probesOf(scene);
      const closed = scene.rungs[closingOf(scene.rungs)] as Rung;
      for (const { flags, seq, ack } of probes) {
        // An old number: whoever gets it must answer (RFC 9293 §3.8.6.1 leaves the form to us).
        assert.deepEqual([flags, seq, ack], ['ACK', (closed.ack as number) - 1, 1]);
      }
      const [first = 0, second = 0, third = 0] = probes.map(({ at }) => at);
      assert.ok(
        first - closed.at > 150 && first - closed.at < 900,
        `the first after ${first - closed.at} ms`,
      );
      const ratio = (third - second) / (second - first);
      assert.ok(ratio > 1.5 && ratio < 2.6, `probes at ${[first, second, third]}`);

      assert.equal((await receiveAll(b, POURED)).length, POURED);
      await poured;
      const opened = scene.rungs.findLast(({ from, window }) => from === 'B' && window > 0) as Rung;
      assert.ok(opened !== undefined);
      checkWithinWindow(scene);
      if (scene.A.kind === 'stack') {
        const persist = historyOf(scene, 'persist');
        assert.ok(persist.filter((what) => what === 'fired').length >= 3);
        assert.equal(persist.at(-1), 'cancelled');
        // A tail loss probe may, while the kernel delays its ACK; ladder 29 shows one too.
        assert.equal(historyOf(scene, 'rto').filter((what) => what === 'fired').length, 0);
      }
    },
  );

  ladder(
    'B59: the ACK that opens the window is lost; only because A keeps asking does it go on',
    SMALL,
    async (scene) => {
      const { a, b } = await connect(scene);
      const poured = a.fill(POURED);
      await probed(scene, 1);
      const closed = scene.rungs[closingOf(scene.rungs)] as Rung;
      await sleep(50);
      scene.lose(`B>A ACK 1 ack ${closed.ack}`);
      const before = scene.rungs.length;
      assert.equal((await receiveAll(b, POURED)).length, POURED);
      await poured;
      const [update, probe, answer, next] = scene.rungs.slice(before);
      assert.deepEqual([update?.from, update?.fate, probe?.from, probe?.end], ['B', 'LOST', 'A', probe?.seq]);
      assert.ok((update?.window as number) > 0);
      assert.ok((probe?.at as number) - (update?.at as number) > 50, 'silence until the timer fires');
      assert.deepEqual([answer?.from, answer?.ack], ['B', closed.ack]);
      assert.ok((answer?.window as number) > 0);
      assert.deepEqual([next?.from, next?.seq], ['A', closed.ack]);
      checkWithinWindow(scene);
    },
  );

  ladder(
    'B59: a reader that takes a few bytes does not open the window: no silly small segments',
    SMALL,
    async (scene) => {
      const { a, b } = await connect(scene);
      void a.fill(POURED);
      await probed(scene, 1);
      await sleep(50);
      const before = scene.rungs.length;
      for (let read = 0; read < 10; read++) assert.equal((await b.receive(10)).length, 10);
      await probed(scene, 2);
      await sleep(50);
      const after = scene.rungs.slice(before);
      assert.ok(after.length >= 2);
      for (const rung of after) {
        if (rung.from === 'B') assert.equal(rung.window, 0, 'a hundred bytes are not worth a segment');
        else assert.equal(rung.end, rung.seq);
      }
    },
  );
});
