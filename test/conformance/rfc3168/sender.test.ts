/** What may be marked, and what an echo of a mark does to the sender. RFC 3168 §6.1.2, §6.1.4 to §6.1.6. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type Sent, type Testbed, testbed } from '../../support/peer.ts';
import { ECT_0, type EcnConnection, ecnConnection, ecnOf, MSS, NOT_ECT, sackConnection } from './ecn-bed.ts';

type Config = Record<string, ConfigValue>;

const cwr = ({ flags }: Sent): boolean => flags.includes('C');
const una = ({ tcb }: Application): number => tcb.snd.una - tcb.snd.iss;

/** ACKs the next `segments` segments one by one, with these flags. */
function ackEach({ bed, app }: EcnConnection, segments: number, flags: string): void {
  for (let i = 0; i < segments; i++) bed.peer.send({ flags, ack: una(app) + MSS });
}

/** Three duplicate ACKs, which tell of SACKed segments behind the first if the peer has SACK. */
function threeDuplicates({ bed, app }: EcnConnection, flags = 'A'): void {
  const start = una(app);
  for (let right = 2; right <= 4; right++) {
    const sack = [[start + MSS, start + right * MSS]] as const;
    bed.peer.send({ flags, ack: start, ...(app.tcb.sackAgreed ? { options: { sack } } : {}) });
  }
}

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
  const { bed, app } = ecnConnection({ config: { keepalive: 'on', 'keepalive.idle': '10s' } });
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

/** The first new data after the reduction that `reduce` brings about; its retransmissions are looked at on the way. */
function firstNewData(connection: EcnConnection, reduce: () => void): void {
  const { bed, app } = connection;
  app.write(40 * MSS);
  bed.advance(20);
  let next = 1 + 10 * MSS;
  assert.ok(bed.peer.sent().every((segment) => !cwr(segment)));
  reduce();
  const marked: boolean[] = [];
  for (let round = 0; round < 40 && next < 1 + 30 * MSS; round++) {
    for (const segment of bed.peer.sent()) {
      if (segment.seq < next) assert.ok(!cwr(segment), 'a retransmission has no CWR');
      if (segment.length === 0 || segment.seq < next) continue;
      marked.push(cwr(segment));
      assert.equal(ecnOf(segment), ECT_0);
      next = segment.seq + segment.length;
    }
    bed.advance(20);
    bed.peer.ack();
  }
  assert.ok(marked.length >= 10);
  assert.deepEqual(marked, [true, ...new Array<boolean>(marked.length - 1).fill(false)]);
}

for (const [name, make] of [
  ['without SACK', (config: Config = {}) => ecnConnection({ config })],
  ['with SACK', (config: Config = {}) => sackConnection(config)],
] as const) {
  test(`EC-07: ${name}: CWR is on the first new data after an echo, and on nothing else`, () => {
    const connection = make();
    firstNewData(connection, () => ackEach(connection, 8, 'AE'));
  });

  test(`EC-07: ${name}: CWR is on the first new data after a fast retransmission, and on no retransmission`, () => {
    const connection = make();
    firstNewData(connection, () => {
      threeDuplicates(connection);
      const again = connection.bed.peer.sent().filter(({ seq }) => seq === 1);
      assert.deepEqual(again.map(cwr), [false]);
    });
  });

  test(`EC-07: ${name}: CWR is on the first new data after a time-out, and on no retransmission`, () => {
    const connection = make({ frto: 'off' });
    firstNewData(connection, () => {
      connection.bed.advance(1500);
      const [again] = connection.bed.peer.sent();
      assert.deepEqual([again?.seq, again && cwr(again)], [1, false]);
    });
  });
}

test('EC-07: who has nothing to send owes CWR until he has: the echoes meanwhile reduce nothing', () => {
  const connection = ecnConnection();
  const { bed, app } = connection;
  app.write(10 * MSS);
  bed.advance(20);
  bed.peer.sent();
  ackEach(connection, 10, 'AE');
  for (let i = 0; i < 10; i++) bed.peer.send({ flags: 'PAE', data: 10 });
  bed.advance(100);
  assert.ok(bed.peer.sent().every((segment) => segment.length === 0 && !cwr(segment)));
  assert.equal(bed.counter('TCP_ECN_REDUCTION'), 1);
  assert.equal(app.tcb.congestion.cwnd, 5 * MSS);
  app.write(2 * MSS);
  assert.deepEqual(bed.peer.sent().map(cwr), [true, false]);
});

test('EC-07: no CWR where ECN was not agreed, whatever is lost', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { mss: MSS });
  const connection = { bed, app };
  app.write(20 * MSS);
  bed.advance(20);
  threeDuplicates(connection, 'AE');
  bed.advance(1500);
  bed.peer.ack();
  for (const segment of bed.peer.sent().slice(10)) assert.ok(!/[EC]/.test(segment.flags));
});

/** A window of one segment, by echoes alone; the segment in flight is the only one. */
function atOneSegment(config = {}): EcnConnection {
  const connection = ecnConnection({ config });
  const { bed, app } = connection;
  app.write(100 * MSS);
  for (let round = 0; round < 8 && app.tcb.congestion.cwnd > MSS; round++) {
    bed.advance(20);
    ackEach(connection, app.tcb.unacked / MSS, 'AE');
  }
  assert.equal(app.tcb.congestion.cwnd, MSS);
  bed.peer.sent();
  bed.advance(20);
  assert.equal(app.tcb.unacked, MSS);
  return connection;
}

test('EC-08: an echo at a window of one segment: the next is sent when the retransmission timer expires', () => {
  for (const congestion of ['reno', 'cubic']) {
    const { bed, app } = atOneSegment({ congestion });
    const retransmissions = app.tcb.retransmissions;
    for (let round = 0; round < 5; round++) {
      const rto = app.tcb.rtt.rto / 1000;
      assert.ok(rto >= 200);
      const begin = bed.now;
      bed.peer.send({ flags: 'AE', ack: una(app) + MSS });
      assert.equal(app.tcb.congestion.cwnd, MSS);
      bed.advance(190);
      bed.peer.expectNothing();
      bed.advance(200);
      const next = bed.peer.expect({ length: MSS, tos: ECT_0 });
      assert.ok(next.at - begin >= 199, `${next.at - begin} ms`);
      assert.ok(cwr(next), 'the peer is told');
      bed.peer.expectNothing();
    }
    assert.equal(app.tcb.retransmissions, retransmissions, 'nothing is sent again');
    assert.equal(app.tcb.backoff, 0);
  }
});

test('EC-08: other echoes and segments of the peer do not let it go sooner', () => {
  const { bed, app } = atOneSegment();
  bed.peer.send({ flags: 'AE', ack: una(app) + MSS });
  for (let i = 0; i < 18; i++) {
    bed.advance(10);
    bed.peer.send({ flags: i % 2 === 0 ? 'PA' : 'PAE', data: 10 });
    bed.peer.ack();
    assert.ok(
      bed.peer.sent().every(({ length }) => length === 0),
      `${i}`,
    );
  }
  bed.advance(100);
  assert.equal(bed.peer.sent().filter(({ length }) => length > 0).length, 1);
});

test('EC-08: without an echo the window grows again from one segment', () => {
  const { bed, app } = atOneSegment();
  bed.peer.send({ flags: 'AE', ack: una(app) + MSS });
  bed.advance(400);
  bed.peer.sent();
  for (let round = 0; round < 6; round++) {
    bed.peer.ack();
    bed.advance(20);
  }
  assert.ok(app.tcb.congestion.cwnd >= 3 * MSS, `cwnd ${app.tcb.congestion.cwnd}`);
});

test('EC-08: what waits when nothing is left to send, or the peer shuts its window, ends by itself', () => {
  const { bed, app } = atOneSegment();
  bed.peer.send({ flags: 'AE', ack: una(app) + MSS, wnd: 0 });
  bed.advance(5000);
  const probes = bed.peer.sent();
  assert.ok(probes.length >= 2 && probes.every(({ length }) => length === 0), 'the window is probed');
  bed.peer.ack();
  bed.peer.expect({ length: MSS, tos: ECT_0 });
  const end = ecnConnection();
  end.app.tcb.congestion.cwnd = MSS;
  end.app.write(MSS);
  end.bed.advance(20);
  end.bed.peer.sent();
  end.bed.peer.send({ flags: 'AE', ack: 1 + MSS });
  end.app.close();
  end.bed.advance(100);
  assert.deepEqual(
    end.bed.peer.sent().map(({ flags }) => flags.replace('A', '')),
    ['F'],
  );
  end.bed.peer.ack();
  end.bed.peer.send({ flags: 'FA' });
  end.bed.advance(200_000);
  assert.deepEqual(end.bed.connections(), []);
});

/** Recovery that timestamps prove wrong; the ACKs of the episode have `flags`. cwnd before and after. */
function spurious(flags: string): { before: number; after: number; bed: Testbed; app: Application } {
  const connection = ecnConnection({ syn: { sackPermitted: true, mss: MSS + 12 }, tsVal: 1000 });
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
  bed.peer.send({ flags: 'A', ack: 1 + 10 * MSS, options: { timestamps: [1040, early] } });
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
