/**
 * RFC 9438: CUBIC's arithmetic, against numbers worked out by hand from its formulas. One ACK of a whole
 * window adds (target - cwnd) / cwnd for each of its cwnd segments: afterwards cwnd is the target itself.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type VirtualClock, virtualClock } from '../../../src/base/virtual-clock.ts';
import { Cubic } from '../../../src/tcp/congestion/cubic.ts';
import { HyStart } from '../../../src/tcp/congestion/hystart.ts';

const SMSS = 1000;
const SECOND = 1_000_000;
/** W_max 100, cwnd_epoch 70: K = ∛(30 / 0.4) = ∛75 s, in µs. */
const K = 4_217_163;

class Flow {
  readonly clock: VirtualClock = virtualClock(SECOND);
  readonly cubic: Cubic;

  /** In congestion avoidance or slow start with a window of `segments`. */
  constructor(segments: number) {
    this.cubic = new Cubic(this.clock, new HyStart('off'));
    this.cubic.start(SMSS, segments * SMSS);
  }

  /** cwnd in segments. */
  get cwnd(): number {
    return this.cubic.cwnd / SMSS;
  }

  get ssthresh(): number {
    return this.cubic.ssthresh / SMSS;
  }

  /** A reduction by a loss, with the whole window in flight. */
  lose(): void {
    this.cubic.lossDetected(this.cubic.cwnd);
    this.cubic.recovered(this.cubic.cwnd);
  }

  /** Lets `us` pass. */
  pass(us: number): void {
    this.clock.advanceTo(this.clock.now + us);
  }

  /** The first ACK of congestion avoidance: t = 0. */
  beginEpoch(): void {
    this.cubic.acked(0, 0);
  }

  /** ACKs a whole window at once, at a round trip of `rtt` µs. */
  ackWindow(rtt = 0): void {
    this.cubic.acked(this.cubic.cwnd, rtt);
  }

  /** `count` round trips of `rtt` µs, each segment acknowledged by itself and evenly in time. */
  rounds(count: number, rtt: number): void {
    for (let i = 0; i < count; i++) {
      const segments = Math.floor(this.cwnd);
      for (let j = 0; j < segments; j++) {
        this.pass(Math.floor(rtt / segments));
        this.cubic.acked(SMSS, rtt);
      }
    }
  }
}

/** After a loss at a window of 100 segments, in a new epoch. */
function afterLoss(): Flow {
  const flow = new Flow(100);
  flow.lose();
  assert.equal(flow.cwnd, 70);
  flow.beginEpoch();
  return flow;
}

/** cwnd in segments, to a byte. */
function assertWindow(flow: Flow, segments: number, message?: string): void {
  const text = `${message ?? 'cwnd'}: ${flow.cwnd} and not ${segments}`;
  assert.ok(Math.abs(flow.cwnd - segments) <= 0.0011, text);
}

for (const [t, expected] of [
  // 100 + 0.4 (t - 4.217163)^3
  [SECOND, 86.681],
  [2 * SECOND, 95.64],
  [K - SECOND, 99.6],
  [K, 100],
  [K + SECOND, 100.4],
] as const) {
  test(`CU-01: W_max 100 and cwnd_epoch 70: K is 4.217 s, and W_cubic(${t / SECOND} s) is ${expected}`, () => {
    const flow = afterLoss();
    flow.pass(t);
    flow.ackWindow();
    assertWindow(flow, expected);
  });
}

test('CU-01, CU-02: each new ACK adds (target - cwnd) / cwnd, and the target is W_cubic(t + RTT)', () => {
  const flow = afterLoss();
  flow.pass(SECOND);
  // W_cubic(1 + 0.1) = 87.8846: one segment adds 17.8846 / 70 of a segment.
  flow.cubic.acked(SMSS, SECOND / 10);
  assertWindow(flow, 70.2555);
  // The next one aims at the same target from a little nearer: + 17.6291 / 70.2555.
  flow.cubic.acked(SMSS, SECOND / 10);
  assertWindow(flow, 70.5064);
});

test('CU-02: the target is at most 1.5 cwnd, however late it is', () => {
  const flow = afterLoss();
  // W_cubic(K + 6) = 186.4.
  flow.pass(K + 6 * SECOND);
  flow.ackWindow();
  assertWindow(flow, 105);
});

test('CU-02: where W_cubic lies below cwnd, an ACK leaves cwnd alone', () => {
  const flow = afterLoss();
  flow.cubic.setWindow(90 * SMSS);
  // W_cubic(0.5 s) = 79.45.
  flow.pass(SECOND / 2);
  flow.ackWindow();
  assertWindow(flow, 90);
});

test('CU-03: t excludes a minute without enough to send: growth goes on where it was', () => {
  const steady = afterLoss();
  const idle = afterLoss();
  for (const flow of [steady, idle]) flow.rounds(10, SECOND / 10);
  const before = idle.cwnd;
  idle.cubic.applicationLimited();
  idle.pass(60 * SECOND);
  idle.cubic.applicationLimited();
  idle.rounds(1, SECOND / 10);
  steady.rounds(1, SECOND / 10);
  assert.ok(idle.cwnd <= steady.cwnd + 0.01, `${idle.cwnd} after the pause, ${steady.cwnd} without one`);
  for (const flow of [steady, idle]) flow.rounds(20, SECOND / 10);
  assert.ok(idle.cwnd > before + 10, 'the pause does not stop growth either');
  assert.ok(Math.abs(idle.cwnd - steady.cwnd) < 2, `${idle.cwnd} and ${steady.cwnd}`);
});

test('CU-03: nor does the time count after a restart from idle', () => {
  const flow = afterLoss();
  flow.rounds(10, SECOND / 10);
  flow.pass(60 * SECOND);
  flow.cubic.restart(10 * SMSS);
  assertWindow(flow, 10);
  // Slow start to ssthresh, 70; there the curve begins anew, 1.5 times as much would be 105.
  for (let i = 0; i < 3; i++) flow.ackWindow();
  assert.equal(flow.cwnd, 70);
  flow.rounds(1, SECOND / 10);
  assert.ok(flow.cwnd > 70 && flow.cwnd < 75, `${flow.cwnd}`);
});

test('CU-04: at a short round trip cwnd follows W_est: α = 3 (1 - 0.7) / (1 + 0.7) = 0.5294 in each round', () => {
  const flow = new Flow(10);
  flow.lose();
  assertWindow(flow, 7);
  flow.beginEpoch();
  for (const expected of [7.5294, 8.0588, 8.5882, 9.1176, 9.6471]) {
    flow.pass(SECOND / 100);
    flow.ackWindow(SECOND / 100);
    assertWindow(flow, expected);
  }
});

test('CU-04: W_est counts segments, not ACKs', () => {
  const many = new Flow(10);
  const one = new Flow(10);
  for (const flow of [many, one]) {
    flow.lose();
    flow.beginEpoch();
    flow.pass(SECOND / 100);
  }
  one.cubic.acked(7 * SMSS, SECOND / 100);
  for (let i = 0; i < 70; i++) many.cubic.acked(SMSS / 10, SECOND / 100);
  assert.ok(Math.abs(many.cwnd - one.cwnd) < 0.05, `${many.cwnd} and ${one.cwnd}`);
});

test('CU-04: the larger of the two windows counts', () => {
  // 70 + 0.53 by W_est, 86.68 by W_cubic(1 s).
  const wide = afterLoss();
  wide.pass(SECOND);
  wide.ackWindow();
  assertWindow(wide, 86.681);
  // W_cubic(10 ms) = 70.212 and W_est = 70.529.
  const narrow = afterLoss();
  narrow.pass(SECOND / 100);
  narrow.ackWindow();
  assertWindow(narrow, 70.529);
});

test('CU-05: once W_est has reached cwnd_prior, α is 1: a segment in each round', () => {
  const flow = new Flow(10);
  flow.lose();
  flow.beginEpoch();
  // The sixth round begins at 9.647 and ends beyond the 10 of before the loss.
  for (let i = 0; i < 6; i++) {
    flow.pass(SECOND / 100);
    flow.ackWindow(SECOND / 100);
  }
  assertWindow(flow, 10.1765);
  for (const expected of [11.1764, 12.1763]) {
    flow.pass(SECOND / 100);
    flow.ackWindow(SECOND / 100);
    assertWindow(flow, expected);
  }
});

test('CU-06: β is 0.7 of what was in flight, not of cwnd', () => {
  const flow = new Flow(200);
  flow.cubic.lossDetected(100 * SMSS);
  assert.deepEqual([flow.ssthresh, flow.cwnd], [70, 70]);
  const late = new Flow(200);
  late.cubic.timedOut(100 * SMSS, true);
  assert.equal(late.ssthresh, 70);
});

test('CU-06: a reduction leaves cwnd at ssthresh to the byte, and the next ACK is no slow start', () => {
  const { cubic } = new Flow(10);
  for (let bytes = 2 * SMSS; bytes < 100_000; bytes += 7) {
    cubic.setWindow(bytes);
    assert.equal(cubic.cwnd, bytes);
    cubic.lossDetected(bytes);
    assert.equal(cubic.cwnd, cubic.ssthresh);
    const before = cubic.cwnd;
    cubic.acked(1, SECOND / 100);
    assert.ok(cubic.cwnd <= before + 1);
  }
});

test('CU-07: neither ssthresh nor, after a loss, cwnd gets less than two segments', () => {
  for (const segments of [0, 1, 2]) {
    const flow = new Flow(2);
    flow.cubic.lossDetected(segments * SMSS);
    assert.deepEqual([flow.ssthresh, flow.cwnd], [2, 2], `${segments} in flight`);
  }
  const three = new Flow(3);
  three.cubic.lossDetected(3 * SMSS);
  assert.deepEqual([three.ssthresh, three.cwnd], [2.1, 2.1]);
  const late = new Flow(3);
  late.cubic.timedOut(SMSS, true);
  assert.equal(late.ssthresh, 2);
});

test('CU-07: after an echoed mark cwnd may be one segment, and ssthresh is two', () => {
  const flow = new Flow(2);
  flow.cubic.congestionEchoed(SMSS);
  assert.deepEqual([flow.ssthresh, flow.cwnd], [2, 1]);
  const two = new Flow(2);
  two.cubic.congestionEchoed(2 * SMSS);
  assert.deepEqual([two.ssthresh, two.cwnd], [2, 1.4]);
});

test('CU-08: fast convergence: a loss at 80 after one at 100 makes W_max 80 (1 + 0.7) / 2 = 68', () => {
  const flow = afterLoss();
  flow.cubic.setWindow(80 * SMSS);
  flow.lose();
  assertWindow(flow, 56);
  flow.beginEpoch();
  // K = ∛(12 / 0.4) = 3.107232 s; one second later W_cubic is 68.4.
  flow.pass(3_107_232 + SECOND);
  flow.ackWindow();
  assertWindow(flow, 68.4);
});

test('CU-08: a flow that has gained ground keeps what it had: W_max 120', () => {
  const flow = afterLoss();
  flow.cubic.setWindow(120 * SMSS);
  flow.lose();
  assertWindow(flow, 84);
  flow.beginEpoch();
  // K = ∛(36 / 0.4) = 4.481405 s.
  flow.pass(4_481_405);
  flow.ackWindow();
  assertWindow(flow, 120);
});

test('CU-09: a timeout: ssthresh by β, one segment, slow start; then K = 0 and W_max = cwnd_epoch', () => {
  const flow = new Flow(100);
  flow.cubic.timedOut(100 * SMSS, true);
  assert.deepEqual([flow.ssthresh, flow.cwnd], [70, 1]);
  flow.ackWindow(SECOND / 10);
  assert.equal(flow.cwnd, 2, 'slow start');
  for (const expected of [4, 8, 16, 32, 64, 70]) {
    flow.ackWindow(SECOND / 10);
    assert.equal(flow.cwnd, expected);
  }
  flow.beginEpoch();
  // 70 + 0.4 · 3^3; the W_max of before the timeout, 100, would make it 99.28.
  flow.pass(3 * SECOND);
  flow.ackWindow();
  assertWindow(flow, 80.8);
});

test('CU-09: a second timeout of the same data leaves ssthresh and starts over from one segment', () => {
  const flow = new Flow(100);
  flow.cubic.timedOut(100 * SMSS, true);
  flow.cubic.timedOut(SMSS, false);
  assert.deepEqual([flow.ssthresh, flow.cwnd], [70, 1]);
});

for (const [what, reduce] of [
  ['loss', (flow: Flow) => flow.lose()],
  ['timeout', (flow: Flow) => flow.cubic.timedOut(flow.cubic.cwnd, true)],
] as const) {
  test(`CU-10: a ${what} that was none is undone: cwnd, ssthresh, W_max, K, t_epoch and W_est are as before`, () => {
    const spared = afterLoss();
    const undone = afterLoss();
    for (const flow of [spared, undone]) flow.rounds(15, SECOND / 10);
    undone.cubic.save();
    reduce(undone);
    undone.beginEpoch();
    assert.ok(undone.cwnd < spared.cwnd && undone.ssthresh !== spared.ssthresh);
    undone.cubic.undo();
    assert.deepEqual([undone.cwnd, undone.ssthresh], [spared.cwnd, spared.ssthresh]);
    // The same curve from the same place: past K, and a later loss sees the same W_max.
    for (const flow of [spared, undone]) {
      flow.rounds(40, SECOND / 10);
      flow.lose();
      flow.rounds(5, SECOND / 10);
    }
    assert.deepEqual([undone.cwnd, undone.ssthresh], [spared.cwnd, spared.ssthresh]);
  });
}

test('CU-10: the Reno-friendly window comes back, too', () => {
  const spared = new Flow(10);
  const undone = new Flow(10);
  for (const flow of [spared, undone]) {
    flow.lose();
    flow.beginEpoch();
    flow.rounds(8, SECOND / 100);
    flow.cubic.setWindow(9 * SMSS);
  }
  undone.cubic.save();
  undone.cubic.lossDetected(5 * SMSS);
  undone.beginEpoch();
  undone.cubic.undo();
  for (const flow of [spared, undone]) flow.rounds(8, SECOND / 100);
  assert.equal(undone.cwnd, spared.cwnd);
});
