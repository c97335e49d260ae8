import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, freshSeed, HashRandom, RST, SYN, tsValOf, Wire } from '../support/wire.ts';
import { weaknesses } from './support/statistics.ts';

const SAMPLES = 100_000;

/** TSval of the SYN,ACK for a SYN; the half-open connection is reset, so that none is in the way. */
function stampFor(wire: Wire, source: number, sourcePort = 4000): number {
  const from = { source, sourcePort, destinationPort: 7 };
  const [answer] = wire.ask({ ...from, flags: SYN, seq: 1, timestamps: [1, 0] });
  assert.ok(answer !== undefined, 'the SYN was answered');
  wire.send({ ...from, flags: RST, seq: 2 });
  const stamp = tsValOf(answer);
  assert.ok(stamp !== null, 'with a timestamp');
  return stamp;
}

function listening(seed: string, start?: number, synCookies = 'cookies'): Wire {
  const config = { synCookies };
  const wire = new Wire({ random: new HashRandom(seed), config, ...(start === undefined ? {} : { start }) });
  wire.listen(7);
  return wire;
}

test('RFC 7323 §5.4: TSval of one address pair ticks in 1 ms, whatever the ports, over 100,000 samples', (t) => {
  const seed = freshSeed(t);
  const wire = listening(seed);
  const steps = new HashRandom(`${seed}/steps`);
  const began = Math.floor(wire.clock.now / 1000);
  const first = stampFor(wire, 0x0a090001);
  for (let i = 1; i < SAMPLES; i++) {
    wire.pass(steps.nextUint32() % 5000);
    const stamp = stampFor(wire, 0x0a090001, 1024 + (i & 0x7fff));
    assert.equal((stamp - first) | 0, Math.floor(wire.clock.now / 1000) - began);
  }
});

test('RFC 7323 §7.1: 100,000 address pairs see unrelated TSvals at the same moment', (t) => {
  const wire = listening(freshSeed(t));
  const values = Int32Array.from({ length: SAMPLES }, (_, i) => stampFor(wire, 0x0a100000 + 3 * i + 1));
  assert.deepEqual(weaknesses(values), []);
});

test('RFC 7323 §7.1: TSval is not the uptime: over 3000 boots, each looked at after the same time, it is random', (t) => {
  const seed = freshSeed(t);
  const boots = 3000;
  const stampsOf = (seedOf: (boot: number) => string): Int32Array =>
    Int32Array.from({ length: boots }, (_, boot) => stampFor(listening(seedOf(boot), 5_000_000), 0x0a090001));
  assert.deepEqual(weaknesses(stampsOf((boot) => `${seed}/${boot}`)), []);
  const uptimes = Int32Array.from({ length: boots }, (_, boot) => 5000 + boot);
  assert.notDeepEqual(weaknesses(uptimes), [], 'the uptime itself would be found');
  assert.notDeepEqual(weaknesses(stampsOf(() => seed)), [], 'so would one offset for ever');
});

test('the options that ride in a cookie’s TSval take it back by less than 64 ms, and never ahead of the clock', (t) => {
  const seed = freshSeed(t);
  const wire = listening(seed, 1_000_000_000, 'always');
  const plain = listening(seed, 1_000_000_000);
  for (let i = 0; i < 20_000; i++) {
    const behind = (stampFor(plain, 0x0a090001) - stampFor(wire, 0x0a090001)) | 0;
    assert.ok(behind >= 0 && behind < 64, `${behind} ms behind`);
    wire.pass(700);
    plain.pass(700);
  }
});

test('PAWS: what is sent after the handshake with a cookie is never older than its SYN,ACK', (t) => {
  const wire = listening(freshSeed(t), 1_000_000_000, 'always');
  for (let port = 1024; port < 2048; port++) {
    wire.pass(977);
    const from = { source: 0x0a090001, sourcePort: port, destinationPort: 7 };
    const [answer] = wire.ask({ ...from, flags: SYN, seq: 1, timestamps: [1, 0] });
    assert.ok(answer !== undefined);
    const stamp = tsValOf(answer) ?? 0;
    const view = new DataView(answer.buffer, answer.byteOffset);
    const ack = (view.getInt32(24) + 1) | 0;
    wire.send({ ...from, flags: ACK, seq: 2, ack, timestamps: [1, stamp] });
    const data = { payload: new Uint8Array(2000).subarray(0, 1000), timestamps: [1, stamp] as const };
    const [echo] = wire.ask({ ...from, flags: ACK, seq: 2, ack, ...data });
    assert.ok(echo !== undefined, 'the first data of a connection is acknowledged at once');
    assert.ok((((tsValOf(echo) ?? 0) - stamp) | 0) >= 0);
  }
  assert.equal(wire.accepted.length, 1024);
});
