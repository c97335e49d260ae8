import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SSTHRESH_UNSET } from '../../../src/tcp/congestion/congestion-control.ts';
import { HyStart } from '../../../src/tcp/congestion/hystart.ts';
import { Reno } from '../../../src/tcp/congestion/reno.ts';
import { testbed } from '../../support/peer.ts';

const MSS = 1000;

function reno(kind: 'off' | 'classic' | '++' = '++'): Reno {
  const control = new Reno(new HyStart(kind));
  control.start(MSS, 10 * MSS);
  return control;
}

/** A round with `samples` round trips of `rtt` µs. */
function round(control: Reno, rtt: number, samples = 8): void {
  control.roundBegins();
  for (let i = 0; i < samples; i++) control.rttSampled(rtt);
}

/** By how much ten segments' ACK makes cwnd grow, segments. */
function growth(control: Reno): number {
  const before = control.cwnd;
  control.acked(8 * MSS);
  return (control.cwnd - before) / MSS;
}

test('HY-01: without a round before it no round is longer', () => {
  const control = reno();
  for (let i = 0; i < 100; i++) control.rttSampled(1_000_000);
  assert.equal(growth(control), 8);
});

test('HY-02: on 100 ms, 12 ms more are not enough, 13 ms more lead to conservative slow start', () => {
  const less = reno();
  round(less, 100_000);
  round(less, 112_000);
  assert.equal(growth(less), 8);
  const more = reno();
  round(more, 100_000);
  round(more, 113_000);
  assert.equal(growth(more), 2, 'a quarter');
});

test('HY-02: the step is at least 4 ms, at most 16 ms, and seven samples tell nothing', () => {
  const short = reno();
  round(short, 1_000);
  round(short, 4_900);
  assert.equal(growth(short), 8);
  round(short, 1_000);
  round(short, 5_100);
  assert.equal(growth(short), 2);
  const long = reno();
  round(long, 400_000);
  round(long, 417_000);
  assert.equal(growth(long), 2);
  const few = reno();
  round(few, 100_000);
  round(few, 200_000, 7);
  assert.equal(growth(few), 8);
});

test('HY-03, HY-04: in conservative slow start a quarter; a round trip below its baseline ends it', () => {
  const control = reno();
  round(control, 100_000);
  round(control, 120_000);
  assert.equal(growth(control), 2);
  round(control, 119_000);
  assert.equal(growth(control), 8);
  assert.equal(control.ssthresh, SSTHRESH_UNSET);
});

test('HY-05: five rounds of it, the one in which it began counted, and slow start is over', () => {
  const control = reno();
  round(control, 100_000);
  round(control, 120_000);
  for (let i = 1; i < 5; i++) round(control, 120_000);
  assert.equal(control.ssthresh, SSTHRESH_UNSET);
  control.roundBegins();
  assert.equal(control.ssthresh, control.cwnd);
});

test('HY-05, HY-06: a loss ends it, and no later slow start has it', () => {
  const control = reno();
  round(control, 100_000);
  round(control, 120_000);
  control.timedOut(10 * MSS, true);
  round(control, 100_000);
  round(control, 200_000);
  const before = control.cwnd;
  control.acked(MSS);
  assert.equal(control.cwnd - before, MSS, 'slow start as it always was');
});

test('HY-06: there is no limit L on what one ACK adds: an ACK of a hundred segments adds a hundred', () => {
  const control = reno();
  control.acked(100 * MSS);
  assert.equal(control.cwnd, 110 * MSS);
});

test('HY: classic leaves slow start at the first sign, and off never does', () => {
  const classic = reno('classic');
  round(classic, 100_000);
  round(classic, 113_000);
  assert.equal(classic.ssthresh, classic.cwnd);
  const off = reno('off');
  round(off, 100_000);
  round(off, 500_000);
  assert.equal(growth(off), 8);
});

test('HY-01: a connection’s rounds are delimited by SND.NXT', () => {
  const bed = testbed({ config: { congestion: 'reno', hystart: '++' } });
  const app = bed.peer.handshake('passive', { mss: MSS });
  let rounds = 0;
  const { congestion } = app.tcb;
  const begins = congestion.roundBegins.bind(congestion);
  congestion.roundBegins = () => {
    rounds++;
    begins();
  };
  for (let i = 0; i < 5; i++) {
    app.write(10 * MSS);
    bed.advance(10);
    for (const { seq, length } of bed.peer.sent()) bed.peer.ack(seq + length);
  }
  assert.equal(rounds, 5, 'ten ACKs each, and one round');
});
