/** CWR: the sender says that it is slower. RFC 3168 §6.1.2. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import { testbed } from '../../support/peer.ts';
import {
  ackEach,
  cwr,
  ECT_0,
  type EcnConnection,
  ecnConnection,
  ecnOf,
  MSS,
  sackConnection,
  threeDuplicates,
  una,
} from './ecn-bed.ts';

type Config = Record<string, ConfigValue>;

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

test('EC-07: a time-out in recovery is one more reduction, and told by one more CWR', () => {
  const connection = sackConnection();
  const { bed, app } = connection;
  app.write(40 * MSS);
  bed.advance(20);
  bed.peer.sent();
  threeDuplicates(connection);
  const start = una(app);
  for (let right = 5; right <= 10; right++) {
    bed.peer.send({ flags: 'A', ack: start, options: { sack: [[start + MSS, start + right * MSS]] } });
  }
  const first = bed.peer.sent().filter(({ seq }) => seq > 10 * MSS);
  assert.ok(first.length > 2);
  assert.equal(first.filter(cwr).length, 1);
  // The retransmission is lost too.
  bed.advance(1000);
  bed.peer.sent();
  bed.peer.ack();
  const second = bed.peer.sent();
  assert.deepEqual(second.map(cwr), [true, ...new Array<boolean>(second.length - 1).fill(false)]);
});

test('EC-07: a loss that a tail loss probe has repaired is told by CWR as well', () => {
  const { bed, app } = sackConnection({ tlp: 'on' }, 50);
  app.write(2 * MSS);
  assert.equal(bed.peer.sent().length, 2);
  bed.advance(120);
  bed.peer.expect({ seq: 1 + MSS, length: MSS });
  bed.peer.ack();
  app.write(MSS);
  assert.deepEqual(bed.peer.sent().map(cwr), [false], 'it may have been late');
  bed.peer.ack();
  app.write(2 * MSS);
  assert.deepEqual(bed.peer.sent().map(cwr), [true, false]);
});

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

test('EC-07: CWR that is owed for an echo is not forgotten when another reduction is taken back', () => {
  const connection = ecnConnection({
    syn: { sackPermitted: true, mss: MSS + 12 },
    tsVal: 1000,
  });
  const { bed, app } = connection;
  app.write(10 * MSS);
  bed.advance(20);
  bed.peer.sent();
  const early = bed.peer.tsEcr;
  bed.advance(10);
  ackEach(connection, 1, 'AE');
  threeDuplicates(connection);
  bed.advance(1);
  bed.peer.send({
    flags: 'A',
    ack: 1 + 10 * MSS,
    options: { timestamps: [1031, early] },
  });
  bed.peer.sent();
  app.write(2 * MSS);
  assert.deepEqual(bed.peer.sent().map(cwr), [true, false]);
});

test('EC-07, RFC 3168 §6.1.2: the loss of the very segment with CWR is one more reduction, and makes one more CWR', () => {
  for (const connection of [ecnConnection(), sackConnection()]) {
    const { bed, app } = connection;
    app.write(100 * MSS);
    bed.advance(20);
    bed.peer.sent();
    bed.peer.send({ flags: 'AE', ack: 1 + 9 * MSS });
    bed.peer.expect({ seq: 1 + 10 * MSS, flags: 'AC' });
    bed.advance(20);
    bed.peer.send({ flags: 'AE', ack: 1 + 10 * MSS });
    const reduced = app.tcb.congestion.ssthresh;
    bed.advance(20);
    threeDuplicates(connection, 'AE');
    assert.equal(app.tcb.recovery.state, 'recovery');
    assert.ok(app.tcb.congestion.ssthresh <= 0.6 * reduced, `ssthresh ${app.tcb.congestion.ssthresh}`);
    bed.peer.sent();
    bed.advance(20);
    bed.peer.ack();
    assert.deepEqual(bed.peer.sent().map(cwr).slice(0, 2), [true, false]);
  }
});
