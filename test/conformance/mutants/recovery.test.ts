/** Loss recovery: faults that could be put into the code and that no other test noticed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';

const MSS = 1000;
const PLAIN = { congestion: 'reno', hystart: 'off', pacing: 'off', iw: 20 };

function sender(config: Record<string, ConfigValue>): { bed: Testbed; app: Application } {
  const bed = testbed({ config: { ...PLAIN, ...config } });
  return { bed, app: bed.peer.handshake('passive', { mss: MSS, sackPermitted: config['sack'] !== 'off' }) };
}

function seqs(bed: Testbed): number[] {
  return bed.peer.sent().map(({ seq }) => seq);
}

test('NR-01, S33: after a full ACK at `recover` exactly, duplicates with much in flight are of the old window', () => {
  const { bed, app } = sender({ sack: 'off', iw: 10 });
  app.write(30_000);
  bed.peer.sent();
  for (let i = 0; i < 3; i++) bed.peer.ack(1);
  const { recovery, congestion } = app.tcb;
  const recover = recovery.recover - app.tcb.snd.iss;
  for (let i = 0; i < 8; i++) bed.peer.ack(1);
  bed.peer.ack(recover);
  assert.ok(bed.peer.rcvNxt - recover >= 4 * MSS, 'enough is in flight for three duplicates');
  const { ssthresh } = congestion;
  bed.peer.sent();
  for (let i = 0; i < 3; i++) bed.peer.ack(recover);
  assert.equal(congestion.ssthresh, ssthresh);
  assert.ok(!seqs(bed).includes(recover));
});

test('CC-08: after a time-out duplicate ACKs let nothing more go', () => {
  const { bed, app } = sender({ sack: 'off', tlp: 'off', frto: 'off' });
  app.write(20_000);
  bed.advance(app.tcb.rtt.rto / 1000 + 1);
  bed.peer.sent();
  for (let i = 0; i < 10; i++) bed.peer.ack(1);
  bed.peer.expectNothing();
});

test('SB-01: three pieces above a hole make it lost, however small they are', () => {
  const { bed, app } = sender({ rack: 'off', tlp: 'off', nagle: 'off' });
  app.write(MSS);
  for (let i = 0; i < 6; i++) app.write(100);
  bed.peer.sent();
  const told = [
    [1101, 1201],
    [1301, 1401],
    [1501, 1601],
  ] as const;
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: told.slice(0, 2) } });
  assert.ok(!seqs(bed).includes(1));
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: told } });
  assert.ok(seqs(bed).includes(1));
});

test('SB-01, S45: two segments and a half above a hole make it lost', () => {
  const { bed, app } = sender({ rack: 'off', tlp: 'off', nagle: 'off' });
  app.write(3 * MSS);
  app.write(500);
  bed.peer.sent();
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[1001, 3501]] } });
  assert.ok(seqs(bed).includes(1));
});

test('S45: of a segment whose end alone is SACKed nothing counts as delivered', () => {
  const { bed, app } = sender({});
  app.write(10_000);
  bed.peer.sent();
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[1501, 3001]] } });
  assert.equal(app.tcb.inFlight.sacked, MSS);
});

test('SB-03, S40: what is lost goes before what is new', () => {
  const { bed, app } = sender({ tlp: 'off' });
  app.write(30_000);
  bed.peer.sent();
  bed.advance(100);
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[3001, 20_001]] } });
  assert.deepEqual(seqs(bed).slice(0, 4), [1, 1001, 2001, 20_001]);
});

test('TL-02: without a new sample there is no second probe', () => {
  const { bed, app } = sender({});
  Object.assign(app.tcb.rtt, { srtt: 100_000, rttvar: 25_000, rto: 2_000_000 });
  app.write(MSS);
  bed.peer.expect({ seq: 1 });
  bed.advance(500);
  bed.peer.expect({ seq: 1 });
  bed.peer.send({ flags: 'A', ack: 1001, options: { sack: [[1, 1001]] } });
  assert.equal(bed.counter('TCP_LOSS_PROBE'), 1);
  app.write(MSS);
  bed.peer.expect({ seq: 1001 });
  bed.advance(1900);
  bed.peer.expectNothing();
});

test('DS-03: a DSACK for one of two that were sent again proves nothing of the other', () => {
  const { bed, app } = sender({ tlp: 'off' });
  app.write(20_000);
  bed.peer.sent();
  bed.advance(100);
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[3001, 12_001]] } });
  assert.deepEqual(seqs(bed).slice(0, 2), [1, 1001]);
  const { cwnd, ssthresh } = app.tcb.congestion;
  bed.advance(50);
  bed.peer.send({
    flags: 'A',
    ack: 1001,
    options: {
      sack: [
        [1, 1001],
        [3001, 12_001],
      ],
    },
  });
  assert.equal(app.tcb.congestion.ssthresh, ssthresh);
  assert.ok(app.tcb.congestion.cwnd <= cwnd + 2 * MSS);
  assert.equal(app.tcb.recovery.state, 'recovery');
  assert.equal(bed.counter('TCP_FAST_RETRANSMIT'), 1, 'and it is still the first recovery');
});

test('PR-06: one ACK of everything, before the pipe has come down to ssthresh, ends recovery at ssthresh', () => {
  const { bed, app } = sender({ tlp: 'off' });
  app.write(20_000);
  bed.peer.sent();
  bed.advance(100);
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[1001, 4001]] } });
  const { congestion, recovery } = app.tcb;
  assert.equal(recovery.state, 'recovery');
  assert.ok(congestion.cwnd > congestion.ssthresh + 4 * MSS);
  bed.peer.ack();
  assert.equal(recovery.state, 'open');
  assert.ok(congestion.cwnd <= congestion.ssthresh + MSS, `${congestion.cwnd} of ${congestion.ssthresh}`);
});

test('RK-07: a time-out without F-RTO: what is as old as the oldest is lost, what was just sent is not', () => {
  const { bed, app } = sender({ tlp: 'off', frto: 'off' });
  app.write(MSS);
  bed.advance(100);
  bed.peer.ack();
  app.write(5 * MSS);
  bed.advance(app.tcb.rtt.rto / 1000 - 20);
  app.write(4 * MSS);
  bed.peer.sent();
  bed.advance(30);
  assert.equal(app.tcb.recovery.state, 'loss');
  assert.equal(app.tcb.inFlight.lost, 5 * MSS);
});
