import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Testbed, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';
import { ALL_STATES, reach } from '../../support/states.ts';

const DAY_MS = 24 * 3600 * 1000;

function stamped(
  bed: Testbed,
  tsVal: number,
  tsEcr = bed.peer.tsEcr,
): { timestamps: readonly [number, number] } {
  return { timestamps: [tsVal >>> 0, tsEcr >>> 0] };
}

test('TS-01: the SYN,ACK carries timestamps only if the SYN did', () => {
  for (const wanted of [true, false]) {
    const bed = testbed();
    bed.listen(7);
    bed.peer.send({ flags: 'S', options: wanted ? { mss: 1460, timestamps: [77, 0] } : { mss: 1460 } });
    const synAck = bed.peer.expect({ flags: 'SA' });
    assert.equal(synAck.options.timestamps?.[1], wanted ? 77 : undefined);
  }
});

test('TS-01: once agreed, they are in every segment: ACK, data, FIN, probe, keep-alive, challenge, retransmission', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 1000 });
  bed.stack.tcp.setKeepAlive(app.tcb, { on: true, idle: 5_000_000, interval: 1_000_000, count: 3 });
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.peer.send({ flags: 'R', seq: bed.peer.nxt + 5 });
  app.write(100);
  bed.advance(3000);
  bed.peer.ack(101, 0);
  app.write(100);
  bed.advance(10_000);
  bed.peer.ack(101, 65_535);
  bed.peer.ack();
  bed.advance(6000);
  bed.peer.ack();
  app.shutdown();
  bed.peer.ack();
  const sent = bed.peer.sent();
  assert.ok(sent.some(({ flags }) => flags.includes('F')) && sent.length > 8, `${sent.length} segments`);
  for (const { flags, kinds } of sent) assert.ok(kinds.includes(8), `${flags} without timestamps`);
});

test('TS-01: never in a connection that did not agree', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 10, options: { timestamps: [5, 5] } });
  app.write(10);
  bed.advance(1000);
  app.close();
  const sent = bed.peer.sent();
  assert.ok(sent.length >= 2);
  for (const { kinds } of sent) assert.ok(!kinds.includes(8));
});

test('TS-02: a segment without the option is dropped in silence once it is agreed; a reset is not', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 1000 });
  bed.peer.timestamps = false;
  bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
  bed.advance(1000);
  bed.expectSilence();
  assert.equal(app.received.length, 0);
  assert.equal(bed.counter('TCP_TIMESTAMP_MISSING'), 1);
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.send({ flags: 'R', seq: 1 });
  assert.equal(app.state, 'CLOSED');
});

test('TS-03: TSecr of a SYN means nothing; timestamps that were not agreed are ignored', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: { mss: 1460, timestamps: [9, 0xffffffff] } });
  bed.peer.expect({ flags: 'SA' });
  assert.equal(bed.counter('TCP_RFC7323_PAWS'), 0);
  const plain = testbed();
  const app = plain.peer.handshake('passive');
  plain.peer.send({ flags: 'PA', data: 10, options: { timestamps: [0x80000000, 3] } });
  plain.peer.send({ flags: 'PA', data: 10, options: { timestamps: [1, 3] } });
  assert.equal(app.received.length, 20);
});

test('TS-04: a duplicate ACK brings no sample, whatever it echoes', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 1000, mss: 1000 });
  app.write(3000);
  bed.advance(50);
  bed.peer.ack();
  const { srtt, samples } = app.tcb.rtt;
  assert.ok(srtt > 0);
  app.write(1000);
  bed.peer.send({ flags: 'A', ack: 3001, options: stamped(bed, 1060, bed.peer.tsEcr - 500) });
  assert.equal(app.tcb.rtt.samples, samples);
  assert.equal(app.tcb.rtt.srtt, srtt);
});

for (const [what, echo] of [
  ['0', () => 0],
  ['the future', (now: number) => now + 100_000],
  ['half the circle away', (now: number) => now + 2 ** 31],
  ['an hour ago', (now: number) => now - 3_600_000],
] as const) {
  test(`TS-04, D11: a TSecr of ${what} makes no absurd sample`, () => {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { tsVal: 1000, mss: 1000 });
    app.write(1000);
    // Sent again, so that only the echo could be the sample.
    bed.advance(2000);
    bed.peer.sent();
    bed.peer.send({ flags: 'A', ack: 1001, options: stamped(bed, 3100, echo(bed.peer.tsEcr)) });
    const { srtt, rto } = app.tcb.rtt;
    assert.ok(srtt >= 0 && srtt <= 2_000_000, `SRTT ${srtt}`);
    assert.ok(rto >= 200_000 && rto <= 4_000_000, `RTO ${rto}`);
  });
}

test('TS-05: a sample for each ACK of a large window does not shorten the history', () => {
  const bed = testbed({ config: { iw: 40, congestion: 'reno', hystart: 'off' } });
  const app = bed.peer.handshake('passive', { tsVal: 1, mss: 1000 });
  app.write(1000);
  bed.advance(100);
  bed.peer.ack();
  app.tcb.rtt.rttvar = 50_000;
  app.write(40_000);
  bed.advance(100);
  for (let ack = 2001; ack <= 41_001; ack += 1000) bed.peer.send({ flags: 'A', ack });
  // One round trip of 100 ms: RTTVAR loses about a quarter, not everything.
  assert.ok(app.tcb.rtt.rttvar > 25_000, `RTTVAR ${app.tcb.rtt.rttvar} µs`);
});

test('TS-06: a delayed ACK echoes the oldest segment that it covers', () => {
  const bed = testbed({ config: { 'ack.policy': 'delay' } });
  bed.peer.handshake('passive', { tsVal: 1000 });
  bed.peer.send({ flags: 'PA', data: 100, options: stamped(bed, 2000) });
  bed.peer.expectNothing();
  bed.peer.send({ flags: 'PA', data: 100, options: stamped(bed, 2010) });
  assert.equal(bed.peer.expect({ ack: 201 }).options.timestamps?.[1], 2000);
});

test('TS-06: with a hole the last in-order segment is echoed, and the filler then', () => {
  const bed = testbed();
  bed.peer.handshake('passive', { tsVal: 1000 });
  bed.peer.send({ flags: 'PA', seq: 1, data: 100, options: stamped(bed, 2000) });
  bed.peer.expect({ ack: 101 });
  bed.peer.send({ flags: 'PA', seq: 201, data: 100, options: stamped(bed, 2020) });
  assert.equal(bed.peer.expect({ ack: 101 }).options.timestamps?.[1], 2000);
  bed.peer.send({ flags: 'PA', seq: 101, data: 100, options: stamped(bed, 2010) });
  assert.equal(bed.peer.expect({ ack: 301 }).options.timestamps?.[1], 2010);
});

scenario(
  'TS-07: PAWS: a segment with an older TSval is dropped and answered; an equal one is taken',
  (bed) => {
    const app = bed.peer.handshake('passive', { tsVal: 5000 });
    bed.peer.send({ flags: 'PA', seq: 1, data: 10, options: stamped(bed, 4999) });
    bed.peer.expect({ flags: 'A', ack: 1 });
    assert.equal(app.received.length, 0);
    assert.equal(bed.counter('TCP_RFC7323_PAWS'), 1);
    bed.peer.send({ flags: 'PA', seq: 1, data: 10, options: stamped(bed, 5000) });
    assert.equal(app.received.length, 10);
  },
);

test('TS-07: PAWS compares on the circle, and looks before the window does', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 0xffff_fff0 });
  bed.peer.send({ flags: 'PA', seq: 1, data: 10, options: stamped(bed, 5) });
  assert.equal(app.received.length, 10);
  bed.advance(100);
  bed.peer.sent();
  bed.peer.send({ flags: 'PA', seq: 11, data: 10, options: stamped(bed, 0xffff_fff5) });
  assert.equal(app.received.length, 10);
  bed.peer.send({ flags: 'PA', seq: 900_000, data: 10, options: stamped(bed, 0xffff_fff5) });
  assert.equal(bed.counter('TCP_RFC7323_PAWS'), 2);
  assert.equal(bed.counter('TCP_OVERWINDOW'), 0);
});

test('TS-08: a reset is never checked by PAWS and never moves TS.Recent', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 5000 });
  bed.peer.send({ flags: 'R', seq: 2, options: stamped(bed, 0x7000_0000) });
  bed.peer.expect({ flags: 'A' });
  assert.equal(app.tcb.timestamps.recent, 5000);
  bed.peer.send({ flags: 'R', seq: 1, options: stamped(bed, 1) });
  assert.equal(app.state, 'CLOSED');
});

test('TS-09: the timestamp clock ticks in milliseconds, and never back', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 1 });
  const values: number[] = [];
  for (let i = 0; i < 5; i++) {
    app.write(1);
    values.push(bed.peer.expect({ length: 1 }).options.timestamps?.[0] ?? NaN);
    bed.peer.ack();
    bed.advance(100);
  }
  const steps = values.slice(1).map((value, i) => (value - (values[i] as number)) | 0);
  assert.deepEqual(steps, [100, 100, 100, 100]);
});

test('TS-09, D09: TSvals toward two peers, and of two boots, are unrelated and tell no uptime', () => {
  const offsets: number[] = [];
  for (const seed of [1, 2]) {
    for (const address of ['10.9.0.1', '10.9.0.3']) {
      const bed = testbed({ seed });
      bed.listen(7);
      const peer = bed.newPeer({ address });
      peer.send({ flags: 'S', options: { timestamps: [1, 0] } });
      const [tsVal] = peer.expect({ flags: 'SA' }).options.timestamps ?? [0];
      offsets.push(tsVal);
    }
  }
  for (const [i, a] of offsets.entries()) {
    assert.ok(Math.abs(a - 1_000_000) > 100_000, 'not the clock itself');
    for (const b of offsets.slice(i + 1)) assert.ok(Math.abs((a - b) | 0) > 100_000, `${a} and ${b}`);
  }
});

test('TS-10: after 24 days of silence any TSval is taken', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 5000 });
  bed.advance(23 * DAY_MS);
  bed.peer.send({ flags: 'PA', seq: 1, data: 10, options: stamped(bed, 4000) });
  assert.equal(app.received.length, 0);
  bed.advance(2 * DAY_MS);
  bed.peer.send({ flags: 'PA', seq: 1, data: 10, options: stamped(bed, 4000) });
  assert.equal(app.received.length, 10);
  // And it is the new TS.Recent: what follows is not taken to be old.
  assert.equal(app.tcb.timestamps.recent, 4000);
  bed.peer.send({ flags: 'PA', seq: 11, data: 10, options: stamped(bed, 4001) });
  assert.equal(app.received.length, 20);
});

test('TS-11: every packet of a connection with PAWS has DF set', () => {
  for (const state of ALL_STATES.slice(2)) {
    const { bed } = reach(state);
    assert.ok(bed.packets.length > 0);
    for (const packet of bed.packets) assert.equal((packet[6] as number) & 0x40, 0x40, state);
  }
});
