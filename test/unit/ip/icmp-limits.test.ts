/** How many ICMP errors one destination is sent. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, packetOf } from './harness.ts';

test('A29, RFC 1122 §3.2.2: six errors to one destination at once, then one in a second; others are not its victims', () => {
  const harness = new Harness();
  const provoke = (source: string, times: number): number => {
    for (let i = 0; i < times; i++)
      harness.receive(packetOf({ protocol: 99, source, payload: new Uint8Array(20) }));
    return harness.turn().length;
  };
  assert.equal(provoke('10.9.0.1', 20), 6);
  assert.equal(provoke('10.9.0.7', 1), 1);
  harness.clock.now += 1_000_000;
  assert.equal(provoke('10.9.0.1', 20), 1);
});
