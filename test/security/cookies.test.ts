import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, ATTACKER, freshSeed, HashRandom, SYN, seqOf, VICTIM, Wire } from '../support/wire.ts';
import { duplicatePairs, isAboveChance, packBits, weaknesses } from './support/statistics.ts';

const SAMPLES = 100_000;
/** Bits of a cookie that the keyed hash fills. */
const HASH_BITS = 24;
const HASH_MASK = (1 << HASH_BITS) - 1;

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
  test(`SF-02, C04: the hashes of 100,000 cookies for ${name} are random, with all of their 24 bits`, (t) => {
    const wire = flooded(freshSeed(t));
    const hashes = Int32Array.from({ length: SAMPLES }, (_, i) => cookieOf(wire, i) & HASH_MASK);
    assert.deepEqual(weaknesses(packBits(hashes, HASH_BITS)), []);
    const pairs = duplicatePairs(hashes);
    t.diagnostic(`${pairs} equal pairs; 24 bits give ${Math.round(expectedPairs(HASH_BITS))}`);
    assert.ok(!isAboveChance(pairs, expectedPairs(HASH_BITS)), `${pairs}`);
    // The same count would tell a hash of which one bit less is random.
    const narrow = hashes.map((hash) => hash & (HASH_MASK >> 1));
    assert.ok(isAboveChance(duplicatePairs(narrow), expectedPairs(HASH_BITS)));
  });
}

test('C04, SF-02: of 100,000 guesses by one who knows time and MSS of a cookie none opens a connection', (t) => {
  const seed = freshSeed(t);
  const wire = flooded(seed);
  const guesses = new HashRandom(`${seed}/guesses`);
  // His own cookie shows him everything but the hash.
  const known = cookieFor(wire, ATTACKER, 1) & ~HASH_MASK;
  const from = { source: VICTIM, sourcePort: 4000, destinationPort: 7 };
  for (let i = 0; i < SAMPLES; i++) {
    const guess = known | (guesses.nextUint32() & HASH_MASK);
    wire.send({ ...from, flags: ACK, seq: 2, ack: (guess + 1) | 0 });
  }
  assert.equal(wire.accepted.length, 0);
  assert.equal(wire.counter('TCP_COOKIE_INVALID') + wire.counter('TCP_RST_LIMIT'), SAMPLES);
  const cookie = cookieFor(wire, VICTIM, 1);
  wire.send({ ...from, flags: ACK, seq: 2, ack: (cookie + 1) | 0 });
  assert.equal(wire.accepted.length, 1, 'the cookie itself does');
});

test('SF-02: a cookie is worth nothing after two minutes, nor to a stack that has restarted', (t) => {
  const seed = freshSeed(t);
  const wire = flooded(seed);
  const restarted = flooded(`${seed}/restarted`);
  const ack = (cookieFor(wire, VICTIM, 1) + 1) | 0;
  const from = { source: VICTIM, sourcePort: 4000, destinationPort: 7 };
  restarted.send({ ...from, flags: ACK, seq: 2, ack });
  wire.pass(128_000_000);
  wire.send({ ...from, flags: ACK, seq: 2, ack });
  assert.equal(wire.accepted.length + restarted.accepted.length, 0);
});
