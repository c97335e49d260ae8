/** Flows that share a bottleneck of 20 Mbit/s and 40 ms with a queue of one bandwidth-delay product. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FlowPlan } from './support/bulk.ts';
import { flowsOf, jainIndex, share } from './support/fairness.ts';

const SECOND = 1_000_000;
/** Seconds: to find their places, and over which their shares are taken. */
const SETTLE = 8;
const MEASURED = 20;

interface Case {
  readonly name: string;
  readonly flows: readonly FlowPlan[];
  /** Jain's index at least. */
  readonly jain: number;
}

const CASES: readonly Case[] = [
  { name: 'two flows with CUBIC', flows: flowsOf('cubic', 2), jain: 0.95 },
  { name: 'eight flows with CUBIC', flows: flowsOf('cubic', 8), jain: 0.95 },
  { name: 'two flows with Reno', flows: flowsOf('reno', 2), jain: 0.95 },
  { name: 'eight flows with Reno', flows: flowsOf('reno', 8), jain: 0.95 },
  {
    // RFC 9438 §5.1: on such a short path CUBIC is to take no more than Reno would.
    name: 'CUBIC beside Reno',
    flows: [...flowsOf('cubic', 1), ...flowsOf('reno', 1, SECOND / 2)],
    jain: 0.9,
  },
  {
    name: 'four with CUBIC beside four with Reno',
    flows: [...flowsOf('cubic', 4), ...flowsOf('reno', 4, 2 * SECOND)],
    jain: 0.9,
  },
];

describe('RFC 9438 §5.3, RFC 5681: fair to their own kind and to each other, and the line is in use', () => {
  for (const { name, flows, jain } of CASES) {
    test(name, (t) => {
      const shares = share(flows, SETTLE, MEASURED);
      t.diagnostic(
        `${shares.goodput.map((rate) => rate.toFixed(2)).join(' ')} Mbit/s, Jain ${shares.jain.toFixed(3)}`,
      );
      assert.ok(shares.jain > jain, `Jain's index ${shares.jain}`);
      // Headers are 3.5 % of a full packet.
      assert.ok(shares.used > 0.92, `${shares.used} of the line`);
    });
  }
});

test('CUBIC depends less on the round trip than Reno: 40 ms beside 160 ms (RFC 9438 §5.3)', (t) => {
  const ratios = (['cubic', 'reno'] as const).map((congestion) => {
    const config = { congestion };
    const flows = [{ config }, { config, extraRtt: 120_000, startAt: SECOND / 2 }];
    const [near, far] = share(flows, SETTLE, MEASURED).goodput as [number, number];
    t.diagnostic(`${congestion}: ${near.toFixed(2)} and ${far.toFixed(2)} Mbit/s`);
    assert.ok(far > 1, 'nobody starves');
    return near / far;
  });
  const [cubic, reno] = ratios as [number, number];
  assert.ok(cubic < reno);
});

test("Jain's index: 1 when all get the same, 1/n when one has everything", () => {
  assert.equal(jainIndex([5, 5, 5, 5]), 1);
  assert.equal(jainIndex([8, 0, 0, 0]), 1 / 4);
  assert.equal(jainIndex([3, 1]), 0.8);
});
