import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTT, SackSender } from './support.ts';

test('TL-01, TL-03: the last segments are lost: a probe after two round trips sends the newest again', () => {
  const sender = new SackSender();
  sender.flight(3);
  sender.bed.advance(2 * RTT - 1);
  assert.deepEqual(sender.sent(), []);
  sender.bed.advance(2);
  assert.deepEqual(sender.sent(), [2]);
  assert.equal(sender.state, 'open');
  assert.equal(sender.bed.counter('TCP_RTO'), 0);
  assert.equal(sender.bed.counter('TCP_LOSS_PROBE'), 1);
});

test('TL-01: one segment in flight: its ACK may be delayed, the probe waits for that', () => {
  const sender = new SackSender();
  sender.flight(1);
  sender.bed.advance(2 * RTT + 90);
  assert.deepEqual(sender.sent(), []);
});

test('TL-01: no probe while something is SACKed, nor in recovery', () => {
  const sender = new SackSender({ rack: 'off' });
  sender.flight(4);
  sender.bed.advance(RTT);
  sender.ack(0, [3, 4]);
  assert.deepEqual(
    sender.bed.connections()[0]?.timers.map(({ name }) => name),
    ['rto'],
  );
});

test('TL-03: new data is the probe when the peer’s window takes it', () => {
  const sender = new SackSender();
  sender.app.tcb.congestion.cwnd = 3 * sender.size;
  sender.flight(3);
  sender.app.write(2 * sender.size);
  assert.deepEqual(sender.sent(), []);
  sender.bed.advance(2 * RTT + 1);
  assert.deepEqual(sender.sent(), [3], 'one segment beyond cwnd');
});

test('TL-02: a second silence is answered by a time-out, not by another probe', () => {
  const sender = new SackSender();
  sender.flight(3);
  sender.bed.advance(2 * RTT + 1);
  assert.deepEqual(sender.sent(), [2]);
  sender.bed.advance(500);
  assert.equal(sender.sent()[0], 0);
  assert.equal(sender.bed.counter('TCP_RTO'), 1);
});

test('TL-05: of the retransmission, reordering and probe timers one is armed', () => {
  const sender = new SackSender();
  const armed = (): string[] =>
    (sender.bed.connections()[0]?.timers ?? []).map(({ name }) => name).filter((name) => name !== 'user');
  assert.deepEqual(armed(), []);
  sender.flight(4);
  assert.deepEqual(armed(), ['tlp']);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 2]);
  assert.deepEqual(armed(), ['rack']);
  sender.bed.advance(RTT / 2);
  assert.deepEqual(armed(), ['rto']);
  sender.ackAll();
  assert.deepEqual(armed(), []);
});

test('TL-04: a loss that the probe itself has repaired is a loss: one reduction', () => {
  const sender = new SackSender();
  sender.flight(3);
  sender.bed.advance(2 * RTT + 1);
  assert.deepEqual(sender.sent(), [2]);
  sender.bed.advance(RTT);
  sender.ack(3);
  const before = sender.cwnd;
  sender.flight(2);
  sender.bed.advance(RTT);
  sender.ackAll();
  assert.ok(sender.cwnd < before, `cwnd ${before} → ${sender.cwnd}`);
  assert.ok(sender.ssthresh < 100);
});

test('TL-04: with a DSACK for the probe nothing was lost: no reduction', () => {
  const sender = new SackSender();
  const { cwnd } = sender;
  sender.flight(3);
  sender.bed.advance(2 * RTT + 1);
  sender.sent();
  sender.ack(3);
  sender.ack(3, [2, 3]);
  sender.flight(2);
  sender.bed.advance(RTT);
  sender.ackAll();
  assert.ok(sender.cwnd >= cwnd);
});

test('TL-03: the probe may be a FIN', () => {
  const sender = new SackSender();
  sender.app.shutdown();
  sender.bed.peer.expect({ flags: 'FA' });
  sender.bed.advance(2 * RTT + 210);
  sender.bed.peer.expect({ flags: 'FA' });
  assert.equal(sender.bed.counter('TCP_RTO'), 0);
});
