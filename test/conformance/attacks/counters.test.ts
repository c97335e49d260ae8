/**
 * Two hundred times the same attack, and what it costs: which counters name it, how many packets it
 * provokes, what it leaves in the tables. Rows of the parts on IP, on parsing, on attackers off the
 * path and on the receiver; attack-rows.ts has them.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReasonName } from '../../../src/base/reasons.ts';
import { costOf, processorTime } from '../../support/budget.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { ATTACKS, ROUNDS } from './attack-rows.ts';

for (const { title, round, named, also = [], uneven, sent, memory } of ATTACKS) {
  test(`${title}: a counter names it, and it costs no more than that`, () => {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { mss: 1460 });
    app.write(500);
    bed.peer.sent();
    const rounds = Array.from({ length: ROUNDS }, (_, number) => round(bed, number));
    const cost = costOf(bed, () => {
      for (const packets of rounds) for (const packet of packets) bed.inject(packet);
    });
    const reasons = Object.keys(cost.reasons) as ReasonName[];
    assert.deepEqual(reasons.filter((name) => !also.includes(name)).sort(), [...named].sort());
    const counted = Object.values(cost.reasons).reduce((sum, count) => sum + count, 0);
    if (uneven !== true) assert.equal(counted, rounds.flat().length);
    assert.ok(cost.sent <= (sent ?? 0), `${cost.sent} packets were sent`);
    assert.ok(cost.turns <= rounds.flat().length, `${cost.turns} turns`);
    assert.ok(cost.grown.memory <= (memory ?? 0), `${cost.grown.memory} bytes`);
    const { connections, flows, timers, synReceived } = cost.grown;
    // One at rest has given its row of timers back.
    assert.deepEqual([connections, flows, Math.max(0, timers), synReceived], [0, 0, 0, 0]);
    // The connection has not been hurt.
    bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
    assert.deepEqual([app.state, app.received.length >= 10], ['ESTABLISHED', true]);
  });
}

test('F03: small segments for a reader who is asleep: what does not fit is counted, and the window says so', () => {
  const bed = testbed({ config: { 'buffer.receive': '32K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  const packets = Array.from({ length: 20_000 }, (_, i) =>
    bed.peer.build({ flags: 'PA', seq: 1 + 4 * i, data: 4 }),
  );
  const cost = costOf(bed, () => {
    for (const packet of packets) bed.inject(packet);
  });
  const { ACCEPTED = 0, ...others } = cost.reasons;
  assert.equal(ACCEPTED, app.tcb.readable / 4);
  assert.ok(
    Object.keys(others).every((name) => ['TCP_ZEROWINDOW', 'TCP_OVERWINDOW'].includes(name)),
    `${Object.keys(others)}`,
  );
  assert.ok(cost.sent <= packets.length);
  // It was at rest before.
  assert.ok(cost.grown.memory <= 65_536 && cost.grown.timers <= 1);
});

test('F08: probes of a window that is shut are named so, and each is answered once at most', () => {
  const bed = testbed({ config: { 'buffer.receive': '4K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  while (app.tcb.rcv.wnd > 0) bed.peer.send({ flags: 'A', data: Math.min(1000, app.tcb.rcv.wnd) });
  bed.peer.sent();
  const cost = costOf(bed, () => {
    for (let i = 0; i < 1000; i++) bed.peer.send({ flags: 'A', seq: bed.peer.nxt, data: 1 });
  });
  assert.deepEqual(Object.keys(cost.reasons), ['TCP_ZEROWINDOW']);
  assert.equal(cost.reasons.TCP_ZEROWINDOW, 1000);
  assert.ok(cost.sent <= 1000 && cost.grown.memory === 0);
});

test('F07: with every range in use the segment at RCV.NXT is taken, those far away are counted as dropped', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const cost = costOf(bed, () => {
    for (let i = 0; i < 2000; i++) bed.peer.send({ flags: 'A', seq: 1001 + 2 * i, data: 1 });
  });
  assert.equal((cost.reasons.TCP_OFO_QUEUED ?? 0) + (cost.reasons.TCP_OFO_DROP ?? 0), 2000);
  assert.ok((cost.reasons.TCP_OFO_DROP ?? 0) >= 900);
  bed.peer.send({ flags: 'A', seq: 1, data: 1000 });
  assert.ok(app.received.length >= 1000);
});

const PRICED = 3000;

/** Processor time of so many packets, the least of some attempts; what goes out is not looked at. */
function priceOf(make: (bed: Testbed) => readonly Uint8Array[]): number {
  let best = Infinity;
  for (let attempt = 0; attempt < 4; attempt++) {
    const bed = testbed();
    bed.peer.handshake('passive', { mss: 1460, autoRead: false }).write(500);
    const packets = make(bed);
    bed.device.onPacket(null);
    const time = processorTime(() => {
      for (let i = 0; i < PRICED; i++) bed.inject(packets[i % packets.length] as Uint8Array);
    });
    best = Math.min(best, time);
    bed.checkGuard();
  }
  return best;
}

test('no packet of these attacks takes ten times the work of an ordinary ACK', () => {
  const acks = (bed: Testbed): Uint8Array[] => [1, 2, 3].map(() => bed.peer.build({ flags: 'A', ack: 501 }));
  priceOf(acks);
  const usual = priceOf(acks);
  for (const { title, round } of ATTACKS) {
    const price = priceOf((bed) => Array.from({ length: ROUNDS }, (_, number) => round(bed, number)).flat());
    assert.ok(price < 10 * usual, `${title}: ${(price / usual).toFixed(1)} times`);
  }
});
