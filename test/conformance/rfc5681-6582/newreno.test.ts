import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import { TIMER_RTO } from '../../../src/tcp/timers/timer-table.ts';
import type { Application } from '../../support/application.ts';
import { type Testbed, type TestbedOptions, testbed } from '../../support/peer.ts';

const MSS = 1000;
const RENO: Record<string, ConfigValue> = { congestion: 'reno', hystart: 'off', pacing: 'off', sack: 'off' };

function sender(iw: number, options: TestbedOptions = {}): { bed: Testbed; app: Application } {
  const bed = testbed({ ...options, config: { ...RENO, iw, ...options.config } });
  return { bed, app: bed.peer.handshake('passive', { mss: MSS }) };
}

function spans(bed: Testbed): [number, number][] {
  return bed.peer.sent().map(({ seq, length }) => [seq, length]);
}

/** A receiver without SACK: takes what is sent but for the first copy of `lost`, and acknowledges each. */
class LossyReceiver {
  readonly resent: number[] = [];
  private readonly lost: Set<number>;
  private readonly bed: Testbed;
  private readonly held = new Set<number>();
  private readonly seen = new Set<number>();
  private next = 1;

  constructor(bed: Testbed, lost: readonly number[]) {
    this.bed = bed;
    this.lost = new Set(lost);
  }

  /** One round trip: all that is in the network arrives, then all ACKs do. */
  round(): void {
    const acks: number[] = [];
    for (const { seq, length } of this.bed.peer.sent()) {
      if (length === 0) continue;
      assert.equal(length, MSS);
      if (this.seen.has(seq)) this.resent.push(seq);
      this.seen.add(seq);
      if (this.lost.delete(seq)) continue;
      this.held.add(seq);
      while (this.held.has(this.next)) this.next += MSS;
      acks.push(this.next);
    }
    this.bed.advance(100);
    for (const ack of acks) this.bed.peer.ack(ack);
  }
}

test('NR-01, S33: duplicate ACKs for a window that timed out start no fast retransmit', () => {
  const { bed, app } = sender(10);
  app.write(10_000);
  bed.peer.sent();
  bed.advance(app.tcb.rtt.rto / 1000 + 1);
  assert.deepEqual(spans(bed), [[1, MSS]]);
  const { ssthresh } = app.tcb.congestion;
  // The first arrives; the rest of the old window had been there: duplicates below `recover`.
  bed.peer.ack(4001);
  bed.peer.sent();
  for (let i = 0; i < 6; i++) bed.peer.ack(4001);
  assert.equal(app.tcb.congestion.ssthresh, ssthresh);
  assert.notEqual(app.tcb.recovery.state, 'recovery');
});

test('NR-01: the very first window can be repaired: recover starts at the ISS', () => {
  const { bed, app } = sender(10);
  app.write(10_000);
  bed.peer.sent();
  for (let i = 0; i < 3; i++) bed.peer.ack(1);
  assert.deepEqual(spans(bed), [[1, MSS]]);
});

test('NR-01: after a full ACK at `recover` exactly, three duplicates are of the old window', () => {
  const { bed, app } = sender(10);
  app.write(12_000);
  bed.peer.sent();
  for (let i = 0; i < 3; i++) bed.peer.ack(1);
  bed.peer.sent();
  bed.peer.ack(12_001);
  const { ssthresh } = app.tcb.congestion;
  app.write(3000);
  bed.peer.sent();
  for (let i = 0; i < 3; i++) bed.peer.ack(12_001);
  assert.equal(app.tcb.congestion.ssthresh, ssthresh, 'SEG.ACK - 1 is not above recover');
});

test('NR-02: three losses of ten: one resent in each round trip, ssthresh cut once', () => {
  const { bed, app } = sender(10);
  app.write(30_000);
  const receiver = new LossyReceiver(bed, [1, 2001, 4001]);
  receiver.round();
  const { ssthresh } = app.tcb.congestion;
  assert.ok(ssthresh === 5000 || ssthresh === 6000, `ssthresh ${ssthresh}`);
  const perRound: number[] = [];
  for (let i = 0; i < 8 && app.tcb.unacked > 0; i++) {
    const before = receiver.resent.length;
    receiver.round();
    perRound.push(receiver.resent.length - before);
  }
  assert.deepEqual(receiver.resent, [1, 2001, 4001]);
  assert.deepEqual(perRound.slice(0, 3), [1, 1, 1]);
  assert.equal(app.tcb.congestion.ssthresh, ssthresh);
  assert.equal(app.tcb.unacked, 0);
  assert.equal(bed.counter('TCP_RTO'), 0);
});

test('NR-03: the full ACK lets no burst go', () => {
  const { bed, app } = sender(20);
  app.write(100_000);
  bed.peer.sent();
  for (let i = 0; i < 3; i++) bed.peer.ack(1);
  bed.peer.sent();
  bed.peer.ack(22_001);
  const { cwnd, ssthresh } = app.tcb.congestion;
  const burst = spans(bed).length;
  assert.ok(cwnd <= ssthresh);
  assert.ok(burst <= 2, `${burst} segments at once`);
});

test('NR-04: the first partial ACK restarts the retransmission timer, the next ones do not', () => {
  const { bed, app } = sender(10);
  app.write(30_000);
  bed.peer.sent();
  for (let i = 0; i < 3; i++) bed.peer.ack(1);
  bed.advance(50);
  bed.peer.ack(2001);
  const first = app.tcb.deadline(TIMER_RTO);
  assert.equal(first, bed.clock.now + app.tcb.rtt.rto);
  bed.advance(50);
  bed.peer.ack(4001);
  assert.equal(app.tcb.deadline(TIMER_RTO), first);
});

for (const isn of [0, 0x7fff_f000]) {
  test(`NR-05: a loss after more than 2^31 bytes is still repaired by fast retransmit (from ${isn})`, () => {
    const { bed, app } = sender(10, { isn });
    app.write(10_000);
    bed.peer.sent();
    for (let i = 0; i < 3; i++) bed.peer.ack(1);
    bed.peer.sent();
    bed.peer.ack(10_001);
    assert.equal(app.tcb.recovery.state, 'open');
    // Two gaps of 1.5 GB without loss, in which only `recover` falls behind; each ends with an ACK of new data.
    const { recovery } = app.tcb;
    for (let i = 0; i < 2; i++) {
      recovery.recover = ((recovery.recover - 3 * 2 ** 29) | 0) as typeof recovery.recover;
      app.write(1000);
      bed.advance(10);
      bed.peer.ack();
    }
    app.tcb.congestion.cwnd = 10 * MSS;
    app.write(5000);
    assert.equal(app.tcb.unacked, 5000);
    const una = bed.peer.rcvNxt - 5000;
    for (let i = 0; i < 3; i++) bed.peer.ack(una);
    assert.equal(app.tcb.recovery.state, 'recovery');
  });
}

test('LT-01: the first two duplicate ACKs each let one new segment go, the third resends', () => {
  const { bed, app } = sender(3);
  app.write(30_000);
  assert.equal(spans(bed).length, 3);
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), [[3001, MSS]]);
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), [[4001, MSS]]);
  bed.peer.ack(1);
  assert.deepEqual(spans(bed), [[1, MSS]]);
});

test('LT-01: only as far as the window of the peer goes', () => {
  const { bed, app } = sender(3);
  bed.peer.ack(1, 3000);
  app.write(30_000);
  assert.equal(spans(bed).length, 3);
  bed.peer.ack(1, 3000);
  bed.peer.expectNothing();
});

test('LT-02: limited transmit leaves cwnd alone', () => {
  const { bed, app } = sender(3);
  app.write(30_000);
  bed.peer.sent();
  bed.peer.ack(1);
  bed.peer.ack(1);
  assert.equal(app.tcb.congestion.cwnd, 3000);
});

test('LT-02: with SACK, a duplicate ACK without news sends nothing', () => {
  const bed = testbed({ config: { ...RENO, sack: 'on', iw: 4 } });
  const app = bed.peer.handshake('passive', { mss: MSS, sackPermitted: true });
  app.write(30_000);
  bed.peer.sent();
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[1001, 2001]] } });
  bed.peer.sent();
  for (let i = 0; i < 5; i++) {
    bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[1001, 2001]] } });
    bed.peer.expectNothing();
  }
  assert.equal(app.tcb.congestion.ssthresh, 0x7fffffff);
});

for (const [mss, bytes] of [
  [1460, 14_600],
  [536, 5360],
  [8960, 17_920],
] as const) {
  test(`IW-01: an MSS of ${mss} starts with ${bytes} bytes`, () => {
    const bed = testbed({ config: RENO, mtu: 9000 });
    const app = bed.peer.handshake('passive', { mss });
    app.write(60_000);
    assert.equal(
      bed.peer.sent().reduce((sum, { length }) => sum + length, 0),
      bytes,
    );
  });
}

test('IW-02: one lost SYN,ACK does not cost the initial window, two do', () => {
  for (const [losses, expected] of [
    [1, 10],
    [2, 1],
  ] as const) {
    const bed = testbed({ config: RENO });
    bed.listen(7);
    bed.peer.send({ flags: 'S', options: { mss: MSS } });
    bed.advance(losses === 1 ? 1500 : 3500);
    assert.equal(bed.peer.sent().length, 1 + losses);
    bed.peer.send({ flags: 'A' });
    bed.accepted[0]?.write(30_000);
    assert.equal(spans(bed).length, expected, `${losses} lost`);
  }
});

test('IW-02: the same for the SYN of an active open', () => {
  for (const [losses, expected] of [
    [1, 10],
    [2, 1],
  ] as const) {
    const bed = testbed({ config: RENO });
    const app = bed.connect(bed.peer);
    bed.advance(losses === 1 ? 1500 : 3500);
    assert.equal(bed.peer.sent().length, 1 + losses);
    bed.peer.send({ flags: 'SA', options: { mss: MSS } });
    bed.peer.expect({ flags: 'A' });
    app.write(30_000);
    assert.equal(spans(bed).length, expected, `${losses} lost`);
  }
});

test('IW-03: retransmissions are counted, and the initial window can be set', () => {
  const { bed, app } = sender(2);
  app.write(30_000);
  assert.equal(spans(bed).length, 2);
  bed.advance(2000);
  assert.ok(bed.counter('TCP_RETRANSMIT') >= 1);
  assert.ok(app.tcb.tally.retransmissions >= 1);
});
