import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTT, SackSender } from './support.ts';

test('RK-04, RK-06: three segments behind a hole, no reordering seen: the hole is lost at once', () => {
  const sender = new SackSender();
  sender.flight(10);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 2]);
  sender.ack(0, [1, 3]);
  assert.equal(sender.state, 'disorder');
  assert.deepEqual(sender.sent(), []);
  sender.ack(0, [1, 4]);
  assert.equal(sender.state, 'recovery');
  assert.deepEqual(sender.sent(), [0]);
});

test('RK-04: fewer than three behind a hole: it is lost a quarter of the least round trip later', () => {
  const sender = new SackSender();
  sender.flight(2);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 2]);
  const timers = sender.bed.connections()[0]?.timers ?? [];
  assert.deepEqual(
    timers.map(({ name }) => name),
    ['rack'],
  );
  sender.bed.advance(RTT / 4 - 1);
  assert.deepEqual(sender.sent(), []);
  sender.bed.advance(2);
  assert.deepEqual(sender.sent(), [0]);
  assert.equal(sender.state, 'recovery');
});

test('RK-03: what was sent once and arrives below something that had arrived: reordering is seen, and waited for', () => {
  const sender = new SackSender();
  sender.flight(10);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 2]);
  sender.ack(2);
  assert.equal(sender.app.tcb.recovery.rack?.reorderingSeen, true);
  assert.equal(sender.state, 'open');
  sender.ack(2, [3, 6]);
  assert.deepEqual(sender.sent(), [], 'three behind the hole are not enough any more');
  sender.bed.advance(RTT / 4 + 1);
  assert.deepEqual(sender.sent(), [2]);
});

test('RK-06: a retransmission that is lost, too, is found without a time-out', () => {
  const sender = new SackSender();
  sender.flight(20);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 10]);
  assert.ok(sender.sent().includes(0));
  sender.bed.advance(RTT);
  // What was sent after the retransmission arrives, the retransmission does not.
  sender.app.write(10 * sender.size);
  sender.ack(0, [1, 20]);
  const after = sender.sent();
  sender.bed.advance(RTT);
  const newest = Math.max(20, ...after) + 1;
  sender.ack(0, [1, newest]);
  sender.bed.advance(1);
  assert.ok(sender.sent().includes(0), 'once more');
  assert.equal(sender.bed.counter('TCP_RTO'), 0);
});

test('RK-02: the ACK of a retransmission that came too soon to be its own does not count as its round trip', () => {
  const sender = new SackSender();
  sender.flight(10);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  const before = sender.app.tcb.recovery.rack?.rtt;
  sender.bed.advance(RTT / 10);
  sender.ack(4);
  assert.equal(sender.app.tcb.recovery.rack?.rtt, before);
});

test('RK-05: a DSACK widens the reordering window, once a round trip, and sixteen recoveries later it is forgotten', () => {
  const sender = new SackSender();
  const { tcb } = sender.app;
  sender.flight(10);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 4]);
  sender.ack(10, [0, 1]);
  sender.flight(10);
  sender.ack(1, [0, 1]);
  sender.ack(2, [1, 2]);
  sender.ackAll();
  assert.equal(tcb.recovery.rack?.windowFactor, 3, 'two round trips with three DSACKs');
  for (let i = 0; i < 16; i++) {
    assert.equal(tcb.recovery.rack?.windowFactor, 3, `after ${i} recoveries`);
    sender.flight(10);
    sender.bed.advance(RTT);
    sender.ack(0, [1, 10]);
    sender.bed.advance(RTT);
    sender.sent();
    sender.ackAll();
    sender.bed.advance(RTT);
  }
  assert.equal(tcb.recovery.rack?.windowFactor, 1);
});

test('RK-04: however wide DSACKs have made it, the reordering window is no longer than a round trip', () => {
  const sender = new SackSender();
  const rack = sender.app.tcb.recovery.rack;
  assert.ok(rack !== null);
  rack.windowFactor = 200;
  rack.windowPersists = 16;
  rack.reorderingSeen = true;
  sender.flight(4);
  sender.bed.advance(RTT / 2);
  sender.ack(0, [1, 4]);
  // Late after RTT / 2, which is RACK.rtt; lost after SRTT more, and not after 200 · min_RTT / 4.
  const { srtt } = sender.app.tcb.rtt;
  assert.ok(srtt <= RTT * 1000 && srtt > 40_000);
  assert.equal(rack.lostAt, sender.bed.clock.now + srtt);
  sender.bed.advance(srtt / 1000 - 1);
  assert.deepEqual(sender.sent(), []);
  sender.bed.advance(2);
  assert.deepEqual(sender.sent(), [0]);
});

test('RK-02: the echo of the first sending’s timestamp says that it was not the retransmission that arrived', () => {
  const sender = new SackSender({}, { tsVal: 1000 });
  const { tcb } = sender.app;
  sender.flight(10);
  const sentAt = tcb.context.secrets.milliseconds + tcb.timestamps.offset;
  const ack = (tsVal: number, tsEcr: number, to: number, sack?: readonly [number, number]): void =>
    sender.bed.peer.send({
      flags: 'A',
      ack: sender.at(to),
      options: {
        timestamps: [tsVal, tsEcr],
        ...(sack === undefined ? {} : { sack: [[sender.at(sack[0]), sender.at(sack[1])]] }),
      },
    });
  sender.bed.advance(RTT);
  ack(2000, sentAt, 0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  const { rtt, sentAt: newest } = tcb.recovery.rack ?? {};
  // Late enough to be the retransmission's own ACK, by its time.
  sender.bed.advance(1.5 * RTT);
  ack(2001, sentAt, 4);
  assert.deepEqual([tcb.recovery.rack?.rtt, tcb.recovery.rack?.sentAt], [rtt, newest]);
});

test('RK-07: after a time-out the oldest goes again; what was sent just before it does not count as lost', () => {
  const sender = new SackSender({ tlp: 'off' });
  sender.flight(5);
  sender.bed.advance(250);
  sender.app.tcb.congestion.cwnd = 20 * sender.size;
  sender.app.write(5 * sender.size);
  sender.sent();
  sender.bed.advance(60);
  assert.deepEqual(sender.sent(), [0]);
  assert.equal(sender.state, 'loss');
  assert.ok(sender.app.tcb.inFlight.lost <= 5 * sender.size, 'the five new ones are on their way');
});

test('RK-01: without SACK there is no RACK, and with it the clock is finer than a millisecond', () => {
  const plain = new SackSender({}, { sackPermitted: false });
  plain.flight(3);
  assert.equal(plain.app.tcb.recovery.rack, null);
  const sender = new SackSender();
  sender.flight(2);
  sender.bed.advance(0.25);
  sender.ack(1);
  assert.equal(sender.app.tcb.recovery.rack?.rtt, 250);
});

test('SB-01: rack=off: more than twice SMSS above the hole, or three islands, make it lost; two do not', () => {
  const sender = new SackSender({ rack: 'off' });
  sender.flight(10);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 3]);
  assert.equal(sender.state, 'disorder');
  sender.bed.advance(RTT / 2);
  assert.deepEqual(sender.sent(), []);
  sender.ack(0, [1, 4]);
  assert.deepEqual(sender.sent(), [0]);
  const islands = new SackSender({ rack: 'off' });
  islands.flight(10);
  islands.ack(0, [2, 3], [4, 5]);
  assert.deepEqual(islands.sent(), []);
  islands.ack(0, [2, 3], [4, 5], [6, 7]);
  assert.deepEqual(islands.sent()[0], 0);
});

test('SB-04, LT-02: duplicate ACKs that tell nothing new start nothing', () => {
  const sender = new SackSender();
  sender.flight(10);
  sender.bed.advance(RTT);
  for (let i = 0; i < 20; i++) sender.ack(0, [1, 2]);
  assert.equal(sender.state, 'disorder');
  assert.deepEqual(sender.sent(), []);
});

test('SB-07: partial ACKs keep recovery going until the recovery point, with one reduction', () => {
  const sender = new SackSender();
  sender.flight(10);
  sender.bed.advance(RTT);
  sender.ack(0, [1, 2], [3, 5], [6, 10]);
  assert.equal(sender.state, 'recovery');
  const { ssthresh } = sender;
  sender.bed.advance(RTT);
  sender.ack(2, [3, 5], [6, 10]);
  sender.ack(5, [6, 10]);
  assert.equal(sender.state, 'recovery');
  sender.bed.advance(RTT);
  sender.ack(10);
  assert.equal(sender.state, 'open');
  assert.equal(sender.ssthresh, ssthresh);
  assert.deepEqual([...new Set(sender.sent())].sort(), [0, 2, 5]);
});
