import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTT, SackSender } from './support.ts';

test('PR-01, PR-03, PR-05, PR-06: as much is sent in recovery as half of what is delivered; cwnd ends at ssthresh', () => {
  const sender = new SackSender();
  sender.flight(20);
  sender.app.write(40 * sender.size);
  sender.sent();
  sender.bed.advance(RTT);
  let sent = 0;
  for (let right = 2; right <= 20; right++) {
    sender.ack(0, [1, right]);
    sent += sender.sent().length;
  }
  assert.equal(sender.state, 'recovery');
  assert.equal(sender.ssthresh, 10);
  assert.ok(sent >= 9 && sent <= 11, `${sent} segments for nineteen delivered`);
  sender.bed.advance(RTT);
  sender.ackAll();
  assert.equal(sender.state, 'open');
  assert.ok(Math.abs(sender.cwnd - 10) <= 1, `cwnd ${sender.cwnd}`);
});

test('PR-04: below ssthresh it grows back by what is delivered, and one more when the ACK moves SND.UNA', () => {
  const sender = new SackSender();
  sender.flight(20);
  sender.app.write(40 * sender.size);
  sender.sent();
  sender.bed.advance(RTT);
  // Fifteen of twenty are gone at once.
  sender.ack(0, [15, 20]);
  const first = sender.sent();
  assert.ok(first.length >= 1 && first.length <= 6, `${first.length} at once`);
  sender.bed.advance(RTT);
  sender.ack(1, [15, 20]);
  assert.ok(sender.sent().length <= 2, 'at most what was delivered and one more');
});

test('PR-05: the first retransmission is never held back', () => {
  const sender = new SackSender();
  sender.flight(40);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
});

test('PR-02: an ACK that delivers nothing releases nothing', () => {
  const sender = new SackSender();
  sender.flight(20);
  sender.app.write(40 * sender.size);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 10]);
  sender.sent();
  for (let i = 0; i < 100; i++) sender.ack(0, [1, 10]);
  assert.deepEqual(sender.sent(), []);
});

test('Eifel, RFC 3522: the echo of a timestamp older than the retransmission takes the reduction back at once', () => {
  const sender = new SackSender({ frto: 'off' }, { tsVal: 1000 });
  const { tcb } = sender.app;
  sender.flight(10);
  const cwnd = sender.cwnd;
  const sentAt = tcb.context.secrets.milliseconds + tcb.timestamps.offset;
  sender.bed.advance(1000);
  assert.equal(sender.state, 'loss');
  assert.equal(sender.cwnd, 1);
  sender.bed.peer.send({ flags: 'A', ack: sender.at(1), options: { timestamps: [2000, sentAt] } });
  assert.equal(sender.state, 'open');
  assert.ok(sender.cwnd >= cwnd, `cwnd ${sender.cwnd}`);
  assert.equal(tcb.inFlight.lost, 0);
});

test('F-RTO, RFC 5682: without timestamps, what was sent once and arrives after the time-out proves it wrong', () => {
  const sender = new SackSender({ tlp: 'off' });
  sender.flight(10);
  const { cwnd, ssthresh } = sender;
  sender.bed.advance(1000);
  assert.equal(sender.state, 'loss');
  sender.sent();
  sender.ack(2);
  assert.notEqual(sender.state, 'loss');
  assert.ok(sender.cwnd >= cwnd, `cwnd ${cwnd} → ${sender.cwnd}`);
  assert.equal(sender.ssthresh, ssthresh);
  assert.deepEqual(sender.sent(), [], 'nothing else is sent again');
});

test('F-RTO: frto=off: the window is sent again from the start', () => {
  const sender = new SackSender({ tlp: 'off', frto: 'off' });
  sender.flight(10);
  sender.bed.advance(1000);
  sender.ack(2);
  assert.equal(sender.state, 'loss');
});

test('F-RTO: an ACK of everything proves nothing: the losses may have been real', () => {
  const sender = new SackSender({ tlp: 'off' });
  sender.flight(10);
  sender.bed.advance(1000);
  sender.ack(10);
  assert.equal(sender.state, 'open');
  assert.ok(sender.ssthresh < 10);
});

test('DS-03, E08: DSACKs for all that was sent again take the reduction back, once', () => {
  const sender = new SackSender();
  sender.flight(10);
  const { cwnd } = sender;
  sender.bed.advance(RTT);
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  assert.ok(sender.cwnd < cwnd);
  sender.ack(10);
  sender.ack(10, [0, 1]);
  assert.ok(sender.cwnd >= cwnd, `cwnd ${sender.cwnd}`);
  const reached = sender.cwnd;
  for (let i = 0; i < 50; i++) sender.ack(10, [0, 1]);
  assert.equal(sender.cwnd, reached);
});

test('SK-06: after a time-out SACKed data is not sent again, unless the peer shows that it has dropped it', () => {
  const sender = new SackSender({ tlp: 'off', rack: 'off', frto: 'off' });
  sender.flight(5);
  sender.bed.advance(RTT);
  sender.ack(0, [2, 3]);
  sender.bed.advance(1000);
  sender.sent();
  sender.ack(2);
  sender.ack(2);
  // SEGMENT 2 is next in line and was told to be there: the peer has reneged, or this ACK is old.
  sender.bed.advance(3000);
  assert.ok(sender.sent().includes(2));
});
