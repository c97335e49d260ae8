import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASON, REASONS } from '../../../src/base/reasons.ts';
import { testbed } from '../../support/peer.ts';
import { reach, SYNCHRONIZED, stateOf } from '../../support/states.ts';

const SYN = { mss: 1460 };

test('D01 blind RST: a sweep in steps of the window hits nothing but challenges, and those are limited', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  // RCV.NXT itself is the one value in 2^32 that works; the sweep does not know it.
  for (let offset = 1; offset < 2 ** 32; offset += 65_535)
    bed.peer.send({ flags: 'R', seq: bed.peer.nxt + offset });
  assert.equal(app.state, 'ESTABLISHED');
  assert.ok(bed.peer.sent().length <= 10);
});

test('D02 blind SYN: neither a reset nor a close, wherever it lies', () => {
  for (const state of SYNCHRONIZED) {
    const { bed } = reach(state, { config: { 'timeWait.reuse': 'off' } });
    for (let i = 0; i < 50; i++) bed.peer.send({ flags: 'S', seq: Math.imul(i, 0x9e3779b1) });
    assert.equal(stateOf(bed), state);
    for (const { flags } of bed.peer.sent()) assert.equal(flags, 'A');
  }
});

test('D03 blind data: a guessed sequence number is not enough', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  let taken = 0;
  for (let i = 1; i < 1000; i++) {
    bed.peer.send({ flags: 'PA', seq: 1, ack: Math.imul(i, 0x9e3779b1) >>> 0, data: new Uint8Array(10) });
    taken = app.received.length;
    if (taken > 0) break;
  }
  assert.equal(taken, 0);
});

test('D04: in a synchronized state the sequence number of a reset decides, not its ACK', () => {
  for (const ack of [0, 2, 500, 2 ** 31]) {
    const { bed, app } = reach('ESTABLISHED');
    bed.peer.send({ flags: 'RA', seq: bed.peer.nxt, ack });
    assert.equal(app?.state, 'CLOSED', `ack ${ack}`);
  }
});

test('D04: in SYN-SENT its ACK decides', () => {
  const { bed, app } = reach('SYN-SENT');
  for (const ack of [0, 2]) bed.peer.send({ flags: 'RA', seq: 0, ack });
  bed.peer.send({ flags: 'R', seq: 0 });
  assert.equal(app?.state, 'SYN-SENT');
  bed.peer.send({ flags: 'RA', seq: 0, ack: 1 });
  assert.deepEqual([app?.state, app?.error], ['CLOSED', 'ECONNREFUSED']);
});

test('D05 challenge-ACK counter: what others provoke does not show in one’s own connection', () => {
  const bed = testbed();
  bed.listen(7);
  const attacker = bed.newPeer({ address: '10.9.0.66' });
  bed.peer.handshake('passive');
  attacker.handshake('passive');
  const counts: number[] = [];
  for (const spoofed of [0, 5, 100]) {
    bed.advance(5000);
    for (let i = 0; i < spoofed; i++) bed.peer.send({ flags: 'R', seq: bed.peer.nxt + 7 });
    for (let i = 0; i < 100; i++) attacker.send({ flags: 'R', seq: attacker.nxt + 7 });
    counts.push(attacker.sent().length);
  }
  assert.equal(new Set(counts).size, 1);
});

test('D06, S01: with the challenge limit burnt, duplicate data still gets its ACK', () => {
  const bed = testbed();
  bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.advance(100);
  for (let i = 0; i < 100; i++) bed.peer.send({ flags: 'R', seq: bed.peer.nxt + 7 });
  bed.peer.sent();
  for (let i = 0; i < 20; i++) {
    bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
    bed.peer.expect({ flags: 'A', ack: 101 });
  }
});

test('D10 PAWS poisoning: a huge TSval is kept only with a segment at the left edge and a good ACK', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { tsVal: 1000 });
  const huge = { timestamps: [1000 + 2 ** 31 - 2, bed.peer.tsEcr] as const };
  bed.peer.send({ flags: 'PA', seq: 500, data: 10, options: huge });
  bed.peer.send({ flags: 'PA', seq: 900_000, data: 10, options: huge });
  bed.peer.send({ flags: 'PA', seq: 1, ack: 5000, data: 10, options: huge });
  bed.peer.send({ flags: 'PA', seq: 1, ack: 1 - 2 ** 30, data: 10, options: huge });
  bed.peer.send({ flags: 'S', seq: 1, options: huge });
  bed.peer.send({ flags: 'R', seq: 5, options: huge });
  assert.equal(app.tcb.timestamps.recent, 1000);
  bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
  assert.equal(app.received.length, 10);
});

test('D10: a compact SYN-RECEIVED record does not take its TSval from a SYN with another sequence number', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.timestamps = true;
  bed.peer.tsOffset = 1000;
  bed.peer.send({ flags: 'S', options: SYN });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'S', seq: 77, options: { ...SYN, timestamps: [1000 + 2 ** 30, 0] } });
  bed.peer.send({ flags: 'S', seq: -77, options: { ...SYN, timestamps: [500, 0] } });
  bed.peer.sent();
  bed.peer.nxt = 1;
  bed.peer.send({ flags: 'A' });
  assert.equal(bed.accepted.length, 1);
});

test('D12: what one secret shows says nothing about another: ISN, port, timestamp and cookie differ under one seed', () => {
  const bed = testbed({ config: { synCookies: 'always' } });
  bed.listen(7);
  bed.peer.send({ flags: 'S', seq: 0, options: { ...SYN, timestamps: [1, 0] } });
  const cookie = bed.peer.expect({ flags: 'SA' });
  const active = bed.newPeer({ address: '10.9.0.1', port: 40_000 });
  bed.connect(active, { localPort: 8 });
  const syn = active.expect({ flags: 'S' });
  const values = [cookie.rawSeq, syn.rawSeq, syn.options.timestamps?.[0] ?? 0];
  assert.equal(new Set(values.map((value) => value >>> 8)).size, 3);
});

test('D13: cookies of any value are weighed without an exception', () => {
  const bed = testbed({ config: { synCookies: 'always' } });
  bed.listen(7);
  for (const ack of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) bed.peer.send({ flags: 'A', seq: 5, ack });
  assert.equal(bed.accepted.length, 0);
  assert.equal(bed.stack.counters.byReason[REASON.PACKET_GUARD], 0);
});

test('rule 3: a bad packet counts under one reason and changes nothing else', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const before = [...bed.stack.counters.byReason];
  bed.peer.send({ flags: 'PA', seq: 1, data: 10, checksumError: 0x101 });
  const moved = REASONS.filter((_, code) => bed.stack.counters.byReason[code] !== before[code]);
  assert.deepEqual(
    moved.map(({ name }) => name),
    ['TCP_CSUM'],
  );
  assert.equal(app.received.length, 0);
  bed.expectSilence();
});
