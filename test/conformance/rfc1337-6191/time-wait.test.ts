import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HandshakeOptions, Testbed, TestbedOptions } from '../../support/peer.ts';
import { testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';
import { reach, stateOf } from '../../support/states.ts';

const TWO_MSL_MS = 60_000;

function timeWait(agreed: HandshakeOptions = {}, options: TestbedOptions = {}): Testbed {
  const { bed } = reach('TIME-WAIT', options, agreed);
  return bed;
}

function remaining(bed: Testbed): number {
  const [timer] = bed.connections()[0]?.timers ?? [];
  assert.equal(timer?.name, 'time-wait');
  return timer?.remainingMs ?? NaN;
}

/** A SYN for the 4-tuple in TIME-WAIT; `above` is its number less the peer's last one. */
function newSyn(bed: Testbed, above: number, tsVal?: number): void {
  bed.peer.timestamps = false;
  const options = tsVal === undefined ? { mss: 1460 } : { mss: 1460, timestamps: [tsVal, 0] as const };
  bed.peer.send({ flags: 'S', seq: bed.peer.nxt + above, options });
}

function expectChallenge(bed: Testbed): void {
  const { flags, ack } = bed.peer.expect({});
  assert.deepEqual([flags, ack], ['A', bed.peer.nxt]);
  assert.equal(stateOf(bed), 'TIME-WAIT');
}

function expectNewConnection(bed: Testbed): void {
  bed.peer.expect({ flags: 'SA' });
  assert.equal(stateOf(bed), 'SYN-RECEIVED');
}

scenario('TW-01, C14, S49: resets in TIME-WAIT are ignored', (bed) => {
  const app = bed.peer.handshake('passive');
  app.shutdown();
  bed.peer.expect({ flags: 'FA' });
  bed.peer.send({ flags: 'FA' });
  bed.peer.expect({ flags: 'A' });
  const left = remaining(bed);
  for (const offset of [-1, 0, 1, 100]) bed.peer.send({ flags: 'R', seq: bed.peer.nxt + offset });
  bed.expectSilence();
  assert.equal(stateOf(bed), 'TIME-WAIT');
  assert.equal(remaining(bed), left);
});

test('TW-01, EV-11: with timeWait.rfc1337 off an exact reset ends TIME-WAIT, as RFC 9293 has it', () => {
  const bed = timeWait({}, { config: { 'timeWait.rfc1337': 'off' } });
  bed.peer.send({ flags: 'R', seq: bed.peer.nxt + 1 });
  bed.peer.expect({ flags: 'A' });
  assert.equal(stateOf(bed), 'TIME-WAIT');
  bed.peer.send({ flags: 'R', seq: bed.peer.nxt });
  assert.equal(stateOf(bed), 'CLOSED');
});

scenario('TW-02: old data in TIME-WAIT earns an ACK and keeps the state', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.advance(100);
  app.shutdown();
  bed.peer.send({ flags: 'FA', ack: 2 });
  bed.peer.sent();
  assert.equal(stateOf(bed), 'TIME-WAIT');
  const left = remaining(bed);
  bed.peer.send({ flags: 'PA', seq: 1, data: 100, ack: 1 });
  bed.peer.expect({ flags: 'A', seq: 2, ack: 102, length: 0 });
  assert.equal(app.received.length, 100);
  assert.equal(remaining(bed), left);
});

test('TW-02: old data is not taken by the next incarnation', () => {
  const bed = timeWait();
  newSyn(bed, 5000);
  const old = bed.peer.nxt;
  bed.peer.isn = (bed.peer.isn + old + 5000) >>> 0;
  bed.peer.nxt = 1;
  expectNewConnection(bed);
  bed.peer.send({ flags: 'A', ack: 1 });
  bed.peer.send({ flags: 'PA', seq: -4990, data: new Uint8Array(10), ack: 1 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  assert.equal(bed.accepted[1]?.received.length, 0);
});

test('TW-03: timestamps both times: a newer TSval opens, whatever the sequence number', () => {
  for (const above of [-100_000, 0, 100_000]) {
    const bed = timeWait({ tsVal: 5000 });
    newSyn(bed, above, 5001);
    expectNewConnection(bed);
  }
});

test('TW-03: an equal TSval opens only with a higher sequence number', () => {
  const higher = timeWait({ tsVal: 5000 });
  newSyn(higher, 1, 5000);
  expectNewConnection(higher);
  const lower = timeWait({ tsVal: 5000 });
  newSyn(lower, 0, 5000);
  expectChallenge(lower);
});

test('TW-03: the new ISS lies above everything the old connection used', () => {
  const bed = timeWait({ tsVal: 5000 });
  const oldIss = bed.peer.iss as number;
  const oldNext = bed.peer.rcvNxt;
  newSyn(bed, 1, 6000);
  const { rawSeq } = bed.peer.expect({ flags: 'SA' });
  assert.ok(((rawSeq - (oldIss + oldNext)) | 0) > 0);
});

test('TW-04: timestamps before and none in the SYN: only a higher sequence number opens', () => {
  const higher = timeWait({ tsVal: 5000 });
  newSyn(higher, 1);
  expectNewConnection(higher);
  const lower = timeWait({ tsVal: 5000 });
  newSyn(lower, -1);
  expectChallenge(lower);
});

test('TW-04: no timestamps before, timestamps in the SYN: opens', () => {
  const bed = timeWait();
  newSyn(bed, -100, 5);
  expectNewConnection(bed);
});

test('TW-04: no timestamps at all: only a higher sequence number opens', () => {
  const higher = timeWait();
  newSyn(higher, 1);
  expectNewConnection(higher);
  const equal = timeWait();
  newSyn(equal, 0);
  expectChallenge(equal);
});

test('TW-05, C15: an old SYN does not bring the connection back: a challenge, and TIME-WAIT goes on', () => {
  const bed = timeWait({ tsVal: 5000 });
  const left = remaining(bed);
  for (const tsVal of [4999, 0, 5000 + 2 ** 31]) {
    newSyn(bed, -1000, tsVal >>> 0);
    expectChallenge(bed);
  }
  assert.equal(remaining(bed), left);
});

for (const [policy, above, tsVal, opens] of [
  ['off', 1000, 6000, false],
  ['isn', -1, 6000, false],
  ['isn', 1, 4000, true],
  ['timestamps', 1, undefined, false],
  ['timestamps', -1, 6000, true],
] as const) {
  test(`timeWait.reuse=${policy}: a SYN ${above} above with TSval ${tsVal} is ${opens ? 'taken' : 'not taken'}`, () => {
    const bed = timeWait({ tsVal: 5000 }, { config: { 'timeWait.reuse': policy } });
    newSyn(bed, above, tsVal);
    if (opens) expectNewConnection(bed);
    else expectChallenge(bed);
  });
}

test('TIME-WAIT: a new SYN that no listener would take does not end it', () => {
  const bed = testbed();
  const app = bed.peer.handshake('active');
  app.shutdown();
  bed.peer.expect({ flags: 'FA' });
  bed.peer.send({ flags: 'FA' });
  bed.peer.expect({ flags: 'A' });
  bed.peer.send({ flags: 'S', seq: bed.peer.nxt + 1000 });
  assert.deepEqual(bed.peer.expect({}).flags, 'A');
  assert.deepEqual(
    bed.connections().map(({ state }) => state),
    ['TIME-WAIT'],
  );
});

test('TIME-WAIT lasts 2 MSL from the last FIN', () => {
  const bed = timeWait();
  bed.advance(TWO_MSL_MS - 1000);
  bed.peer.send({ flags: 'FA', seq: bed.peer.nxt - 1 });
  bed.peer.expect({ flags: 'A', ack: bed.peer.nxt });
  bed.advance(TWO_MSL_MS - 1);
  assert.equal(stateOf(bed), 'TIME-WAIT');
  bed.advance(2);
  assert.equal(stateOf(bed), 'CLOSED');
  bed.peer.send({ flags: 'FA', seq: bed.peer.nxt - 1 });
  bed.peer.expect({ flags: 'R' });
});

test('S37: close() after shutdown() does not cut TIME-WAIT short', () => {
  const { bed, app } = reach('TIME-WAIT');
  app?.close();
  bed.advance(TWO_MSL_MS - 100);
  assert.equal(stateOf(bed), 'TIME-WAIT');
  bed.expectSilence();
});

test('TW-06: above timeWait.max the oldest leaves, counted', () => {
  const bed = testbed({ config: { 'timeWait.max': 3 } });
  bed.listen(7);
  for (let i = 0; i < 5; i++) {
    const peer = bed.newPeer({ port: 50_000 + i });
    const app = peer.handshake('passive');
    app.shutdown();
    peer.expect({ flags: 'FA' });
    peer.send({ flags: 'FA' });
    peer.expect({ flags: 'A' });
    bed.advance(10);
  }
  assert.deepEqual(
    bed
      .connections()
      .map(({ peer }) => peer)
      .sort(),
    ['10.9.0.1:50002', '10.9.0.1:50003', '10.9.0.1:50004'],
  );
  assert.equal(bed.counter('TIMEWAIT_EVICTED'), 2);
});
