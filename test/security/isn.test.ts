import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshSeed, HashRandom, RST, SYN, seqOf, Wire } from '../support/wire.ts';
import { INSTRUMENTS, weaknesses } from './support/statistics.ts';

const SAMPLES = 100_000;

/** The ISN of the SYN,ACK for a SYN; the half-open connection is reset, so that none is in the way. */
function isnFor(wire: Wire, source: number, sourcePort: number): number {
  const from = { source, sourcePort, destinationPort: 7 };
  const [answer] = wire.ask({ ...from, flags: SYN, seq: 1 });
  assert.ok(answer !== undefined, 'the SYN was answered');
  wire.send({ ...from, flags: RST, seq: 2 });
  return seqOf(answer);
}

function listening(seed: string, start?: number): Wire {
  const wire = new Wire({ random: new HashRandom(seed), ...(start === undefined ? {} : { start }) });
  wire.listen(7);
  return wire;
}

/** Generators that have been in use somewhere, or that look good at first sight. */
const WEAK: Record<string, (index: number, previous: number) => number> = {
  'the 4 µs clock alone': (index) => index * 250,
  '4.2BSD: 64,000 more for each connection': (_, previous) => previous + 64_000,
  'clock plus a sum over the four-tuple': (index) => index * 250 + (index % 1000) * 0x10001,
  'rand() of C: 31 bits, low ones regular': (_, previous) =>
    (Math.imul(previous, 1_103_515_245) + 12_345) & 0x7fffffff,
  'a generator with 16 bits of state': (_, previous) => {
    const state = (previous & 0xffff) * 25_173 + 13_849;
    return (((state * 25_173 + 13_849) & 0xffff) << 16) | (state & 0xffff);
  },
  'random, but never above 2^31 and rarely far from the last': (_, previous) =>
    (previous + Math.floor((Math.sin(previous) + 1) * 2 ** 24)) & 0x7fffffff,
};

function generate(next: (index: number, previous: number) => number): Int32Array {
  const values = new Int32Array(SAMPLES);
  let previous = 12_345;
  for (let i = 0; i < SAMPLES; i++) {
    previous = next(i, previous) | 0;
    values[i] = previous;
  }
  return values;
}

test('the instruments find every weak generator, and each of them finds one', () => {
  const used = new Set<string>();
  for (const [name, next] of Object.entries(WEAK)) {
    const found = weaknesses(generate(next));
    assert.notDeepEqual(found, [], name);
    for (const instrument of found) used.add(instrument);
  }
  assert.deepEqual(
    INSTRUMENTS.filter((name) => !used.has(name)),
    [],
    'an instrument that finds nothing',
  );
});

test('the instruments find nothing in random numbers', (t) => {
  const random = new HashRandom(freshSeed(t));
  assert.deepEqual(weaknesses(generate(() => random.nextUint32())), []);
});

test('IS-01, RFC 9293 §3.4.1: 100,000 ISNs of one four-tuple tick with the 4 µs clock and nothing else', (t) => {
  const seed = freshSeed(t);
  const wire = listening(seed);
  const steps = new HashRandom(`${seed}/steps`);
  const began = wire.clock.now;
  const first = isnFor(wire, 0x0a090001, 4000);
  for (let i = 1; i < SAMPLES; i++) {
    wire.pass(1 + (steps.nextUint32() % 5000));
    const ticks = Math.floor(wire.clock.now / 4) - Math.floor(began / 4);
    assert.equal((isnFor(wire, 0x0a090001, 4000) - first) | 0, ticks | 0);
  }
});

test('IS-01, D07, RFC 9293 §3.4.1: 100,000 ISNs of neighbouring four-tuples are random to every instrument', (t) => {
  const wire = listening(freshSeed(t));
  const values = new Int32Array(SAMPLES);
  for (let i = 0; i < SAMPLES; i++) {
    values[i] = isnFor(wire, 0x0a090100 + (i >> 10), 1024 + (i & 0x3ff));
    wire.pass(20);
  }
  assert.deepEqual(weaknesses(values), []);
});

test('D07: what two four-tuples of one peer differ by is different for every pair', (t) => {
  const wire = listening(freshSeed(t));
  const values = new Int32Array(SAMPLES / 2);
  // The attacker's own ISN on the next port, seen a moment before, is no help.
  for (let i = 0; i < values.length; i++) {
    const own = isnFor(wire, 0x0a090100 + (i >> 10), 1024 + 2 * (i & 0x3ff));
    values[i] = isnFor(wire, 0x0a090100 + (i >> 10), 1025 + 2 * (i & 0x3ff)) - own;
  }
  assert.deepEqual(weaknesses(values), []);
});

test('IS-01: after a restart at the same clock a four-tuple’s ISN is unrelated to the one before', (t) => {
  const seed = freshSeed(t);
  const boots = 3000;
  const isnsOf = (seedOf: (boot: number) => string): Int32Array =>
    Int32Array.from({ length: boots }, (_, boot) => isnFor(listening(seedOf(boot)), 0x0a090001, 4000));
  assert.deepEqual(weaknesses(isnsOf((boot) => `${seed}/${boot}`)), []);
  assert.notDeepEqual(weaknesses(isnsOf(() => seed)), [], 'a secret that outlives the boot would be found');
});
