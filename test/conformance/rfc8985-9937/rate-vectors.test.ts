/** RFC 9937 worked out by hand, ACK by ACK: SndCnt is what goes out for each of them. Reno: ssthresh is half. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTT, SackSender } from './support.ts';

/** Twenty segments in flight, more to send, and a round trip later. */
function twenty(): SackSender {
  const sender = new SackSender();
  sender.flight(20);
  sender.app.write(60 * sender.size);
  assert.deepEqual(sender.sent(), []);
  sender.bed.advance(RTT);
  return sender;
}

test('PR-01, PR-03: above ssthresh: ceil(prr_delivered · ssthresh / RecoverFS) - prr_out, a segment for every other one', () => {
  const sender = twenty();
  // DeliveredData 3, RecoverFS 20: 3 · 10 / 20 = 1.5 segments, of which one is whole.
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  // 4/2 - 1 = 1, 5/2 - 2 = 0.5, 6/2 - 2 = 1, …
  for (const [right, sent] of [
    [5, [20]],
    [6, []],
    [7, [21]],
    [8, []],
    [9, [22]],
    [10, []],
    [11, [23]],
  ] as const) {
    sender.ack(0, [1, right]);
    assert.deepEqual(sender.sent(), sent, `SACKed up to ${right}`);
  }
});

test('PR-01: RecoverFS leaves out what was SACKed before the ACK that began it: 18 of 20', () => {
  const sender = twenty();
  const { tcb } = sender.app;
  sender.ack(0, [1, 2]);
  sender.ack(0, [1, 3]);
  const early = sender.sent().length;
  sender.ack(0, [1, 4]);
  assert.equal(sender.state, 'recovery');
  assert.equal(tcb.recovery.rate.recoverFlight, (20 + early - 2) * sender.size);
  const { recoverFlight } = tcb.recovery.rate;
  sender.ack(0, [1, 12]);
  sender.ack(4, [5, 12]);
  assert.equal(tcb.recovery.rate.recoverFlight, recoverFlight, 'for the whole episode');
});

test('PR-02: DeliveredData is the change of SND.UNA and of what is SACKed together: what was SACKed counts once', () => {
  const sender = twenty();
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  // SND.UNA + 4, SACKed - 3: one segment. 4 · 10 / 20 - 1 = 1.
  sender.ack(4);
  assert.deepEqual(sender.sent(), [20]);
});

test('PR-02: an ACK that delivers nothing sends nothing and leaves cwnd', () => {
  const sender = twenty();
  sender.ack(0, [1, 4]);
  sender.sent();
  const { cwnd } = sender;
  for (let i = 0; i < 30; i++) sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), []);
  assert.equal(sender.cwnd, cwnd);
});

test('PR-04: below ssthresh with a debt: all of it at once, up to ssthresh', () => {
  const sender = twenty();
  // Five are lost, fifteen delivered, nothing in flight: min(10 - 0, 15) = 10.
  sender.ack(0, [5, 20]);
  assert.deepEqual(sender.sent(), [0, 1, 2, 3, 4, 20, 21, 22, 23, 24]);
  assert.equal(sender.cwnd, 10);
});

test('PR-04: below ssthresh without a debt: what was delivered, and one more only when SND.UNA moves and nothing else is lost', () => {
  const sender = twenty();
  // Fifteen are lost, five delivered: min(10 - 0, 5) = 5.
  sender.ack(0, [15, 20]);
  assert.deepEqual(sender.sent(), [0, 1, 2, 3, 4]);
  sender.bed.advance(RTT);
  // SafeACK: max(6 - 5, 1) + 1.
  sender.ack(1, [15, 20]);
  assert.deepEqual(sender.sent(), [5, 6]);
  // SND.UNA stays, and the second copy of 1 is late: max(7 - 7, 1).
  sender.ack(1, [15, 20], [2, 3]);
  assert.deepEqual(sender.sent(), [1]);
  assert.ok(sender.cwnd < 10);
  sender.ackAll();
  // ssthresh, and the first step of congestion avoidance for a window's worth delivered by this ACK.
  assert.deepEqual([sender.state, sender.ssthresh, sender.cwnd], ['open', 10, 11]);
});

test('PR-04: below ssthresh what was delivered and not yet made use of may go, too', () => {
  const sender = new SackSender();
  sender.flight(20);
  sender.bed.advance(RTT);
  // Three delivered, one sent, and nothing new to send for half of a segment.
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  // Two more, and ten are lost: max(5 - 1, 2) = 4, in flight are five.
  sender.ack(0, [14, 16], [1, 4]);
  assert.deepEqual(sender.sent(), [4, 5, 6, 7]);
});

test('PR-05: the first retransmission goes although SndCnt is nothing', () => {
  const sender = twenty();
  // Nine SACKed, one lost: ten in flight, as many as ssthresh has.
  sender.ack(0, [1, 10]);
  assert.deepEqual(sender.sent(), [0]);
  assert.equal(sender.cwnd, 11);
});

test('PR-06: prr_out counts what was sent again and what was new; at the end cwnd is ssthresh', () => {
  const sender = twenty();
  sender.ack(0, [1, 4]);
  sender.ack(0, [1, 5]);
  assert.deepEqual(sender.sent(), [0, 20]);
  assert.equal(sender.app.tcb.recovery.rate.out, 2 * sender.size);
  sender.ack(0, [1, 12]);
  sender.sent();
  sender.bed.advance(RTT);
  sender.ack(20);
  assert.equal(sender.state, 'open');
  assert.deepEqual([sender.cwnd, sender.ssthresh], [10, 10]);
});
