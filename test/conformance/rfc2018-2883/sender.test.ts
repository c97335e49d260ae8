/** RFC 2018 and RFC 2883 as the sender: what a timeout makes of SACKed data, and what a DSACK is not. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTT, SackSender } from '../rfc8985-9937/support.ts';

/** Five segments of which 2 and 3 are SACKed, and a time-out. */
function timedOut(): SackSender {
  const sender = new SackSender({ rack: 'off', tlp: 'off', frto: 'off' });
  sender.flight(5);
  sender.bed.advance(RTT / 2);
  // No reordering is seen, and two SACKed are too few: nothing goes again yet.
  sender.ack(0, [2, 4]);
  sender.sent();
  const { rto } = sender.app.tcb.rtt;
  for (let i = 0; i < 20 && sender.state !== 'loss'; i++) sender.bed.advance(rto / 10_000);
  assert.equal(sender.state, 'loss');
  return sender;
}

for (const rack of ['on', 'off'] as const) {
  test(`SK-06, rack=${rack}: after a time-out SND.UNA goes again, and what was SACKed does not while it may be there`, () => {
    const sender = new SackSender({ rack, tlp: 'off', frto: 'off' });
    sender.flight(5);
    sender.ack(0, [2, 4]);
    const again = sender.sent();
    for (let i = 0; i < 40 && sender.app.tcb.unacked > 0; i++) {
      sender.bed.advance(RTT);
      again.push(...sender.sent());
      // The peer has 2 and 3, and gets the others.
      const has = (segment: number): boolean => segment === 2 || segment === 3 || again.includes(segment);
      let next = 0;
      while (next < 5 && has(next)) next++;
      if (next === 0) continue;
      if (next < 4) sender.ack(next, [2, 4]);
      else sender.ack(next);
    }
    assert.equal(sender.app.tcb.unacked, 0);
    assert.deepEqual([...new Set(again)].sort(), [0, 1, 4]);
  });
}

test('SK-06: a peer that has dropped what it had SACKed gets it again', () => {
  const sender = timedOut();
  assert.equal(sender.app.tcb.inFlight.sacked, 2 * sender.size, 'RFC 6675 §5.1: nothing says so yet');
  assert.ok(sender.sent().includes(0));
  // It has 0 and 1 now, and not 2 any more: no block.
  sender.ack(2);
  const resent: number[] = [];
  for (let i = 0; i < 20 && !resent.includes(2); i++) {
    sender.bed.advance(RTT);
    resent.push(...sender.sent());
  }
  assert.ok(resent.includes(2), 'the first that is missing');
  for (let next = 3; next <= 5; next++) {
    for (let i = 0; i < 40 && next < 5 && !resent.includes(next); i++) {
      sender.ack(next);
      sender.bed.advance(RTT);
      resent.push(...sender.sent());
    }
  }
  sender.ack(5);
  assert.equal(sender.app.tcb.unacked, 0);
});

test('DS-03: a first block below the ACK is a DSACK: neither a duplicate ACK nor a sign of loss', () => {
  for (const rack of ['on', 'off'] as const) {
    const sender = new SackSender({ rack, tlp: 'off' });
    sender.flight(10);
    sender.ack(4);
    sender.sent();
    for (let i = 0; i < 10; i++) sender.ack(4, [0, 1]);
    sender.bed.advance(1);
    assert.equal(sender.state, 'open', `rack ${rack}`);
    assert.deepEqual(sender.sent(), []);
    assert.equal(sender.app.tcb.inFlight.sacked, 0);
  }
});

test('DS-03: a first block within the second is a DSACK as well: only the second counts as delivered', () => {
  const sender = new SackSender({ rack: 'off', tlp: 'off' });
  sender.flight(10);
  sender.ack(0, [3, 5]);
  for (let i = 0; i < 10; i++) sender.ack(0, [4, 5], [3, 5]);
  assert.equal(sender.state, 'disorder');
  assert.deepEqual(sender.sent(), []);
  assert.equal(sender.app.tcb.inFlight.sacked, 2 * sender.size);
});

test('DS-03: a DSACK takes part in what RACK waits for: its window is wider afterwards, whichever kind it was', () => {
  const below = new SackSender({ tlp: 'off' });
  below.flight(10);
  const before = below.app.tcb.recovery.rack?.windowFactor ?? 0;
  below.ack(4);
  below.ack(4, [0, 1]);
  assert.equal(below.app.tcb.recovery.rack?.windowFactor, before + 1);
  const within = new SackSender({ tlp: 'off' });
  within.flight(10);
  within.ack(0, [3, 5]);
  within.ack(0, [4, 5], [3, 5]);
  assert.equal(within.app.tcb.recovery.rack?.windowFactor, before + 1);
});
