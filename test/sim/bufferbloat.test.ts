/** A bottleneck whose queue is far too long: what the first slow start does to it, with and without HyStart++. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bulk } from './support/bulk.ts';

const SECOND = 1_000_000;
const RATE = 50e6;
const RTT = 50_000;
/** Four bandwidth-delay products: 200 ms. */
const QUEUE = 4 * (RATE / 8) * (RTT / SECOND);
const LOOK_EVERY = 1000;
const LASTS = 3 * SECOND;

interface Start {
  /** Packets that the queue had no room for. */
  readonly lost: number;
  /** Of the time, in which the queue was more than nine tenths full. */
  readonly full: number;
  /** Queue delay in the middle, ms. */
  readonly median: number;
  /** Mbit/s. */
  readonly goodput: number;
}

function firstSeconds(congestion: string, hystart: string): Start {
  const config = { congestion, hystart, 'buffer.receive': '6M', 'buffer.send': '4M' };
  const bulk = new Bulk({ seed: 1, rtt: RTT, rate: RATE, queueBytes: QUEUE, config });
  const { a } = bulk.link;
  const delays: number[] = [];
  for (let time = 0; time < LASTS; time += LOOK_EVERY) {
    bulk.world.run(LOOK_EVERY);
    delays.push(a.queueDelay / 1000);
  }
  const longest = (QUEUE * 8000) / RATE;
  return {
    lost: a.counts.queueDropped,
    full: delays.filter((delay) => delay > 0.9 * longest).length / delays.length,
    median: delays.sort((one, other) => one - other)[delays.length >> 1] as number,
    goodput: (bulk.received * 8) / LASTS,
  };
}

for (const congestion of ['cubic', 'reno']) {
  test(`RFC 9406, ${congestion}: HyStart++ leaves slow start with a fraction of the losses, and of the delay`, (t) => {
    const without = firstSeconds(congestion, 'off');
    const withIt = firstSeconds(congestion, '++');
    t.diagnostic(`off ${JSON.stringify(without)}, ++ ${JSON.stringify(withIt)}`);
    assert.ok(without.lost > 500, `${without.lost} lost without: no case of bufferbloat`);
    assert.ok(withIt.lost < without.lost / 3, `${withIt.lost} lost, ${without.lost} without`);
    assert.ok(withIt.full < without.full, 'the queue is full for less of the time');
    // Losses that are repaired without a pause cost no goodput: the line is busy either way.
    assert.ok(withIt.goodput > 0.98 * without.goodput);
  });

  test(`${congestion}: classic HyStart leaves at the first sign: nothing is lost, and the queue never fills`, (t) => {
    const classic = firstSeconds(congestion, 'classic');
    t.diagnostic(JSON.stringify(classic));
    assert.equal(classic.lost, 0);
    assert.equal(classic.full, 0);
    assert.ok(classic.goodput > 40);
  });
}
