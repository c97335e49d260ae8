/** RFC 6675 by itself, without RACK, tail loss probe and proportional rate reduction: SetPipe, entering, timeout. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTT, SackSender } from '../rfc8985-9937/support.ts';

const ALONE = { rack: 'off', tlp: 'off', prr: 'off', frto: 'off' } as const;

function alone(): SackSender {
  return new SackSender(ALONE);
}

/** pipe in segments. */
function pipeOf(sender: SackSender): number {
  return sender.app.tcb.inFlight.pipe / sender.size;
}

/** Milliseconds until the retransmission timer expires. */
function timer(sender: SackSender): number {
  const [rto, ...others] = (sender.bed.connections()[0]?.timers ?? []).filter(({ name }) => name !== 'user');
  assert.deepEqual([rto?.name, others], ['rto', []]);
  return rto?.remainingMs ?? 0;
}

function rtoOf(sender: SackSender): number {
  return sender.app.tcb.rtt.rto / 1000;
}

test('SB-02: pipe counts what is neither SACKed nor lost, and what was sent again', () => {
  const sender = alone();
  sender.flight(10);
  assert.equal(pipeOf(sender), 10);
  // 1 and 3 are SACKed: 0 and 2 may still be on their way.
  sender.ack(0, [1, 2], [3, 4]);
  assert.equal(pipeOf(sender), 8);
  // And 5: 0 has three islands above it and is lost, 2 and 4 are not; 10 - 3 SACKed - 1 lost, + 1 sent again.
  sender.ack(0, [5, 6], [1, 2], [3, 4]);
  assert.deepEqual(sender.sent(), [0]);
  assert.equal(pipeOf(sender), 7);
  // And 7: 2 is lost, too. 10 - 4 SACKed - 2 lost + 1, for cwnd is 5 and does not let 2 out.
  sender.ack(0, [7, 8], [1, 2], [3, 4], [5, 6]);
  assert.deepEqual(sender.sent(), []);
  assert.equal(pipeOf(sender), 5);
  // And 8 and 9: 3 · SMSS above 4, which is lost, and 6 is not lost yet: 10 - 6 - 3 + 1 = 2, and 2 and 4 go again.
  sender.ack(0, [7, 10], [1, 2], [3, 4], [5, 6]);
  assert.deepEqual(sender.sent().slice(0, 2), [2, 4]);
});

test('SB-02: a retransmission that is acknowledged leaves the pipe', () => {
  const sender = alone();
  sender.flight(10);
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  assert.equal(pipeOf(sender), 7);
  sender.ack(4);
  assert.equal(pipeOf(sender), 6);
});

test('SB-05: entering: the first hole goes at once, ssthresh and cwnd are half of FlightSize, RecoveryPoint is HighData', () => {
  const sender = alone();
  sender.flight(10);
  sender.ack(0, [1, 4]);
  assert.equal(sender.state, 'recovery');
  // pipe, 6, is above cwnd: only the first retransmission does not ask.
  assert.deepEqual(sender.sent(), [0]);
  assert.deepEqual([sender.ssthresh, sender.cwnd], [5, 5]);
  const { recovery, snd } = sender.app.tcb;
  assert.equal(recovery.recover, snd.nxt);
  assert.equal(recovery.recover - snd.iss, sender.at(10));
});

test('SB-05, LT-02: what limited transmit has sent is no part of FlightSize, and changes cwnd by nothing', () => {
  const sender = alone();
  sender.flight(10);
  sender.app.write(10 * sender.size);
  sender.ack(0, [1, 2]);
  assert.deepEqual(sender.sent(), [10]);
  sender.ack(0, [1, 3]);
  assert.deepEqual(sender.sent(), [11]);
  assert.equal(sender.cwnd, 10);
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  assert.deepEqual([sender.ssthresh, sender.cwnd], [5, 5]);
  // The recovery point is behind them all the same: their ACKs are of this recovery.
  sender.ack(10);
  assert.equal(sender.state, 'recovery');
  sender.ack(12);
  assert.equal(sender.state, 'open');
});

test('SB-06: while cwnd - pipe is a segment or more, segments go: lost ones first, then new ones; one for one', () => {
  const sender = alone();
  sender.flight(10);
  sender.ack(0, [1, 4]);
  sender.app.write(20 * sender.size);
  assert.deepEqual(sender.sent(), [0], 'pipe is 7, cwnd 5');
  sender.ack(0, [1, 5]);
  sender.ack(0, [1, 6]);
  assert.deepEqual(sender.sent(), [], 'pipe is 5');
  sender.ack(0, [1, 7]);
  assert.deepEqual(sender.sent(), [10], 'pipe was 4');
  sender.ack(0, [1, 9]);
  assert.deepEqual(sender.sent(), [11, 12], 'pipe was 3');
  sender.ack(0, [1, 10]);
  assert.deepEqual(sender.sent(), [13]);
  assert.equal(pipeOf(sender), 5);
});

test('SB-06: an ACK that opens the pipe by much lets out no more than cwnd', () => {
  const sender = alone();
  sender.flight(20);
  sender.app.write(40 * sender.size);
  sender.ack(0, [4, 20]);
  const sent = sender.sent();
  // 0 to 3 are lost and go first; 20 - 16 - 4 + 4 = 4, and cwnd is 10: six new ones.
  assert.deepEqual(sent, [0, 1, 2, 3, 20, 21, 22, 23, 24, 25]);
  assert.equal(pipeOf(sender), 10);
});

test('SB-08: a timeout ends recovery; the RecoveryPoint is HighData of then, and until there nothing is reduced again', () => {
  const sender = alone();
  sender.flight(10);
  sender.ack(0, [1, 4]);
  sender.app.write(2 * sender.size);
  sender.ack(0, [1, 7]);
  assert.deepEqual(sender.sent(), [0, 10]);
  // The retransmission is lost.
  sender.bed.advance(rtoOf(sender) + 1);
  assert.equal(sender.state, 'loss');
  assert.deepEqual(sender.sent(), [0]);
  const { recovery, snd } = sender.app.tcb;
  assert.equal(recovery.recover, snd.nxt);
  const { ssthresh } = sender;
  assert.equal(sender.cwnd, 1);
  // Duplicates with new blocks, and partial ACKs: all of the window that has been paid for.
  for (const right of [8, 9, 10, 11]) {
    sender.ack(0, [1, right]);
    assert.equal(sender.state, 'loss');
  }
  sender.ack(9, [10, 11]);
  assert.equal(sender.state, 'loss');
  assert.equal(sender.ssthresh, ssthresh);
  sender.ackAll();
  assert.equal(sender.state, 'open');
  assert.equal(sender.ssthresh, ssthresh);
});

test('SB-08: once HighACK has passed it, the next loss begins a recovery of its own', () => {
  const sender = alone();
  sender.flight(10);
  sender.ack(0, [1, 4]);
  sender.bed.advance(rtoOf(sender) + 1);
  assert.equal(sender.state, 'loss');
  sender.ackAll();
  assert.equal(sender.state, 'open');
  sender.sent();
  assert.equal(sender.ssthresh, 5);
  sender.flight(8);
  sender.ack(0, [1, 4]);
  assert.equal(sender.state, 'recovery');
  assert.equal(sender.ssthresh, 4);
  assert.deepEqual(sender.sent(), [0]);
});

test('SB-09: the timer starts with the first segment, and anew with each ACK of new data and the first retransmission', () => {
  const sender = alone();
  sender.flight(10);
  const rto = rtoOf(sender);
  assert.equal(timer(sender), rto);
  sender.bed.advance(RTT / 2);
  sender.ack(0, [2, 3]);
  assert.equal(timer(sender), rto - RTT / 2, 'a duplicate ACK leaves it alone');
  sender.ack(1, [2, 3]);
  assert.equal(timer(sender), rtoOf(sender), 'new data is acknowledged');
  sender.bed.advance(RTT / 2);
  sender.ack(1, [2, 5]);
  assert.deepEqual(sender.sent(), [1]);
  assert.equal(timer(sender), rtoOf(sender), 'the oldest was sent again');
  sender.bed.advance(RTT / 2);
  sender.ack(1, [2, 8]);
  assert.equal(
    timer(sender),
    rtoOf(sender) - RTT / 2,
    'and a duplicate ACK in recovery leaves it alone, too',
  );
  sender.ackAll();
  assert.deepEqual(sender.bed.connections()[0]?.timers, []);
});
