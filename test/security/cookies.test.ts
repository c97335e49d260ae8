import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, ATTACKER, freshSeed, HashRandom, SYN, seqOf, VICTIM, Wire } from '../support/wire.ts';
import { duplicatePairs, isAboveChance, weaknesses } from './support/statistics.ts';

const SAMPLES = 100_000;
/** Bits of a cookie that the keyed hash fills. */
const HASH_BITS = 24;
const HASH_MASK = (1 << HASH_BITS) - 1;
const VICTIM_ENDS = { source: VICTIM, sourcePort: 4000, destinationPort: 7 };

function flooded(seed: string): Wire {
  const wire = new Wire({ random: new HashRandom(seed), config: { synCookies: 'always' } });
  wire.listen(7);
  return wire;
}

function cookieFor(wire: Wire, source: number, seq: number): number {
  const [answer] = wire.ask({ source, sourcePort: 4000, destinationPort: 7, flags: SYN, seq });
  assert.ok(answer !== undefined, 'the SYN was answered');
  return seqOf(answer);
}

/** Pairs of equal values that chance gives among `SAMPLES` of so many bits. */
function expectedPairs(bits: number): number {
  return (SAMPLES * (SAMPLES - 1)) / 2 / 2 ** bits;
}

for (const [name, cookieOf] of [
  ['neighbouring addresses', (wire: Wire, i: number) => cookieFor(wire, 0x0a100000 + i, 1)],
  ['neighbouring ISNs of one four-tuple', (wire: Wire, i: number) => cookieFor(wire, ATTACKER, i)],
] as const) {
  test(`SF-02, C04: 100,000 cookies for ${name} are random in all bits, those of the time included`, (t) => {
    const wire = flooded(freshSeed(t));
    const cookies = Int32Array.from({ length: SAMPLES }, (_, i) => cookieOf(wire, i));
    assert.deepEqual(weaknesses(cookies), []);
    const pairs = duplicatePairs(cookies.map((cookie) => cookie & HASH_MASK));
    t.diagnostic(`${pairs} equal hashes; 24 bits give ${Math.round(expectedPairs(HASH_BITS))}`);
    assert.ok(!isAboveChance(pairs, expectedPairs(HASH_BITS)), `${pairs}`);
    // The same count would tell a hash of which one bit less is random.
    const narrow = cookies.map((cookie) => cookie & (HASH_MASK >> 1));
    assert.ok(isAboveChance(duplicatePairs(narrow), expectedPairs(HASH_BITS)));
    // And the instruments would tell the time, which is the same in all of them, if it were not hidden.
    const plain = cookies.map((cookie) => (cookie & HASH_MASK) | 0x15000000);
    assert.notDeepEqual(weaknesses(plain), []);
  });
}

test('C04, SF-02: of 100,000 guesses none opens a connection; 16 numbers in 2^32 would', (t) => {
  const seed = freshSeed(t);
  const wire = flooded(seed);
  const guesses = new HashRandom(`${seed}/guesses`);
  for (let i = 0; i < SAMPLES; i++) {
    wire.send({ ...VICTIM_ENDS, flags: ACK, seq: 2, ack: guesses.nextUint32() });
  }
  assert.equal(wire.accepted.length, 0);
  assert.equal(wire.counter('TCP_COOKIE_INVALID') + wire.counter('TCP_RST_LIMIT'), SAMPLES);
  const cookie = cookieFor(wire, VICTIM, 1);
  // The upper eight bits say time and MSS: two times are good, and eight sizes, each with a hash of its own.
  for (let upper = 0; upper < 256; upper++) {
    const ack = ((upper << HASH_BITS) | (cookie & HASH_MASK)) + 1;
    wire.send({ ...VICTIM_ENDS, flags: ACK, seq: 2, ack: ack | 0 });
  }
  assert.equal(wire.accepted.length, 1, 'the cookie itself, and with no other upper bits');
});

test('SF-02: no cookie is believed by a listener that has sent none for two minutes', (t) => {
  const seed = freshSeed(t);
  // The same secrets: the true cookie for this client, of which the quiet stack has never heard.
  const cookie = cookieFor(flooded(seed), VICTIM, 1);
  const quiet = new Wire({ random: new HashRandom(seed), config: { synQueue: 1 } });
  quiet.listen(7);
  const open = { ...VICTIM_ENDS, flags: ACK, seq: 2, ack: (cookie + 1) | 0 };
  quiet.send(open);
  assert.equal(quiet.accepted.length, 0);
  // Once the queue has been full, it might be a client's.
  for (let i = 0; i < 10; i++) cookieFor(quiet, ATTACKER + i, 1);
  assert.ok(quiet.counter('TCP_SYN_COOKIE') > 0);
  quiet.send(open);
  assert.equal(quiet.accepted.length, 1);
});

test('SF-02: a cookie is worth nothing after two minutes, nor to a stack that has restarted', (t) => {
  const seed = freshSeed(t);
  const wire = flooded(seed);
  const restarted = flooded(`${seed}/restarted`);
  const ack = (cookieFor(wire, VICTIM, 1) + 1) | 0;
  restarted.send({ ...VICTIM_ENDS, flags: ACK, seq: 2, ack });
  wire.pass(128_000_000);
  wire.send({ ...VICTIM_ENDS, flags: ACK, seq: 2, ack });
  assert.equal(wire.accepted.length + restarted.accepted.length, 0);
});
