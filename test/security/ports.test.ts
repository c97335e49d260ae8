import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACKER, freshSeed, HashRandom, Wire } from '../support/wire.ts';
import { isUneven, packBits, weaknesses } from './support/statistics.ts';

const SAMPLES = 100_000;
/** 2^15 ports, so that each is fifteen bits. */
const FIRST = 32_768;
const WIDTH = 15;
const RANGE = 1 << WIDTH;

/** The source port of a connection toward a peer that is opened and ended at once. */
function portToward(wire: Wire, peer: number, peerPort = 80): number {
  const tcb = wire.connect(peer, peerPort);
  const { localPort } = tcb;
  wire.abort(tcb);
  wire.take();
  return localPort - FIRST;
}

function opening(seed: string): Wire {
  return new Wire({ random: new HashRandom(seed), config: { ports: `${FIRST}-${FIRST + RANGE - 1}` } });
}

/** What the measurements must find: a stack that takes the next port for every open, to whomever. */
function* sequential(): Generator<number, never> {
  for (let port = 1; ; port = (port + 1) % RANGE) yield port;
}

test('PT-02, RFC 6056 §3.3: the ports toward 100,000 peers are spread evenly and unrelated', (t) => {
  const wire = opening(freshSeed(t));
  const ports = Uint16Array.from({ length: SAMPLES }, (_, i) => portToward(wire, 0x0a100000 + i));
  assert.deepEqual(weaknesses(packBits(ports, WIDTH)), []);
  const counts = new Uint32Array(512);
  for (const port of ports) (counts[port >> 6] as number)++;
  assert.ok(!isUneven(counts));
  const weak = sequential();
  const weakPorts = Uint16Array.from({ length: SAMPLES }, () => weak.next().value);
  assert.notDeepEqual(weaknesses(packBits(weakPorts, WIDTH)), [], 'one counter for all would be found');
});

test('PT-02: the port of the last connection to an attacker says nothing about the next one to a victim', (t) => {
  const wire = opening(freshSeed(t));
  const distances = (toAttacker: () => number, toVictim: (i: number) => number): Uint16Array =>
    Uint16Array.from({ length: SAMPLES / 2 }, (_, i) => {
      const own = toAttacker();
      return (toVictim(i) - own) & (RANGE - 1);
    });
  const measured = distances(
    () => portToward(wire, ATTACKER),
    (i) => portToward(wire, 0x0a100000 + i),
  );
  assert.deepEqual(weaknesses(packBits(measured, WIDTH)), []);
  const weak = sequential();
  const next = (): number => weak.next().value;
  assert.notDeepEqual(weaknesses(packBits(distances(next, next), WIDTH)), []);
});

test('RFC 6056 §3.3.4: an attacker cannot count from his own ports what is opened to others', (t) => {
  const wire = opening(freshSeed(t));
  const countable = (toAttacker: () => number, toVictim: (i: number) => number): number => {
    let right = 0;
    for (let i = 0; i < 2000; i++) {
      const before = toAttacker();
      const opened = i % 5;
      for (let j = 0; j < opened; j++) toVictim(5 * i + j);
      if (((toAttacker() - before - 1) & (RANGE - 1)) === opened) right++;
    }
    return right;
  };
  let global = 0;
  const next = (): number => global++ % RANGE;
  assert.equal(countable(next, next), 2000);
  const right = countable(
    () => portToward(wire, ATTACKER),
    (i) => portToward(wire, 0x0a100000 + i),
  );
  t.diagnostic(`${right} of 2000 counts right; 400 are right by always saying none`);
  assert.ok(right < 500, `${right} of 2000 counts right`);
});

test('PT-02: a port toward one peer comes back only after half of the range, over 100,000 opens', (t) => {
  const wire = opening(freshSeed(t));
  const lastUse = new Int32Array(RANGE).fill(-RANGE);
  let least = Infinity;
  for (let i = 0; i < SAMPLES; i++) {
    const port = portToward(wire, ATTACKER);
    least = Math.min(least, i - (lastUse[port] as number));
    lastUse[port] = i;
  }
  t.diagnostic(`after ${least} opens at the earliest`);
  assert.ok(least >= RANGE / 2, `${least}`);
});
