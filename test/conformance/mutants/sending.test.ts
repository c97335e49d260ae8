/** What is sent, and when: faults that could be put into the code and that no other test noticed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import { TIMER_RTO } from '../../../src/tcp/timers/timer-table.ts';
import { isArmed } from '../../../src/tcp/timers/timers.ts';
import type { Application } from '../../support/application.ts';
import { EDGE_ISNS, type Testbed, testbed } from '../../support/peer.ts';

const MSS = 1000;
const PLAIN = { congestion: 'reno', hystart: 'off', pacing: 'off', sack: 'off', tlp: 'off', frto: 'off' };

function sender(config: Record<string, ConfigValue> = {}, isn = 1000): { bed: Testbed; app: Application } {
  const bed = testbed({ isn, config: { ...PLAIN, ...config } });
  return { bed, app: bed.peer.handshake('passive', { mss: MSS }) };
}

function spans(bed: Testbed): [number, number][] {
  return bed.peer.sent().map(({ seq, length }) => [seq, length]);
}

test('CC-01, S19: a window of less than a segment is filled to the byte and no further', () => {
  const { bed, app } = sender();
  bed.peer.ack(1, 700);
  app.write(5000);
  bed.advance(2000);
  assert.deepEqual(spans(bed)[0], [1, 700]);
});

test('RFC 9293 MUST-34 and SHLD-15: behind a shrunk window nothing new goes, though cwnd and Nagle allow it', () => {
  const { bed, app } = sender({ iw: 20 });
  app.write(10_000);
  bed.peer.sent();
  bed.peer.ack(1, 4000);
  app.write(5000);
  bed.peer.expectNothing();
  assert.equal(app.tcb.unsent, 5000);
});

test('RFC 9293 SHLD-16, WS-06: what is lost is sent again inside of the shrunk window, and not behind it', () => {
  const bed = testbed({ config: { ...PLAIN, sack: 'on', iw: 10 } });
  const app = bed.peer.handshake('passive', { mss: MSS, sackPermitted: true });
  app.write(10_000);
  bed.peer.sent();
  bed.advance(100);
  bed.peer.send({ flags: 'A', ack: 1, wnd: 2000, options: { sack: [[4001, 10_001]] } });
  assert.ok(app.tcb.inFlight.lost >= 3 * MSS, 'more is lost than the window takes');
  assert.deepEqual(spans(bed), [
    [1, MSS],
    [1001, MSS],
  ]);
});

test('RTO-08: when everything is acknowledged no timer runs, and the next segment has the whole RTO', () => {
  const { bed, app } = sender();
  app.write(MSS);
  bed.peer.sent();
  bed.peer.ack();
  assert.equal(isArmed(app.tcb, TIMER_RTO), false);
  const rto = app.tcb.rtt.rto / 1000;
  bed.advance(rto - 1);
  app.write(MSS);
  bed.peer.sent();
  bed.advance(rto - 1);
  bed.peer.expectNothing();
  bed.advance(2);
  bed.peer.expect({ seq: 1001 });
});

test('RTO-06, TS-04: after a time-out the echo of the first sending is no sample', () => {
  const bed = testbed({ config: PLAIN });
  const app = bed.peer.handshake('passive', { tsVal: 1, mss: MSS });
  app.write(500);
  const first = bed.peer.tsEcr;
  const { samples } = app.tcb.rtt;
  bed.advance(app.tcb.rtt.rto / 1000 + 10);
  assert.equal(bed.peer.sent().length, 2);
  bed.peer.send({ flags: 'A', options: { timestamps: [2000, first] } });
  assert.equal(app.tcb.snd.una, app.tcb.snd.nxt);
  assert.equal(app.tcb.rtt.samples, samples);
});

test('TS-05: forty equal samples of one round trip leave most of RTTVAR', () => {
  const bed = testbed({ config: { ...PLAIN, iw: 40 } });
  const app = bed.peer.handshake('passive', { tsVal: 1, mss: MSS });
  Object.assign(app.tcb.rtt, { srtt: 100_000, rttvar: 50_000 });
  app.write(100_000);
  bed.advance(100);
  for (const { seq, length } of bed.peer.sent()) bed.peer.ack(seq + length);
  assert.ok(app.tcb.rtt.samples > 40);
  assert.ok(app.tcb.rtt.rttvar > 25_000, `RTTVAR ${app.tcb.rtt.rttvar} µs`);
});

test('S13: a sample of more than a second from data is taken whole', () => {
  const { bed, app } = sender({ 'rto.initial': '3s', 'rto.min': '3s' });
  app.tcb.rtt.reset(app.tcb.config);
  app.write(MSS);
  bed.advance(1200);
  bed.peer.ack();
  assert.equal(app.tcb.rtt.srtt, 1_200_000);
});

test('RFC 9293 MUST-20 and SHLD-10: R1 is told with the third retransmission', () => {
  const { bed, app } = sender();
  app.write(MSS);
  bed.peer.sent();
  app.told();
  const rto = app.tcb.rtt.rto / 1000;
  bed.advance(rto * 7 - 1);
  assert.equal(bed.peer.sent().length, 2);
  assert.ok(!app.told().includes('r1'));
  bed.advance(2);
  assert.equal(bed.peer.sent().length, 1);
  assert.ok(app.told().includes('r1'));
});

test('RFC 9293 MUST-21: a user timeout that is set while data is out runs from then on', () => {
  const { bed, app } = sender();
  app.write(MSS);
  bed.stack.tcp.setUserTimeout(app.tcb, 5_000_000);
  bed.advance(4999);
  assert.equal(app.state, 'ESTABLISHED');
  bed.advance(2);
  assert.equal(app.error, 'ETIMEDOUT');
});

for (const isn of EDGE_ISNS) {
  test(`EV-15, S47: of two window updates out of order the older never wins, from ISN ${isn.toString(16)}`, () => {
    const { bed, app } = sender({}, isn);
    bed.peer.send({ flags: 'PA', data: 10, wnd: 5000 });
    bed.peer.send({ flags: 'PA', data: 10, wnd: 9000 });
    bed.peer.send({ flags: 'A', seq: 11, ack: 1, wnd: 400 });
    assert.equal(app.tcb.snd.wnd, 9000);
    bed.peer.send({ flags: 'A', ack: 1, wnd: 7000 });
    assert.equal(app.tcb.snd.wnd, 7000);
  });
}

for (const state of ['ESTABLISHED', 'CLOSE-WAIT']) {
  test(`S32: a write of nothing in ${state} leaves no segment that could be sent again`, () => {
    const { bed, app } = sender();
    if (state === 'CLOSE-WAIT') bed.peer.send({ flags: 'FA' });
    assert.equal(app.state, state);
    assert.equal(app.write(0), 0);
    assert.equal(app.tcb.inFlight.count, 0);
    app.write(10);
    bed.advance(app.tcb.rtt.rto / 1000 + 1);
    const data = bed.peer.sent().filter(({ seq }) => seq === 1);
    assert.deepEqual(
      data.map(({ length }) => length).filter((length) => length > 0),
      [10, 10],
    );
  });
}

test('S50: the probe of a closed window lies just left of what the peer expects', () => {
  const { bed, app } = sender();
  bed.peer.ack(1, 0);
  app.write(10);
  bed.advance(5000);
  const probes = bed.peer.sent();
  assert.ok(probes.length > 0);
  for (const { seq, length } of probes) assert.deepEqual([seq, length], [0, 0]);
});

test('S50: a FIN with nothing before it waits for a window of zero to open', () => {
  const { bed, app } = sender();
  bed.peer.ack(1, 0);
  app.shutdown();
  bed.advance(3000);
  assert.ok(bed.peer.sent().every(({ flags }) => !flags.includes('F')));
  bed.peer.ack(1, 1000);
  bed.peer.expect({ flags: 'FA', seq: 1 });
});

test('a record whose end is a FIN is cut for a smaller window: the FIN stays with its last byte', () => {
  const { bed, app } = sender({ 'lab.finWithData': 'on' });
  app.write(MSS);
  bed.peer.sent();
  bed.peer.ack();
  bed.batch(() => {
    app.write(800);
    app.shutdown();
  });
  assert.deepEqual(
    bed.peer.sent().map(({ flags, length }) => [flags.includes('F'), length]),
    [[true, 800]],
  );
  bed.peer.ack(1001, 500);
  bed.advance(app.tcb.rtt.rto / 1000 + 1);
  assert.deepEqual(
    bed.peer.sent().map(({ flags, length }) => [flags.includes('F'), length]),
    [[false, 500]],
  );
});
