/** RFC 9293 §3.5, §3.6, §3.10: what a lost or repeated segment does to opening and closing; §3.8.2. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from '../../support/pattern.ts';
import { testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

scenario('RFC 9293 §3.5: the ACK of our SYN may carry text and FIN', (bed) => {
  bed.listen();
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'FPA', data: 10 });
  const [app] = bed.accepted;
  assert.equal(app?.state, 'CLOSE-WAIT');
  assert.deepEqual(app?.received, pattern(0, 10));
  bed.advance(500);
  assert.equal(bed.peer.sent().at(-1)?.ack, 12);
});

scenario('RFC 9293 §3.5: a whole conversation that arrives in one turn', (bed) => {
  bed.listen();
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA' });
  bed.batch(() => {
    bed.peer.send({ flags: 'A' });
    bed.peer.send({ flags: 'PA', data: 100 });
    bed.peer.send({ flags: 'PA', data: 100 });
    bed.peer.send({ flags: 'FA' });
  });
  const [app] = bed.accepted;
  assert.deepEqual(app?.received, pattern(0, 200));
  assert.equal(app?.state, 'CLOSE-WAIT');
  bed.advance(500);
  assert.equal(bed.peer.sent().at(-1)?.ack, 202);
});

scenario('RFC 9293 §3.5: text that overtakes the ACK of our SYN opens the connection', (bed) => {
  bed.listen();
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'PA', seq: 11, data: 10 });
  const [app] = bed.accepted;
  assert.equal(app?.state, 'ESTABLISHED');
  assert.equal(app?.received.length, 0);
  bed.peer.expect({ flags: 'A', ack: 1 });
  bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
  assert.deepEqual(app?.received, pattern(0, 20));
});

scenario('RFC 9293 §3.5: a repeated SYN,ACK says that our ACK was lost: it is sent again', (bed) => {
  const app = bed.peer.handshake('active');
  bed.peer.send({ flags: 'SA', seq: 0, ack: 1, options: { mss: 1460 } });
  bed.peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
  assert.equal(app.state, 'ESTABLISHED');
});

scenario(
  'RFC 9293 §3.5: the ACK of our SYN was lost: the SYN,ACK is sent again, and what comes next opens',
  (bed) => {
    bed.listen();
    bed.peer.send({ flags: 'S' });
    bed.peer.expect({ flags: 'SA' });
    bed.advance(1100);
    bed.peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    bed.peer.send({ flags: 'PA', data: 10 });
    assert.deepEqual(bed.accepted[0]?.received, pattern(0, 10));
  },
);

scenario('RFC 9293 MUST-10: simultaneous open: a lost SYN,ACK is sent again', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  bed.advance(1100);
  bed.peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  bed.peer.send({ flags: 'S', seq: 0 });
  bed.peer.expect({ ack: 1, length: 0 });
  bed.peer.ack(1);
  assert.equal(app.state, 'ESTABLISHED');
});

scenario('RFC 9293 §3.6: a lost FIN is sent again in FIN-WAIT-1, CLOSING and LAST-ACK', (bed) => {
  const app = bed.peer.handshake('passive');
  app.shutdown();
  bed.peer.expect({ flags: 'FA', seq: 1, ack: 1 });
  bed.advance(450);
  bed.peer.expect({ flags: 'FA', seq: 1, ack: 1 });
  bed.peer.send({ flags: 'FA', ack: 1 });
  bed.peer.expect({ flags: 'A', seq: 2, ack: 2 });
  assert.equal(app.state, 'CLOSING');
  bed.advance(2000);
  assert.ok(bed.peer.sent().some(({ flags, seq, ack }) => flags === 'FA' && seq === 1 && ack === 2));
  bed.peer.ack(2);
  const other = bed.newPeer();
  const last = other.handshake('passive');
  other.send({ flags: 'FA' });
  last.shutdown();
  other.expect({ flags: 'FA', seq: 1, ack: 2 });
  bed.advance(450);
  other.expect({ flags: 'FA', seq: 1, ack: 2 });
  other.ack(2);
  assert.deepEqual(
    bed.connections().map(({ state }) => state),
    ['TIME-WAIT'],
  );
});

scenario('RFC 9293 §3.6: FIN-WAIT-2 without a reader ends by itself', (bed) => {
  const app = bed.peer.handshake('passive');
  app.close();
  bed.peer.expect({ flags: 'FA' });
  bed.peer.ack();
  bed.advance(59_000);
  assert.equal(bed.connections()[0]?.state, 'FIN-WAIT-2');
  bed.advance(1001);
  assert.notEqual(bed.connections()[0]?.state, 'FIN-WAIT-2');
});

scenario('RFC 9293 §3.10.7.4: TIME-WAIT answers text of the past with an ACK', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 10 });
  app.shutdown();
  bed.peer.sent();
  bed.peer.ack();
  bed.peer.send({ flags: 'FA' });
  bed.peer.sent();
  bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
  bed.peer.expect({ flags: 'A', seq: 2, ack: 12 });
  bed.peer.send({ flags: 'FPA', seq: 1, data: 10 });
  bed.peer.expect({ flags: 'A', seq: 2, ack: 12 });
});

scenario('RFC 9293 §3.10.5: ABORT sends one reset that the peer will believe', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 10 });
  app.write(100);
  bed.peer.sent();
  app.abort();
  bed.peer.expect({ flags: 'RA', seq: 101, ack: 11, length: 0 });
  bed.expectSilence();
  assert.deepEqual(bed.connections(), []);
});

test('RFC 9293 §3.10.4: closing a listener leaves its accepted connections alone and resets those that wait', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const waiting = bed.newPeer({ stackPort: 8 });
  const listener = bed.listen(8, { accept: false });
  waiting.send({ flags: 'S' });
  waiting.expect({ flags: 'SA' });
  waiting.send({ flags: 'A' });
  bed.stack.refreshClock();
  bed.stack.tcp.closeListener(listener);
  bed.stack.settle();
  waiting.expect({ flags: 'RA', seq: 1, ack: 1 });
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.expectNothing();
});

test('RFC 9293 MUST-19: slow start doubles the window each round trip, a timeout halves ssthresh and begins again with one segment', () => {
  const bed = testbed({ profile: 'strict' });
  const app = bed.peer.handshake('passive');
  app.write(120 * 1024);
  const flights: number[] = [];
  for (let round = 0; round < 3; round++) {
    const segments = bed.peer.sent();
    flights.push(segments.length);
    bed.advance(100);
    for (const { seq, length } of segments) bed.peer.ack(seq + length);
  }
  assert.deepEqual(flights, [3, 6, 12]);
  const flight = bed.peer.sent().length;
  assert.equal(flight, 24);
  bed.advance(1100);
  assert.equal(bed.peer.sent().length, 1);
  assert.equal(app.tcb.congestion.ssthresh, 12 * 1460);
  assert.equal(app.tcb.congestion.cwnd, 1460);
});

test('RFC 9293 MUST-19: congestion avoidance grows by at most one segment each round trip', () => {
  const bed = testbed({ profile: 'strict' });
  const app = bed.peer.handshake('passive');
  app.tcb.congestion.ssthresh = 4 * 1460;
  app.write(120 * 1024);
  let before = 0;
  for (let round = 0; round < 6; round++) {
    const segments = bed.peer.sent();
    if (round >= 2) assert.ok(segments.length - before <= 1 && segments.length >= before, `round ${round}`);
    before = segments.length;
    bed.advance(100);
    for (const { seq, length } of segments) bed.peer.ack(seq + length);
  }
  assert.ok(before >= 6 && before <= 9, `${before} segments`);
});

scenario(
  'RFC 9293 MAY-12: an ACK older than any window that the peer had is challenged, its text dropped',
  (bed) => {
    const app = bed.peer.handshake('passive', { wnd: 1000 });
    for (let i = 0; i < 5; i++) {
      app.write(1000);
      bed.peer.sent();
      bed.peer.ack();
    }
    bed.peer.send({ flags: 'PA', seq: 1, ack: 5001 - 1001, data: 5 });
    bed.peer.expect({ flags: 'A', seq: 5001, ack: 1 });
    assert.equal(app.received.length, 0);
    bed.peer.send({ flags: 'PA', seq: 1, ack: 5001 - 1000, data: 5 });
    assert.equal(app.received.length, 5);
  },
);
