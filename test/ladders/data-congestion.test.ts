/** How much a sender dares to have on the wire: slow start, and what a loss makes of it. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { connect, lossHistoryOf, NO_TIMESTAMPS, receiveAll } from '../support/ladder/moves.ts';
import { ladder, type Scene, type SceneOptions } from '../support/ladder/scene.ts';

const SEGMENT = 1460;
/** RFC 6928. */
const INITIAL = 10;
/** Three round trips of slow start. */
const SEGMENTS = 70;

/**
 * Reno on both sides: without HyStart, which a busy machine's delays could make leave slow start early.
 * For the same reason our timer is far away.
 */
const RENO: SceneOptions = {
  sysctl: { ...NO_TIMESTAMPS.sysctl, 'net.ipv4.tcp_congestion_control': 'reno' },
  config: { congestion: 'reno', hystart: 'off', 'rto.min': '2s' },
  delay: 30,
};

interface Growth {
  /** Segments sent before the first ACK of data. */
  readonly first: number;
  /** Most segments on the wire at a time. */
  readonly most: number;
  /** Segments beyond the first ten and two for each one acknowledged: slow start's limit. */
  readonly excess: number;
  /** Segments that were sent again. */
  readonly again: number;
}

function growthOf(scene: Scene): Growth {
  let [first, most, excess, again] = [0, 0, 0, 0];
  let highest = 1;
  let acked = 1;
  for (const { from, seq, end, ack } of scene.rungs) {
    if (from === 'B') acked = Math.max(acked, ack ?? 0);
    else if (end > highest) highest = end;
    else if (end > seq) again++;
    if (acked === 1) first = (highest - 1) / SEGMENT;
    most = Math.max(most, (highest - acked) / SEGMENT);
    excess = Math.max(excess, (highest - 1 - 2 * (acked - 1)) / SEGMENT - INITIAL);
  }
  return { first, most, excess, again };
}

/** A's congestion window and threshold, in segments; Infinity as long as there is none. */
async function windowOf(scene: Scene): Promise<{ cwnd: number; ssthresh: number }> {
  if (scene.A.kind === 'stack') {
    const { cwnd, ssthresh } = scene.connections()[0]?.snd ?? {};
    return { cwnd: (cwnd as number) / SEGMENT, ssthresh: (ssthresh ?? Infinity) / SEGMENT };
  }
  const { stdout } = await scene.namespace.run('ss', ['-tinH', 'state', 'established']);
  const read = (name: string): number =>
    Number(new RegExp(`\\b${name}:(\\d+)`).exec(stdout.toString())?.[1] ?? Infinity);
  return { cwnd: read('cwnd'), ssthresh: read('ssthresh') };
}

describe('the congestion window', () => {
  ladder(
    'B59: slow start: ten segments at first, and one more for each that is acknowledged',
    RENO,
    async (scene) => {
      const { a, b } = await connect(scene);
      const filled = a.fill(SEGMENTS * SEGMENT);
      await receiveAll(b, SEGMENTS * SEGMENT);
      await filled;
      const { first, most, excess, again } = growthOf(scene);
      assert.equal(first, INITIAL);
      assert.ok(excess <= 0, `${excess} segments too many`);
      assert.ok(most >= 3 * INITIAL, `${most} segments at most`);
      if (scene.A.kind === 'stack') assert.equal(again, 0);
      const { cwnd, ssthresh } = await windowOf(scene);
      assert.ok(cwnd >= most, `cwnd ${cwnd}, on the wire ${most}`);
      assert.equal(ssthresh, Infinity);
    },
  );

  ladder(
    'B59: a loss ends slow start; half of what was on the wire is the new threshold',
    RENO,
    async (scene) => {
      const { a, b } = await connect(scene);
      scene.lose('A>B ACK ?:? ack 1', 1, 45);
      const filled = a.fill(2 * SEGMENTS * SEGMENT);
      await receiveAll(b, 2 * SEGMENTS * SEGMENT);
      await filled;
      const { first, most, again } = growthOf(scene);
      assert.equal(first, INITIAL);
      assert.ok(again >= 1);
      if (scene.A.kind === 'stack') assert.equal(again, 1, 'what was lost, and nothing else');
      const { ssthresh } = await windowOf(scene);
      // Seen from the device, what has left the kernel is acknowledged half a round trip early.
      const flight = scene.A.kind === 'stack' ? most : 2 * most;
      assert.ok(ssthresh >= 2 && ssthresh <= 0.6 * flight, `threshold ${ssthresh} of ${flight}`);
      assert.ok(!lossHistoryOf(scene).includes('fired'), 'duplicate ACKs were enough');
    },
  );
});
