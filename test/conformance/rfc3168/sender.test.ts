/** What may be marked, and what an echo of a mark does to the sender. RFC 3168 §6.1.2, §6.1.4 to §6.1.6. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import type { Testbed } from '../../support/peer.ts';
import {
  ackEach,
  cwr,
  ECT_0,
  ecnConnection,
  ecnOf,
  MSS,
  NOT_ECT,
  sackConnection,
  threeDuplicates,
  una,
} from './ecn-bed.ts';

test('EC-04: new data has ECT(0), and no CWR without a reason', () => {
  const { bed, app } = ecnConnection();
  app.write(25 * MSS);
  let next = 1;
  while (next < 25 * MSS) {
    const sent = bed.peer.sent();
    assert.ok(sent.length > 0);
    for (const segment of sent) {
      assert.deepEqual([segment.seq, ecnOf(segment), /[EC]/.test(segment.flags)], [next, ECT_0, false]);
      next += segment.length;
    }
    bed.advance(20);
    bed.peer.ack();
  }
});

test('EC-04, RFC 3168 §6.1.4, §6.1.6: pure ACK, FIN and reset are not ECN-capable', () => {
  const { bed, app } = ecnConnection();
  bed.peer.send({ flags: 'PA', data: MSS });
  bed.advance(100);
  bed.peer.expect({ flags: 'A', length: 0, tos: NOT_ECT });
  bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
  bed.peer.expect({ flags: 'A', tos: NOT_ECT });
  bed.peer.send({ flags: 'R', seq: bed.peer.nxt + 10 });
  bed.peer.expect({ flags: 'A', tos: NOT_ECT });
  app.shutdown();
  bed.peer.expect({ flags: 'FA', length: 0, tos: NOT_ECT });
  bed.advance(500);
  bed.peer.expect({ flags: 'FA', length: 0, tos: NOT_ECT });
  app.abort();
  assert.ok(bed.peer.sent().every((segment) => segment.flags.includes('R') && ecnOf(segment) === NOT_ECT));
});

test('EC-04, RFC 3168 §6.1.5: a retransmission is not ECN-capable: fast, partial ACK, time-out', () => {
  for (const connection of [ecnConnection(), sackConnection()]) {
    const { bed, app } = connection;
    app.write(10 * MSS);
    bed.advance(20);
    assert.equal(bed.peer.sent().length, 10);
    threeDuplicates(connection);
    bed.peer.ack(3 * MSS + 1);
    bed.advance(5000);
    const again = bed.peer.sent();
    assert.ok(again.length >= 4, `${again.length} were sent again`);
    for (const segment of again) assert.deepEqual([ecnOf(segment), cwr(segment)], [NOT_ECT, false]);
  }
});

test('EC-04: a tail loss probe that repeats is not ECN-capable, one with new data is', () => {
  for (const more of [0, MSS]) {
    const { bed, app } = sackConnection({ tlp: 'on', iw: 2 }, 50);
    app.write(2 * MSS + more);
    assert.equal(bed.peer.sent().length, 2);
    bed.advance(120);
    assert.equal(bed.counter('TCP_LOSS_PROBE'), 1);
    const probe = bed.peer.expect({ length: MSS, seq: 1 + MSS + more });
    assert.equal(ecnOf(probe), more === 0 ? NOT_ECT : ECT_0);
  }
});

test('EC-04, RFC 3168 §6.1.6: window probes and keep-alives are not ECN-capable', () => {
  const { bed, app } = ecnConnection({
    config: { keepalive: 'on', 'keepalive.idle': '10s' },
  });
  bed.advance(11_000);
  bed.peer.expect({ flags: 'A', seq: 0, length: 0, tos: NOT_ECT });
  bed.peer.ack(1, 0);
  app.write(MSS);
  bed.advance(3000);
  const probes = bed.peer.sent();
  assert.ok(probes.length >= 2);
  for (const probe of probes) assert.deepEqual([probe.seq, ecnOf(probe)], [0, NOT_ECT]);
  bed.peer.ack(1, 65_535);
  bed.peer.expect({ length: MSS, tos: ECT_0 });
});

for (const [congestion, factor] of [
  ['reno', 0.5],
  ['cubic', 0.7],
] as const) {
  test(`EC-06, RFC 3168 §6.1.2, RFC 9438 §4.6: ${congestion}: ten echoes of one window make it ${factor} of itself, once`, () => {
    const connection = ecnConnection({ config: { congestion } });
    const { bed, app } = connection;
    app.write(10 * MSS);
    bed.advance(20);
    bed.peer.sent();
    ackEach(connection, 10, 'AE');
    const { cwnd, ssthresh } = app.tcb.congestion;
    assert.ok(Math.abs(cwnd - 10 * MSS * factor) <= 1, `cwnd ${cwnd}`);
    assert.ok(Math.abs(ssthresh - 10 * MSS * factor) <= 1, `ssthresh ${ssthresh}`);
    assert.equal(bed.counter('TCP_ECN_REDUCTION'), 1);
    assert.equal(bed.counter('TCP_RETRANSMIT'), 0);
  });
}

test('EC-06: one echo in the middle of a window is enough, and the ACKs around it count as ever', () => {
  const connection = ecnConnection();
  const { bed, app } = connection;
  app.write(20 * MSS);
  bed.advance(20);
  ackEach(connection, 3, 'A');
  assert.equal(app.tcb.congestion.cwnd, 13 * MSS);
  ackEach(connection, 1, 'AE');
  // 13 segments were in flight.
  assert.equal(app.tcb.congestion.cwnd, (13 * MSS) / 2);
  assert.equal(bed.counter('TCP_ECN_REDUCTION'), 1);
});

test('EC-06: no growth by an ACK with ECE, in slow start or after; growth again by one without', () => {
  const connection = ecnConnection();
  const { bed, app } = connection;
  const { tcb } = app;
  app.write(60 * MSS);
  bed.advance(20);
  ackEach(connection, 1, 'AE');
  const reduced = 5 * MSS;
  assert.equal(tcb.congestion.cwnd, reduced);
  ackEach(connection, 9, 'AE');
  assert.equal(tcb.congestion.cwnd, reduced, 'the rest of the window');
  tcb.congestion.ssthresh = 1 << 30;
  bed.advance(20);
  assert.equal(tcb.unacked, reduced);
  ackEach(connection, 1, 'A');
  assert.equal(tcb.congestion.cwnd, reduced + MSS);
});

test('EC-06: echoes of the next window make the next reduction, and each window only one', () => {
  const connection = ecnConnection();
  const { bed, app } = connection;
  app.write(200 * MSS);
  const windows: number[] = [];
  for (let round = 0; round < 4; round++) {
    bed.advance(20);
    bed.peer.sent();
    ackEach(connection, app.tcb.unacked / MSS, 'AE');
    windows.push(app.tcb.congestion.cwnd);
  }
  assert.equal(bed.counter('TCP_ECN_REDUCTION'), 4);
  assert.deepEqual(windows, [5000, 2500, 1000, 1000]);
});

test('EC-06: ECE of a peer whose ACK is too old, or not believed, changes nothing', () => {
  const connection = ecnConnection();
  const { bed, app } = connection;
  app.write(10 * MSS);
  bed.advance(20);
  ackEach(connection, 5, 'A');
  const { cwnd } = app.tcb.congestion;
  bed.peer.send({ flags: 'AE', ack: 1 });
  bed.peer.send({ flags: 'AE', ack: 11 * MSS + 1 });
  bed.peer.send({ flags: 'AE', seq: -1, ack: una(app) });
  bed.peer.send({ flags: 'RAE', seq: bed.peer.nxt + 1, ack: una(app) });
  assert.equal(app.tcb.congestion.cwnd, cwnd);
  assert.equal(bed.counter('TCP_ECN_REDUCTION'), 0);
});

/**
 * Recovery that timestamps prove wrong, by an ACK of `proof` of the ten segments; an ACK of the episode
 * has `flags`. cwnd before and after.
 */
function spurious(
  flags: string,
  proof = 10,
): {
  before: number;
  after: number;
  bed: Testbed;
  app: Application;
} {
  const connection = ecnConnection({
    syn: { sackPermitted: true, mss: MSS + 12 },
    tsVal: 1000,
  });
  const { bed, app } = connection;
  app.write(10 * MSS);
  bed.advance(20);
  bed.peer.sent();
  const before = app.tcb.congestion.cwnd;
  const early = bed.peer.tsEcr;
  bed.advance(10);
  threeDuplicates(connection);
  assert.equal(app.tcb.recovery.state, 'recovery');
  bed.peer.send({ flags, ack: 1, options: { sack: [[1 + MSS, 1 + 5 * MSS]] } });
  assert.equal(bed.peer.sent().length, 1);
  bed.advance(1);
  bed.peer.send({
    flags: 'A',
    ack: 1 + proof * MSS,
    options: { timestamps: [1031, early] },
  });
  return { before, after: app.tcb.congestion.cwnd, bed, app };
}

test('EC-06: a reduction that was wrong is taken back, but not when an echo came in its episode', () => {
  const undone = spurious('A');
  assert.ok(undone.after >= undone.before, `${undone.after} of ${undone.before}`);
  undone.app.write(MSS);
  assert.deepEqual(undone.bed.peer.sent().map(cwr), [false], 'and then there is nothing to tell');
  const kept = spurious('AE');
  assert.ok(kept.after <= 0.7 * kept.before, `${kept.after} of ${kept.before}`);
  kept.app.write(MSS);
  assert.deepEqual(kept.bed.peer.sent().map(cwr), [true]);
});

test('EC-06: an echo after a reduction was taken back is answered, though it is of the same window', () => {
  const { before, after, bed, app } = spurious('A', 6);
  assert.ok(after >= before);
  bed.peer.send({ flags: 'AE', ack: 1 + 10 * MSS });
  assert.equal(bed.counter('TCP_ECN_REDUCTION'), 1);
  assert.ok(app.tcb.congestion.cwnd < 0.6 * before);
});

test('EC-06: a loss and an echo of one window make one reduction, in any order', () => {
  for (const order of ['echo first', 'together', 'echo in recovery', 'echo last']) {
    for (const connection of [ecnConnection(), sackConnection()]) {
      const { bed, app } = connection;
      app.write(10 * MSS);
      bed.advance(20);
      bed.peer.sent();
      ackEach(connection, 1, order === 'echo first' ? 'AE' : 'A');
      threeDuplicates(connection, order === 'together' ? 'AE' : 'A');
      bed.advance(20);
      if (order === 'echo in recovery') bed.peer.send({ flags: 'AE', ack: 1 + 3 * MSS });
      bed.peer.send({
        flags: order === 'echo last' ? 'AE' : 'A',
        ack: 1 + 10 * MSS,
      });
      bed.advance(20);
      const { ssthresh } = app.tcb.congestion;
      const note = `${order}, SACK ${app.tcb.handshake.sackAgreed}`;
      // Half of what was in flight; a second reduction would leave half of that.
      assert.ok(ssthresh >= 4 * MSS && ssthresh <= 5 * MSS, `${note}: ssthresh ${ssthresh}`);
      const answered = order === 'echo first' || order === 'together';
      assert.equal(bed.counter('TCP_ECN_REDUCTION'), answered ? 1 : 0, note);
    }
  }
});
