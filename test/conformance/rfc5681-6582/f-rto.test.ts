/** F-RTO for a peer without SACK (RFC 5682 §2.1): was the time-out needed? */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';

const MSS = 1000;
const RENO: Record<string, ConfigValue> = { congestion: 'reno', hystart: 'off', sack: 'off', iw: 10 };

/** Ten segments are out and have timed out; `more` bytes wait behind them. */
function timedOut(
  more: number,
  config: Record<string, ConfigValue> = {},
): { bed: Testbed; app: Application } {
  const bed = testbed({ config: { ...RENO, ...config } });
  const app = bed.peer.handshake('passive', { mss: MSS });
  app.write(10 * MSS + more);
  assert.equal(bed.peer.sent().length, 10);
  bed.advance(app.tcb.rtt.rto / 1000 + 1);
  assert.deepEqual(starts(bed), [1], 'the oldest alone is sent again');
  assert.equal(app.tcb.recovery.state, 'loss');
  return { bed, app };
}

const starts = (bed: Testbed): number[] => bed.peer.sent().map(({ seq }) => seq);

test('RFC 5682 §2.1: two ACKs that advance after a time-out prove it spurious: the windows are back, nothing more is repeated', () => {
  const { bed, app } = timedOut(10 * MSS);
  bed.peer.ack(1001);
  assert.deepEqual(starts(bed), [10_001, 11_001], 'step 2b: two new segments');
  bed.peer.ack(2001);
  assert.equal(app.tcb.recovery.state, 'open');
  assert.ok(app.tcb.congestion.cwnd >= 10 * MSS, `cwnd ${app.tcb.congestion.cwnd}`);
  assert.ok(app.tcb.congestion.ssthresh > 1e9);
  assert.ok(starts(bed).every((seq) => seq >= 12_001));
});

test('RFC 5682 §2.1: a duplicate ACK after the new data: the time-out was right, and the rest is repeated', () => {
  const { bed, app } = timedOut(10 * MSS);
  bed.peer.ack(1001);
  assert.deepEqual(starts(bed), [10_001, 11_001]);
  bed.peer.ack(1001);
  assert.deepEqual(starts(bed), [1001], 'step 3a: a window of three, of which two are out');
  assert.equal(app.tcb.recovery.state, 'loss');
  assert.equal(app.tcb.congestion.ssthresh, 5 * MSS);
});

test('RFC 5682 §2.1: a duplicate ACK at once, or an ACK of the whole window, proves nothing', () => {
  const first = timedOut(10 * MSS);
  first.bed.peer.ack(1);
  first.bed.peer.ack(1001);
  assert.deepEqual(starts(first.bed), [1001, 2001]);
  const whole = timedOut(10 * MSS);
  whole.bed.peer.ack(10_001);
  assert.equal(whole.app.tcb.recovery.state, 'open');
  assert.equal(whole.app.tcb.congestion.cwnd, 2 * MSS);
});

test('RFC 5682 §2.1: with nothing new to send, or frto=off, the window is repeated as after any time-out', () => {
  for (const { bed } of [timedOut(0), timedOut(10 * MSS, { frto: 'off' })]) {
    bed.peer.ack(1001);
    assert.deepEqual(starts(bed), [1001, 2001]);
  }
});

test('RFC 5682 §2.1: new data in flight while it finds out that is lost as well comes again by the timer', () => {
  const { bed, app } = timedOut(2 * MSS);
  bed.peer.ack(1001);
  assert.deepEqual(starts(bed), [10_001, 11_001]);
  bed.advance(4000);
  assert.equal(starts(bed)[0], 1001);
  bed.peer.ack(12_001);
  assert.equal(app.tcb.recovery.state, 'open');
  assert.equal(app.tcb.inFlight.count, 0);
});
