import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';

const MSS = 1000;
const RENO: Record<string, ConfigValue> = { congestion: 'reno', hystart: 'off', pacing: 'off', sack: 'off' };

/** An established connection whose MSS is 1000 and whose initial window is `iw` segments. */
function sender(iw: number, config: Record<string, ConfigValue> = {}): { bed: Testbed; app: Application } {
  const bed = testbed({ config: { ...RENO, iw, ...config } });
  return { bed, app: bed.peer.handshake('passive', { mss: MSS }) };
}

function window(app: Application): [cwnd: number, ssthresh: number] {
  return [app.tcb.congestion.cwnd, app.tcb.congestion.ssthresh];
}

function spans(bed: Testbed): [number, number][] {
  return bed.peer.sent().map(({ seq, length }) => [seq, length]);
}

function segments(first: number, count: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [first + i * MSS, MSS]);
}

/** Brings cwnd to `segments` segments by slow start and leaves nothing in flight. */
function grow(bed: Testbed, app: Application, count: number): void {
  while (app.tcb.congestion.cwnd < count * MSS) {
    app.write(app.tcb.congestion.cwnd);
    bed.advance(10);
    bed.peer.ack();
  }
  bed.peer.sent();
}

test('CC-01: no byte beyond the least of cwnd and the window', () => {
  const { bed, app } = sender(4);
  app.write(30_000);
  assert.deepEqual(spans(bed), segments(1, 4));
  bed.peer.ack(4001, 2500);
  const sent = bed.peer.sent();
  assert.ok(sent.length > 0 && sent.every(({ seq, length }) => seq + length <= 6501));
  bed.peer.ack(6001, 0);
  bed.peer.expectNothing();
});

for (const [mss, expected] of [
  [1460, 3],
  [1096, 3],
  [1095, 4],
  [536, 4],
  [2190, 3],
  [2191, 2],
] as const) {
  test(`CC-02: without RFC 6928, SMSS ${mss} starts with ${expected} segments`, () => {
    const bed = testbed({ config: { ...RENO, iw: 'rfc5681' }, mtu: 9000 });
    const app = bed.peer.handshake('passive', { mss });
    app.write(40_000);
    assert.deepEqual(
      bed.peer.sent().map(({ length }) => length),
      new Array(expected).fill(mss),
    );
  });
}

test('CC-03: slow start counts bytes: a hundred ACKs of one byte grow cwnd by a hundred bytes', () => {
  const { bed, app } = sender(4);
  app.write(30_000);
  for (let ack = 2; ack <= 101; ack++) bed.peer.ack(ack);
  assert.equal(app.tcb.congestion.cwnd, 4000 + 100);
});

test('CC-03: slow start doubles cwnd in a round trip', () => {
  const { bed, app } = sender(4);
  app.write(60_000);
  for (const ack of [1001, 2001, 3001, 4001]) bed.peer.ack(ack);
  assert.equal(app.tcb.congestion.cwnd, 8000);
  assert.deepEqual(spans(bed), segments(1, 12));
});

test('CC-03: an ACK of ten segments counts ten, and none more than doubles cwnd', () => {
  const { bed, app } = sender(10);
  app.write(60_000);
  bed.peer.sent();
  bed.peer.ack(10_001);
  assert.equal(app.tcb.congestion.cwnd, 20_000);
});

test('CC-03: nor does one lead beyond ssthresh by more than a segment', () => {
  const { bed, app } = sender(10);
  app.tcb.congestion.ssthresh = 12_500;
  app.write(60_000);
  bed.peer.sent();
  bed.peer.ack(10_001);
  assert.equal(app.tcb.congestion.cwnd, 12_500);
});

test('CC-04: congestion avoidance: one SMSS in a round trip, even when every byte is acknowledged by itself', () => {
  const { bed, app } = sender(10);
  app.tcb.congestion.ssthresh = 5000;
  app.write(60_000);
  for (let ack = 2; ack <= 10_001; ack += 7) bed.peer.ack(ack);
  bed.peer.ack(10_001);
  const { cwnd } = app.tcb.congestion;
  assert.ok(cwnd > 10_000 && cwnd <= 10_000 + MSS, `cwnd ${cwnd}`);
});

test('CC-05: the timeout takes ssthresh from what was in flight, not from cwnd', () => {
  const { bed, app } = sender(10);
  grow(bed, app, 40);
  app.write(4000);
  bed.peer.sent();
  bed.advance(400);
  assert.deepEqual(window(app), [MSS, 2 * MSS]);
});

test('CC-05: and from half of it when that is more than two segments', () => {
  const { bed, app } = sender(10);
  app.write(10_000);
  bed.peer.sent();
  bed.advance(1200);
  assert.deepEqual(window(app), [MSS, 5 * MSS]);
});

test('CC-06: a second timeout of the same segment leaves ssthresh alone', () => {
  const { bed, app } = sender(10);
  app.write(10_000);
  bed.advance(5000);
  assert.ok(app.tcb.retry.retries >= 2);
  assert.deepEqual(window(app), [MSS, 5 * MSS]);
});

test('CC-07: after a timeout one segment goes out, then slow start', () => {
  const { bed, app } = sender(10);
  app.write(10_000);
  bed.peer.sent();
  const { rto } = app.tcb.rtt;
  bed.advance(rto / 1000 + 1);
  assert.deepEqual(spans(bed), [[1, MSS]]);
  bed.peer.ack(1001);
  assert.deepEqual(spans(bed), segments(1001, 2));
  assert.equal(app.tcb.congestion.cwnd, 2 * MSS);
});

test('CC-08: window updates are no duplicate ACKs', () => {
  const { bed, app } = sender(4);
  app.write(4000);
  bed.peer.sent();
  for (const wnd of [60_000, 61_000, 62_000, 63_000]) bed.peer.ack(1, wnd);
  bed.peer.expectNothing();
  assert.equal(app.tcb.congestion.ssthresh, 0x7fffffff);
});

test('CC-08, S48: segments with data are no duplicate ACKs', () => {
  const { bed, app } = sender(4);
  app.write(4000);
  bed.peer.sent();
  for (let i = 0; i < 4; i++) bed.peer.send({ flags: 'PA', ack: 1, data: 10 });
  bed.advance(100);
  assert.ok(bed.peer.sent().every(({ length }) => length === 0));
  assert.equal(app.tcb.congestion.ssthresh, 0x7fffffff);
});

test('CC-08: FINs are no duplicate ACKs', () => {
  const { bed, app } = sender(4);
  app.write(4000);
  bed.peer.sent();
  for (let i = 0; i < 4; i++) bed.peer.send({ flags: 'FA', seq: 1, ack: 1 });
  bed.advance(100);
  assert.ok(bed.peer.sent().every(({ length }) => length === 0));
});

test('CC-08: without anything in flight there are no duplicate ACKs', () => {
  const { bed, app } = sender(4);
  for (let i = 0; i < 10; i++) bed.peer.ack(1);
  bed.peer.expectNothing();
  app.write(4000);
  assert.deepEqual(spans(bed), segments(1, 4));
  assert.equal(app.tcb.recovery.state, 'open');
});

test('CC-09: fast retransmit and fast recovery, byte for byte', () => {
  const { bed, app } = sender(10);
  app.write(40_000);
  assert.deepEqual(spans(bed), segments(1, 10));
  // The first segment is lost; each of the nine others tells of itself.
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), segments(10_001, 1), 'limited transmit');
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), segments(11_001, 1), 'limited transmit');
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), [[1, MSS]], 'the third resends SND.UNA');
  assert.equal(app.tcb.congestion.ssthresh, 5000, 'limited transmit does not count as FlightSize');
  // cwnd is ssthresh + 3, that is 8000, with 12,000 in flight: four more duplicates fill the difference.
  for (let i = 0; i < 4; i++) {
    bed.peer.ack(1);
    bed.peer.expectNothing();
  }
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), segments(12_001, 1));
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), segments(13_001, 1));
  // The resent segment arrives: all that was in flight at the start of recovery is there.
  bed.peer.ack(12_001);
  const [cwnd] = window(app);
  assert.ok(cwnd <= 5000, `cwnd ${cwnd}`);
  assert.equal(app.tcb.recovery.state, 'open');
  assert.ok(app.tcb.unacked <= 5000);
});

test('CC-10: after an idle RTO the first burst is an initial window, whatever was received meanwhile', () => {
  const { bed, app } = sender(4);
  grow(bed, app, 30);
  for (let i = 0; i < 10; i++) {
    bed.advance(100);
    bed.peer.send({ flags: 'PA', data: 10 });
  }
  bed.advance(100);
  bed.peer.sent();
  app.write(60_000);
  assert.equal(spans(bed).length, 4);
});

test('CC-10: a shorter pause costs nothing', () => {
  const { bed, app } = sender(4);
  grow(bed, app, 30);
  bed.advance(100);
  app.write(60_000);
  assert.ok(spans(bed).length >= 30);
});

test('CC-10: who has sent something again meanwhile was not idle', () => {
  const { bed, app } = sender(4);
  grow(bed, app, 30);
  app.write(1000);
  bed.advance(app.tcb.rtt.rto / 1000 + 1);
  assert.ok(bed.peer.sent().length >= 2, 'lost, and sent again');
  bed.peer.ack();
  app.tcb.congestion.setWindow(30 * MSS);
  app.write(60_000);
  assert.ok(spans(bed).length >= 30);
});

test('CC-11: each segment out of order and each that fills a gap is acknowledged at once', () => {
  const { bed } = sender(4);
  bed.peer.send({ flags: 'A', seq: 1001, data: 1000 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  bed.peer.send({ flags: 'A', seq: 3001, data: 1000 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  bed.peer.send({ flags: 'A', seq: 1, data: 1000 });
  bed.peer.expect({ flags: 'A', ack: 2001 });
  bed.peer.send({ flags: 'A', seq: 2001, data: 1000 });
  bed.peer.expect({ flags: 'A', ack: 4001 });
  bed.expectSilence();
});

test('CC-11: never more than one ACK for a segment', () => {
  const { bed } = sender(4);
  let injected = 0;
  for (const seq of [5001, 1001, 3001, 1, 5001, 2001, 4001, 1, 6001]) {
    bed.peer.send({ flags: 'A', seq, data: 1000 });
    injected++;
    assert.ok(bed.peer.sent().length <= 1);
  }
  bed.advance(1000);
  assert.ok(injected === 9 && bed.peer.sent().length <= 1);
});

test('CC-12: after recovery cwnd is at most ssthresh and grows by one segment in each round trip', () => {
  const { bed, app } = sender(10);
  app.write(200_000);
  bed.peer.sent();
  for (let i = 0; i < 9; i++) bed.peer.ack(1);
  const end = bed.peer.rcvNxt;
  bed.peer.ack(end);
  const [cwnd, ssthresh] = window(app);
  assert.equal(app.tcb.recovery.state, 'open');
  assert.ok(cwnd <= ssthresh, `cwnd ${cwnd}, ssthresh ${ssthresh}`);
  // Back to ssthresh, if the last ACK left less; from there on by the round.
  while (app.tcb.congestion.cwnd < ssthresh) bed.peer.ack();
  bed.peer.ack();
  for (let round = 0; round < 3; round++) {
    const before = app.tcb.congestion.cwnd;
    const acks = bed.peer.sent().map(({ seq, length }) => seq + length);
    assert.ok(acks.length >= 4, `${acks.length} segments in flight`);
    for (const ack of acks) bed.peer.ack(ack);
    const grown = app.tcb.congestion.cwnd - before;
    assert.ok(grown === 0 || grown === MSS, `${grown} bytes in a round trip`);
  }
  assert.ok(app.tcb.congestion.cwnd > ssthresh, 'and it does grow');
});

test('CC-13, E03: forged duplicate ACKs release no more than was in flight when they began', () => {
  const { bed, app } = sender(10);
  app.write(200_000);
  assert.equal(spans(bed).length, 10);
  for (let i = 0; i < 1000; i++) bed.peer.ack(1);
  const sent = spans(bed);
  assert.ok(sent.length <= 1 + 10, `${sent.length} segments for a thousand ACKs`);
  assert.ok(app.tcb.unacked <= 2 * 10 * MSS);
});

test('CC-13, E02: an ACK in a thousand pieces makes cwnd no larger than one for all', () => {
  const whole = sender(10);
  const pieces = sender(10);
  for (const { bed, app } of [whole, pieces]) {
    app.write(60_000);
    bed.peer.sent();
  }
  whole.bed.peer.ack(10_001);
  for (let ack = 11; ack <= 10_001; ack += 10) pieces.bed.peer.ack(ack);
  assert.ok(pieces.app.tcb.congestion.cwnd <= whole.app.tcb.congestion.cwnd);
});

test('CC-13, E01: an ACK of what was not sent is answered, and changes nothing', () => {
  const { bed, app } = sender(4);
  app.write(4000);
  bed.peer.sent();
  for (const ack of [4002, 100_000, 2 ** 31 - 1]) {
    bed.peer.ack(ack);
    bed.peer.expect({ flags: 'A', seq: 4001, ack: 1, length: 0 });
  }
  assert.deepEqual([app.tcb.congestion.cwnd, app.tcb.unacked], [4000, 4000]);
});
