/** RFC 9438 on a connection: which algorithm, what a loss, a wrong one and a pause do to what is on the wire. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTT, SackSender } from '../rfc8985-9937/support.ts';

/** A sender whose window is `segments`, which are all in flight. */
function inFlight(congestion: 'cubic' | 'reno', segments: number): SackSender {
  const sender = new SackSender({ congestion, tlp: 'off', frto: 'off' });
  sender.app.tcb.congestion.setWindow(segments * sender.size);
  sender.flight(segments);
  return sender;
}

/** Loses the first segment and repairs it, a round trip for each. */
function loseAndRepair(sender: SackSender, segments: number): void {
  sender.bed.advance(RTT);
  sender.ack(0, [1, segments]);
  assert.equal(sender.state, 'recovery');
  sender.sent();
  sender.bed.advance(RTT);
  sender.ackAll();
  assert.equal(sender.state, 'open');
}

/** A round trip with the window full. */
function fullRound(sender: SackSender): void {
  sender.app.write(Math.floor(sender.cwnd) * sender.size);
  sender.bed.peer.sent();
  sender.bed.advance(RTT);
  sender.ackAll();
}

for (const [congestion, expected] of [
  ['cubic', 14],
  ['reno', 10],
] as const) {
  test(`RFC 9293 MAY-18, CU-06: congestion=${congestion}: a loss with 20 segments in flight leaves ${expected}`, () => {
    const sender = inFlight(congestion, 20);
    assert.equal(sender.app.tcb.congestion.name, congestion);
    // More to send all the while, so that the window is in use when recovery ends.
    sender.app.write(60 * sender.size);
    loseAndRepair(sender, 20);
    assert.equal(sender.ssthresh, expected);
    // The ACK that ends recovery may be the first of congestion avoidance: up to a segment more.
    const flight = sender.app.tcb.unacked / sender.size;
    assert.ok(flight === expected || flight === expected + 1, `${flight} in flight`);
  });
}

test('CU-06, CU-07: a loss with two segments in flight leaves two', () => {
  const sender = new SackSender({ congestion: 'cubic', tlp: 'off' });
  sender.app.tcb.congestion.setWindow(2 * sender.size);
  sender.flight(2);
  sender.bed.advance(1000);
  assert.equal(sender.state, 'loss');
  assert.deepEqual([sender.ssthresh, sender.cwnd], [2, 1]);
});

test('CU-03: a minute in which the application sends little does not make cwnd leap afterwards', () => {
  const busy = inFlight('cubic', 100);
  const paused = inFlight('cubic', 100);
  for (const sender of [busy, paused]) {
    loseAndRepair(sender, 100);
    for (let i = 0; i < 3; i++) fullRound(sender);
  }
  const before = paused.cwnd;
  for (let i = 0; i < 600; i++) {
    paused.flight(1);
    paused.bed.advance(RTT);
    paused.ackAll();
  }
  assert.ok(paused.cwnd <= before, `${before} before the pause, ${paused.cwnd} in it`);
  // W_cubic(60 s) is some 70,000 segments: a clock that had run on would add half of cwnd in each round.
  for (let i = 0; i < 3; i++) {
    fullRound(paused);
    fullRound(busy);
    assert.ok(paused.cwnd <= busy.cwnd + 1, `${paused.cwnd} after the pause, ${busy.cwnd} without`);
  }
});

test('CU-10: DSACKs for all that was sent again bring cwnd, ssthresh and the curve back, once', () => {
  const wronged = inFlight('cubic', 40);
  const spared = inFlight('cubic', 40);
  for (const sender of [wronged, spared]) {
    loseAndRepair(sender, 40);
    fullRound(sender);
    sender.app.tcb.congestion.setWindow(40 * sender.size);
    sender.flight(40);
    // Never short of data from here on.
    sender.app.write(2000 * sender.size);
    sender.bed.advance(RTT);
  }
  const { ssthresh } = wronged;
  wronged.ack(0, [1, 4]);
  assert.equal(wronged.sent()[0], 0);
  assert.ok(wronged.cwnd < 40);
  // Only late, and then the second copy.
  wronged.ack(4);
  wronged.ack(4, [0, 1]);
  assert.deepEqual([wronged.cwnd, wronged.ssthresh], [40, ssthresh]);
  for (let i = 0; i < 20; i++) wronged.ack(4, [0, 1]);
  assert.deepEqual([wronged.cwnd, wronged.ssthresh], [40, ssthresh]);
  // What follows is what the spared one does: W_max, K and t_epoch are those of before.
  spared.ack(4);
  for (let i = 0; i < 30; i++) {
    for (const sender of [wronged, spared]) {
      sender.ackAll();
      sender.bed.advance(RTT);
    }
  }
  assert.ok(Math.abs(wronged.cwnd - spared.cwnd) <= 1, `${wronged.cwnd} and ${spared.cwnd}`);
});

test('CU-09: after a timeout one segment goes, then two: slow start up to 0.7 of what was in flight', () => {
  const sender = inFlight('cubic', 20);
  sender.bed.advance(sender.app.tcb.rtt.rto / 1000 + 1);
  assert.equal(sender.state, 'loss');
  assert.deepEqual(sender.sent(), [0]);
  assert.deepEqual([sender.ssthresh, sender.cwnd], [14, 1]);
  sender.ack(1);
  assert.deepEqual(sender.sent(), [1, 2]);
  sender.ack(2);
  assert.deepEqual(sender.sent(), [3, 4]);
});
