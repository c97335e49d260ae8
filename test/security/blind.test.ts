/**
 * Segments of an attacker who knows the four-tuple of a connection and none of its numbers. Each
 * attack is run without the defence, too, where it needs as many packets as theory says.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, type Fields, freshSeed, HashRandom, PSH, RST, SYN, VICTIM, Wire } from '../support/wire.ts';
import { type Established, open } from '../support/wire-connection.ts';
import { isAboveChance } from './support/statistics.ts';

const ENDS = { source: VICTIM, sourcePort: 40_000, destinationPort: 7 };
/** The window that we offer: no scaling, so that it is the largest a field can say. */
const WINDOW = 65_535;
const SEQUENCE_SPACE = 2 ** 32;
/** Packets that reach every window once. */
const SWEEP = Math.ceil(SEQUENCE_SPACE / WINDOW);

interface Target extends Established {
  readonly wire: Wire;
}

function target(seed: string, rfc5961: 'on' | 'off'): Target {
  const config = { rfc5961, 'buffer.receive': '64K', 'challengeAck.limit': 10 };
  const wire = new Wire({ random: new HashRandom(seed), config });
  wire.listen(7);
  const connection = open(wire, ENDS);
  assert.equal(connection.tcb.rcv.wnd, WINDOW);
  return { ...connection, wire };
}

/** Sends `flags` through the whole sequence space in steps of a window; how many it took to hit, or null. */
function sweep(at: Target, start: number, fields: Partial<Fields> & { flags: number }): number | null {
  for (let i = 0; i < SWEEP; i++) {
    at.wire.send({ ...ENDS, ...fields, seq: (start + i * WINDOW) | 0 });
    if (at.tcb.state !== 'ESTABLISHED') return i + 1;
  }
  return null;
}

for (const [name, fields] of [
  ['RST', { flags: RST }],
  ['SYN', { flags: SYN }],
] as const) {
  test(`D01, D02, RFC 5961 §1.2: a ${name} sweep ends a connection without the defence, in half of ${SWEEP} packets on average`, (t) => {
    const seed = freshSeed(t);
    const starts = new HashRandom(`${seed}/starts`);
    const runs = 4;
    let packets = 0;
    for (let i = 0; i < runs; i++) {
      const took = sweep(target(`${seed}/${i}`, 'off'), starts.nextUint32(), fields);
      assert.ok(took !== null, 'a window is hit in every sweep');
      packets += took;
    }
    const deviation = SWEEP / Math.sqrt(12 * runs);
    t.diagnostic(`${Math.round(packets / runs)} packets on average`);
    assert.ok(Math.abs(packets / runs - SWEEP / 2) < 6 * deviation, `${packets / runs}`);
  });

  test(`D01, D02, RFC 5961 §3, §4: a ${name} sweep with the defence hits nothing, and earns the peer 10 ACKs`, (t) => {
    const at = target(freshSeed(t), 'on');
    // The true number is one in 2^32; the sweep passes beside it.
    assert.equal(sweep(at, at.seq + 2, fields), null);
    assert.ok(at.wire.take().length <= 10);
    at.wire.send({ ...ENDS, flags: ACK | PSH, seq: at.seq, ack: at.ack, payload: new Uint8Array(10) });
    assert.equal(at.tcb.readable, 10, 'the true peer goes on');
  });
}

test('D01: 100,000 random resets: those in the window, 1 in 65,537, are challenged, and none is believed', (t) => {
  const seed = freshSeed(t);
  const at = target(seed, 'on');
  const guesses = new HashRandom(`${seed}/guesses`);
  for (let i = 0; i < 100_000; i++) at.wire.send({ ...ENDS, flags: RST, seq: guesses.nextUint32() });
  const challenged = at.wire.counter('TCP_RST_CHALLENGE');
  assert.equal(at.tcb.state, 'ESTABLISHED');
  assert.equal(challenged + at.wire.counter('TCP_RST_OUTSIDE'), 100_000);
  t.diagnostic(`${challenged} in the window`);
  assert.ok(!isAboveChance(challenged, 100_000 / SWEEP), `${challenged} where 1.5 are expected`);
});

test('D01, RFC 5961 §3.2: of the 65,535 numbers in the window one resets the connection', (t) => {
  const at = target(freshSeed(t), 'on');
  for (let offset = 1; offset < WINDOW; offset++) {
    at.wire.send({ ...ENDS, flags: RST, seq: (at.seq + offset) | 0 });
  }
  assert.equal(at.tcb.state, 'ESTABLISHED');
  at.wire.send({ ...ENDS, flags: RST, seq: at.seq });
  assert.equal(at.tcb.state, 'CLOSED');
});

/** Of 65,536 ACK numbers, evenly spread, how many let data at a known place in the window in. */
function acceptedAcks(at: Target): number {
  let accepted = 0;
  const payload = new Uint8Array(1);
  for (let i = 0; i < 65_536; i++) {
    const seq = (at.seq + accepted) | 0;
    at.wire.send({ ...ENDS, flags: ACK | PSH, seq, ack: (at.ack - i * 65_536) | 0, payload });
    if (at.tcb.readable > accepted) accepted++;
  }
  return accepted;
}

test('D03, RFC 5961 §5: with the sequence number known, 1 ACK number in 65,536 lets data in, and half of them without the defence', (t) => {
  const seed = freshSeed(t);
  assert.equal(acceptedAcks(target(seed, 'on')), 1);
  // From SND.NXT back to 2^31 before it: what lies further back is an ACK of the future.
  assert.equal(acceptedAcks(target(seed, 'off')), 32_769);
});

test('D03: 100,000 random data segments: none is taken, and those in the window are as few as chance has it', (t) => {
  const seed = freshSeed(t);
  const at = target(seed, 'on');
  const guesses = new HashRandom(`${seed}/guesses`);
  const payload = new Uint8Array(1);
  for (let i = 0; i < 100_000; i++) {
    const [seq, ack] = [guesses.nextUint32(), guesses.nextUint32()];
    at.wire.send({ ...ENDS, flags: ACK | PSH, seq, ack, payload });
  }
  assert.equal(at.tcb.readable, 0);
  assert.equal(at.tcb.receiveBuffer.outOfOrderLength, 0);
  assert.equal(at.tcb.state, 'ESTABLISHED');
});

test('D04: a SYN-SENT connection believes a reset only with the ACK of its SYN: none of 100,000 guesses', (t) => {
  const seed = freshSeed(t);
  const wire = new Wire({ random: new HashRandom(seed) });
  const tcb = wire.connect(VICTIM, 80, 40_000);
  const guesses = new HashRandom(`${seed}/guesses`);
  const from = { source: VICTIM, sourcePort: 80, destinationPort: 40_000 };
  for (let i = 0; i < 100_000; i++) {
    wire.send({ ...from, flags: RST | ACK, seq: 0, ack: guesses.nextUint32() });
  }
  assert.equal(tcb.state, 'SYN-SENT');
  wire.send({ ...from, flags: RST | ACK, seq: 0, ack: (tcb.snd.iss + 1) | 0 });
  assert.equal(tcb.state, 'CLOSED');
});

test('D08: the source port must be guessed as well: a segment from the wrong one meets nothing', (t) => {
  const seed = freshSeed(t);
  const at = target(seed, 'on');
  const guesses = new HashRandom(`${seed}/guesses`);
  let hits = 0;
  const trials = 100_000;
  for (let i = 0; i < trials; i++) {
    const sourcePort = 32_768 + (guesses.nextUint32() % 28_232);
    at.wire.send({ ...ENDS, sourcePort, flags: RST, seq: at.seq });
    if (at.tcb.state !== 'ESTABLISHED') {
      hits++;
      Object.assign(at, target(`${seed}/${i}`, 'on'));
    }
  }
  t.diagnostic(`${hits} of ${trials} guesses of the port hit`);
  assert.ok(!isAboveChance(hits, trials / 28_232), `${hits} where 3.5 are expected`);
});
