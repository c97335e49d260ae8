import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';
import { reach, SYNCHRONIZED, stateOf } from '../../support/states.ts';

scenario('BA-01: a reset outside of the window is dropped in silence', (bed) => {
  const app = bed.peer.handshake('passive');
  const wnd = app.tcb.rcv.wnd;
  const right = bed.peer.nxt;
  for (const seq of [right - 1, right + wnd, right + wnd + 1, right - 2 ** 31]) {
    bed.peer.send({ flags: 'R', seq });
    bed.peer.send({ flags: 'RA', seq });
  }
  bed.advance(1000);
  bed.expectSilence();
  assert.equal(app.state, 'ESTABLISHED');
  assert.equal(bed.counter('TCP_RST_OUTSIDE'), 8);
});

scenario('BA-02: a reset at RCV.NXT ends the connection', (bed) => {
  const app = bed.peer.handshake('passive');
  app.told();
  bed.peer.send({ flags: 'R' });
  bed.expectSilence();
  assert.equal(app.state, 'CLOSED');
  assert.equal(app.error, 'ECONNRESET');
  assert.deepEqual(app.told(), ['failed', 'closed']);
});

scenario('BA-03: a reset elsewhere in the window is challenged, and the true peer then resets', (bed) => {
  const app = bed.peer.handshake('passive');
  for (const offset of [1, app.tcb.rcv.wnd - 1]) {
    bed.peer.send({ flags: 'R', seq: bed.peer.nxt + offset });
    bed.peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
  }
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.send({ flags: 'R', seq: 1 });
  assert.equal(app.state, 'CLOSED');
  bed.expectSilence();
});

for (const state of SYNCHRONIZED.filter((name) => name !== 'TIME-WAIT')) {
  test(`BA-04: a SYN in ${state} is challenged wherever its number lies`, () => {
    const { bed } = reach(state);
    const { peer } = bed;
    for (const offset of [-1000, -1, 0, 1, 70_000, -(2 ** 31)]) {
      peer.send({ flags: 'S', seq: peer.nxt + offset });
      peer.expect({ flags: 'A', seq: peer.rcvNxt, ack: peer.nxt, length: 0 });
    }
    bed.expectSilence();
    assert.equal(stateOf(bed), state);
  });
}

test('BA-04: a SYN,ACK, a SYN with data and a SYN,FIN are challenged like a SYN, and nothing of them is taken', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'SA', seq: 1 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  bed.peer.send({ flags: 'SA', seq: 0, data: 20 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  bed.peer.send({ flags: 'SFA', seq: 1 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  assert.equal(app?.received.length, 0);
  assert.equal(stateOf(bed), 'ESTABLISHED');
});

scenario('BA-05: data whose ACK is older than any window is not taken, and answered', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(1000);
  bed.peer.expect({ length: 1000 });
  bed.peer.ack();
  const una = 1001;
  const largest = 65_535;
  for (const ack of [una - 2 ** 31 + 1, una - largest - 1]) {
    bed.peer.send({ flags: 'PA', seq: 1, ack, data: 10 });
    bed.peer.expect({ flags: 'A', ack: 1, length: 0 });
  }
  assert.equal(app.received.length, 0);
  assert.equal(bed.counter('TCP_TOO_OLD_ACK'), 2);
  // At the edge it is an old ACK like any other: its data counts.
  bed.peer.send({ flags: 'PA', seq: 1, ack: una - largest, data: 10 });
  assert.equal(app.received.length, 10);
});

test('BA-06: the bound is the largest window ever, scaled, not the last one', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { wscale: 4 });
  bed.peer.ack(1, 50_000);
  bed.peer.ack(1, 10);
  app.write(100);
  bed.peer.expect({ length: 100 });
  bed.peer.ack(101, 10);
  bed.peer.send({ flags: 'PA', seq: 1, ack: 101 - 65_535 * 16 - 1, data: 10 });
  assert.equal(app.received.length, 0);
  bed.peer.send({ flags: 'PA', seq: 1, ack: 101 - 50_000 * 16, data: 10 });
  assert.equal(app.received.length, 10);
});

test('BA-07: challenge ACKs are limited for each connection by itself', () => {
  const bed = testbed({ config: { 'challengeAck.limit': 10 } });
  bed.listen(7);
  const other = bed.newPeer();
  const app = bed.peer.handshake('passive');
  const neighbour = other.handshake('passive');
  for (let i = 0; i < 1000; i++) bed.peer.send({ flags: 'R', seq: bed.peer.nxt + 1 });
  assert.equal(bed.peer.sent().length, 10);
  assert.equal(bed.counter('TCP_CHALLENGE_LIMIT'), 990);
  other.send({ flags: 'R', seq: other.nxt + 1 });
  other.expect({ flags: 'A', ack: 1 });
  // Data that was seen before still earns its ACK.
  bed.peer.send({ flags: 'PA', data: 10 });
  bed.advance(100);
  bed.peer.sent();
  bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
  bed.peer.expect({ flags: 'A', ack: 11 });
  bed.advance(1000);
  bed.peer.send({ flags: 'R', seq: bed.peer.nxt + 1 });
  bed.peer.expect({ flags: 'A', ack: 11 });
  assert.deepEqual([app.state, neighbour.state], ['ESTABLISHED', 'ESTABLISHED']);
});
