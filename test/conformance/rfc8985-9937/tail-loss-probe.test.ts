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

/** The timer that looks for losses, and the ms until it expires. */
function timer(sender: SackSender): [string | undefined, number] {
  const [first] = (sender.bed.connections()[0]?.timers ?? []).filter(({ name }) => name !== 'user');
  return [first?.name, first?.remainingMs ?? 0];
}

test('TL-01: one segment in flight: its ACK may be delayed, the probe waits 200 ms for that, and not beyond the RTO', () => {
  const sender = new SackSender({ 'rto.min': '2s' });
  sender.flight(1);
  const srtt = sender.app.tcb.rtt.srtt / 1000;
  assert.deepEqual(timer(sender), ['tlp', 2 * srtt + 200]);
  sender.bed.advance(2 * srtt + 199);
  assert.deepEqual(sender.sent(), []);
  sender.bed.advance(2);
  assert.deepEqual(sender.sent(), [0]);
  const hasty = new SackSender();
  hasty.flight(1);
  const rto = hasty.app.tcb.rtt.rto / 1000;
  assert.ok(rto < 2 * srtt + 200);
  assert.deepEqual(timer(hasty), ['tlp', rto]);
});

test('TL-01: two segments in flight: two round trips; without any sample a second', () => {
  const sender = new SackSender();
  sender.flight(2);
  assert.deepEqual(timer(sender), ['tlp', 2 * RTT]);
  const fresh = new SackSender();
  fresh.app.tcb.rtt.reset(fresh.app.tcb.config);
  fresh.flight(2);
  assert.deepEqual(timer(fresh), ['tlp', 1000]);
});

test('TL-01: an ACK of new data puts the probe off, a duplicate does not', () => {
  const sender = new SackSender();
  sender.flight(4);
  sender.bed.advance(RTT);
  assert.deepEqual(timer(sender), ['tlp', RTT]);
  sender.ack(0);
  assert.deepEqual(timer(sender), ['tlp', RTT]);
  sender.ack(1);
  assert.deepEqual(timer(sender), ['tlp', 2 * (sender.app.tcb.rtt.srtt / 1000)]);
});

test('TL-01: no probe while something is SACKed, nor in recovery', () => {
  const sender = new SackSender({ rack: 'off' });
  sender.flight(8);
  sender.bed.advance(RTT);
  sender.ack(0, [3, 4]);
  assert.equal(timer(sender)[0], 'rto');
  sender.ack(0, [3, 7]);
  assert.equal(sender.state, 'recovery');
  assert.equal(timer(sender)[0], 'rto');
  // Nothing SACKed is left, and recovery goes on.
  sender.app.write(4 * sender.size);
  sender.ack(7);
  assert.deepEqual([sender.state, sender.app.tcb.inFlight.sacked], ['recovery', 0]);
  assert.equal(timer(sender)[0], 'rto');
});

test('TL-02: while a probe is out there is no second one, whatever is sampled meanwhile', () => {
  const sender = new SackSender();
  const { rtt } = sender.app.tcb;
  sender.flight(4);
  sender.bed.advance(2 * RTT + 1);
  assert.deepEqual(sender.sent(), [3]);
  const { samples } = rtt;
  sender.ack(1);
  assert.equal(rtt.samples, samples + 1);
  assert.equal(timer(sender)[0], 'rto');
});

test('TL-02: after a probe, the next one needs a new round-trip sample', () => {
  const sender = new SackSender();
  sender.flight(3);
  sender.bed.advance(2 * RTT + 1);
  assert.deepEqual(sender.sent(), [2]);
  // By Karn's rule no sample: what is covered was sent twice; and the probe was not needed.
  sender.ack(3);
  sender.ack(3, [2, 3]);
  assert.equal(sender.app.tcb.recovery.rack?.probing, false);
  sender.flight(3);
  assert.equal(timer(sender)[0], 'rto');
  sender.bed.advance(RTT);
  sender.ackAll();
  sender.flight(3);
  assert.equal(timer(sender)[0], 'tlp');
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

test('TL-05: behind a closed window only the persist timer runs, and ends when it opens', () => {
  const sender = new SackSender();
  const armed = (): string[] =>
    (sender.bed.connections()[0]?.timers ?? []).map(({ name }) => name).filter((name) => name !== 'user');
  sender.flight(2);
  sender.bed.peer.send({ flags: 'A', ack: sender.at(2), wnd: 0 });
  sender.app.write(3 * sender.size);
  assert.deepEqual(armed(), ['persist']);
  sender.bed.advance(1000);
  assert.deepEqual(armed(), ['persist']);
  sender.bed.peer.send({ flags: 'A', ack: sender.at(2), wnd: 1000 });
  assert.deepEqual(armed(), ['tlp']);
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
