/** Numbers, keys and hashes where JavaScript has traps for a network stack. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Counters } from '../../../src/base/counters.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import {
  type Seq,
  seqAdd,
  seqDiff,
  seqGe,
  seqGt,
  seqInWindow,
  seqLe,
  seqLt,
  seqMax,
  seqToUint,
  toSeq,
} from '../../../src/base/seq.ts';
import { HalfSipHash, SipHash } from '../../../src/base/siphash.ts';
import { FlowTable } from '../../../src/tcp/flows.ts';
import { slowdown } from '../../support/budget.ts';
import { testbed } from '../../support/peer.ts';

/** Where signed, unsigned, 31-bit and 32-bit arithmetic part. */
const EDGES = [0, 1, 2, 0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xc0000000]
  .concat([0xfffffffe, 0xffffffff])
  .flatMap((value) => [value, value | 0]);

test('N13: sequence arithmetic at every edge agrees with exact arithmetic modulo 2^32', () => {
  const modulus = 1n << 32n;
  const half = 1n << 31n;
  const exact = (a: number, b: number): bigint => {
    const distance = (((BigInt(a) - BigInt(b)) % modulus) + modulus) % modulus;
    return distance >= half ? distance - modulus : distance;
  };
  for (const left of EDGES) {
    for (const right of EDGES) {
      const [a, b] = [toSeq(left), toSeq(right)];
      const distance = exact(left, right);
      assert.equal(BigInt(seqDiff(a, b)), distance, `${left} − ${right}`);
      assert.equal(seqLt(a, b), distance < 0n);
      assert.equal(seqLe(a, b), distance <= 0n);
      assert.equal(seqGt(a, b), distance > 0n);
      assert.equal(seqGe(a, b), distance >= 0n);
      assert.equal(seqMax(a, b), distance >= 0n ? a : b);
      assert.equal(seqToUint(a), left >>> 0);
      for (const bytes of [0, 1, 65_535, 2 ** 30, -1, -65_536]) {
        const sum = (((BigInt(left) + BigInt(bytes)) % modulus) + modulus) % modulus;
        assert.equal(BigInt(seqToUint(seqAdd(a, bytes))), sum);
      }
      for (const window of [0, 1, 65_535, 2 ** 30]) {
        const offset = (exact(left, right) + modulus) % modulus;
        assert.equal(seqInWindow(a, b, window), offset < BigInt(window), `${left} in ${right} + ${window}`);
      }
    }
  }
});

test('N13: points that are 2^31 apart are before each other both ways, and equal to nothing else', () => {
  for (const value of EDGES) {
    const here = toSeq(value);
    const there = (here ^ 0x80000000) as Seq;
    assert.deepEqual([seqLt(here, there), seqLt(there, here)], [true, true]);
    assert.deepEqual([seqGt(here, there), seqGe(here, there)], [false, false]);
  }
});

test('N13: the largest window with the largest scale is a gigabyte, not a negative number', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { wscale: 14 });
  bed.peer.ack(1, 0xffff);
  assert.equal(app.tcb.snd.wnd, 0xffff * 2 ** 14);
  assert.equal(app.tcb.snd.maxWnd, 0xffff * 2 ** 14);
});

test('N13: counters go on above 2^32 and count one by one there', () => {
  const counters = new Counters();
  for (const start of [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 40, 2 ** 52]) {
    counters.byReason[3] = start;
    counters.count(3);
    assert.equal(counters.byReason[3], start + 1);
  }
});

interface Insides {
  buckets: Int32Array;
  home(flow: number): number;
}

/** The longest way from where a flow belongs to where it stands: what a look-up costs at most. */
function longestProbe(table: FlowTable): number {
  const { buckets } = table as unknown as Insides;
  const mask = buckets.length - 1;
  let longest = 0;
  buckets.forEach((entry, at) => {
    if (entry === 0) return;
    const home = (table as unknown as Insides).home(entry - 1) & mask;
    longest = Math.max(longest, (at - home) & mask);
  });
  return longest;
}

const FLOWS = 16_384;
const HERE = 0x0a090002;

/** Four-tuples with a pattern that a weak hash would put into one bucket. */
const CROWDS: Record<string, (i: number) => [peer: number, localPort: number, peerPort: number]> = {
  'one peer, all ports': (i) => [0x0a090001, 80, 1024 + i],
  'equal low bits of address and port': (i) => [i << 16, 80, ((i & 0xff) << 8) | 1],
  'address and port that cancel under XOR': (i) => [((i << 16) | i) ^ 0x5a5a5a5a, 80, i & 0xffff],
  'multiples of a power of two': (i) => [i << 14, 80, 0x4000],
  'the sum of address and port constant': (i) => [0x0a000000 + i, 80, 65_535 - (i & 0xffff)],
};

function filled(random: SeededRandom, crowd: (i: number) => [number, number, number]): FlowTable {
  const table = new FlowTable(random);
  for (let i = 0; i < FLOWS; i++) {
    const [peer, localPort, peerPort] = crowd(i);
    table.add(HERE, peer | 0, localPort, peerPort);
  }
  return table;
}

for (const [name, crowd] of Object.entries(CROWDS)) {
  test(`N11: ${FLOWS} crafted four-tuples crowd no bucket: ${name}`, () => {
    const random = new SeededRandom(7);
    const places = new Set<string>();
    for (let key = 0; key < 4; key++) {
      const table = filled(random, crowd);
      // A quarter to a half full: chance alone makes runs of some dozens.
      assert.ok(longestProbe(table) <= 64, `${longestProbe(table)} steps for one look-up`);
      places.add((table as unknown as Insides).buckets.slice(0, 64).join());
    }
    assert.equal(places.size, 4, 'where a flow stands depends on the key');
  });
}

test('N11: what crowds a bucket under one key does not under another', () => {
  // Somebody who knew this key would choose these: all belong into the same 64th of the table.
  const known = new HalfSipHash(new SeededRandom(1));
  const chosen: number[] = [];
  for (let peer = 0; chosen.length < 4096; peer++) {
    if ((known.hash(HERE, peer, (80 << 16) | 99) & 0x3f) === 0) chosen.push(peer);
  }
  const table = new FlowTable(new SeededRandom(2));
  for (const peer of chosen) table.add(HERE, peer, 80, 99);
  assert.ok(longestProbe(table) <= 64, `${longestProbe(table)} steps`);
});

test('N11: looking up crafted four-tuples is no dearer than any others', () => {
  const random = new SeededRandom(9);
  const spread = (i: number): [number, number, number] => [Math.imul(i, 0x9e3779b1), 80, 1024 + (i % 60_000)];
  const walk = (table: FlowTable, crowd: (i: number) => [number, number, number]): void => {
    for (let i = 0; i < FLOWS; i++) {
      const [peer, localPort, peerPort] = crowd(i);
      assert.ok(table.find(HERE, peer | 0, localPort, peerPort) >= 0);
    }
  };
  const usual = filled(random, spread);
  for (const [name, crowd] of Object.entries(CROWDS)) {
    const attacked = filled(random, crowd);
    const ratio = slowdown(
      () => walk(usual, spread),
      () => walk(attacked, crowd),
    );
    assert.ok(ratio < 6, `${name}: ${ratio.toFixed(1)} times as dear`);
  }
});

test('N23: the hash on every packet is far cheaper than one of node:crypto, that on every SYN is cheaper', () => {
  const half = new HalfSipHash(new SeededRandom(1));
  const whole = new SipHash(new SeededRandom(2));
  const times = 20_000;
  let sink = 0;
  const flows = (): void => {
    for (let i = 0; i < times; i++) sink ^= half.hash(HERE, i, 80);
  };
  const cookies = (): void => {
    for (let i = 0; i < times; i++) sink ^= whole.hash(HERE, i, 80, 99);
  };
  const crypto = (): void => {
    for (let i = 0; i < times; i++) sink ^= createHash('sha256').update(`${i}`).digest()[0] as number;
  };
  const [lookUp, cookie] = [slowdown(crypto, flows), slowdown(crypto, cookies)];
  assert.ok(lookUp < 0.25, `on every packet: ${lookUp.toFixed(2)} of a SHA-256`);
  assert.ok(cookie < 1, `on every SYN: ${cookie.toFixed(2)} of a SHA-256`);
  assert.equal(typeof sink, 'number');
});

test('N23: a flood of SYNs that are answered with cookies costs little more than one that is dropped', () => {
  const flood = (config: Record<string, string | number>): ((round: number) => void) => {
    const bed = testbed({ config: { synQueue: 1, ...config } });
    bed.listen(7);
    const packets = Array.from({ length: 200 }, (_, i) =>
      bed.peer.build({ flags: 'S', seq: i, sourcePort: 2000 + i, options: { mss: 1460 } }),
    );
    // What a test does with an answer is not what is measured.
    bed.device.onPacket(null);
    return () => {
      for (let i = 0; i < 20_000; i++) bed.inject(packets[i % packets.length] as Uint8Array);
    };
  };
  const ratio = slowdown(flood({ synCookies: 'drop' }), flood({ synCookies: 'always' }));
  assert.ok(ratio < 12, `${ratio.toFixed(1)} times`);
});
