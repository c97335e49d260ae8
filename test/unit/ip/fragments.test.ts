import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DATAGRAMS, MAX_DATAGRAMS_PER_SOURCE, MAX_FRAGMENTS } from '../../../src/ip/fragments.ts';
import { checksum, echoOf, type Forged, fragmentsOf, Harness, icmpOf, packetOf, pattern } from './harness.ts';

const SECOND = 1_000_000;
/** A segment with a data offset of 5 words, long enough for four fragments. */
const segment = pattern(100).fill(0x50, 12, 13);

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

function receiveAll(harness: Harness, packets: Forged[]): void {
  for (const fields of packets) harness.receive(packetOf({ id: 7, ...fields }));
}

const part = (offset: number, end: number, extra: Forged = {}): Forged => ({
  offset,
  mf: end < segment.length,
  payload: segment.subarray(offset, end),
  ...extra,
});

test('RA-04, RFC 815 §3: all permutations of four fragments, each with a duplicate anywhere', () => {
  const parts = fragmentsOf({ id: 7, payload: segment }, 32);
  assert.equal(parts.length, 4);
  for (const order of permutations(parts)) {
    const harness = new Harness();
    for (const [i, packet] of order.entries()) {
      harness.receive(packet);
      if (i < 3) for (const seen of order.slice(0, i + 1)) harness.receive(seen);
    }
    assert.equal(harness.delivered.length, 1);
    assert.deepEqual(harness.delivered[0]?.payload, segment);
    assert.equal(harness.count('DUP_FRAG'), 6);
    assert.equal(harness.count('IP_FRAGMENT'), 3);
    assert.equal(harness.ip.nextDeadline, Infinity);
  }
});

test('RA-03, RFC 791 §3.2: the key is source, destination, protocol and identification', () => {
  const harness = new Harness({ address: ['10.9.0.2/24', '10.9.0.4/24'] });
  const first = part(0, 48);
  receiveAll(harness, [first]);
  receiveAll(harness, [
    part(48, 100, { id: 8 }),
    part(48, 100, { protocol: 1 }),
    part(48, 100, { source: '10.9.0.9' }),
    part(48, 100, { destination: '10.9.0.4' }),
  ]);
  assert.equal(harness.delivered.length, 0);
  receiveAll(harness, [part(48, 100)]);
  assert.equal(harness.delivered.length, 1);
});

test('RFC 3168 §5.3: a mark on any fragment is a mark on the datagram', () => {
  const harness = new Harness();
  receiveAll(harness, [part(48, 100, { tos: 3 }), part(0, 48, { tos: 2 })]);
  assert.equal(harness.delivered[0]?.tos, 3);
});

test('RA-05, A07 ping of death', () => {
  const harness = new Harness();
  const payload = echoOf(pattern(65_507));
  const parts = fragmentsOf({ protocol: 1, id: 7, payload }, 1480);
  for (const packet of parts.slice(0, -1)) harness.receive(packet);
  harness.receive(packetOf({ protocol: 1, id: 7, offset: 65_120, payload: pattern(1480) }));
  harness.receive(packetOf({ protocol: 1, id: 7, offset: 8191 * 8, payload: [1] }));
  assert.equal(harness.count('FRAG_MALFORMED'), 2);
  assert.deepEqual(harness.turn(), []);
});

test('RA-05, A07: a last fragment that fits, behind a first one with a longer header', () => {
  const harness = new Harness();
  const options = new Array<number>(40).fill(1);
  for (let at = 1024, i = 0; i < 63; i++, at += 1024) {
    const end = Math.min(at + 1024, 65_515);
    harness.receive(packetOf({ id: 7, offset: at, mf: end < 65_515, payload: pattern(end - at) }));
  }
  harness.receive(packetOf({ id: 7, options, mf: true, payload: pattern(1024).fill(0x50, 12, 13) }));
  assert.equal(harness.count('FRAG_MALFORMED'), 1);
  assert.equal(harness.delivered.length, 0);
});

test('RA-06, A08 teardrop, newtear, bonk: any overlap discards the datagram and its key is remembered', () => {
  const attacks: Forged[][] = [
    [part(0, 48), part(24, 32)],
    [part(0, 48), part(40, 100)],
    [part(40, 100), part(0, 48)],
    [part(48, 96), part(40, 56), part(0, 48)],
    [part(0, 24), part(48, 72), part(24, 56)],
  ];
  for (const attack of attacks) {
    const harness = new Harness();
    receiveAll(harness, attack);
    receiveAll(harness, [part(0, 48), part(48, 100)]);
    assert.equal(harness.delivered.length, 0);
    assert.ok(harness.count('FRAG_OVERLAP') >= 3);
    harness.clock.now += 61 * SECOND;
    assert.deepEqual(harness.turn(), [], 'nothing is told about a discarded datagram');
    receiveAll(harness, [part(0, 48), part(48, 100)]);
    assert.equal(harness.delivered.length, 1, 'forgotten after the timeout');
  }
});

test('RA-06, A09 the same range with other bytes is no duplicate', () => {
  const harness = new Harness();
  const other = segment.slice(0, 48);
  other[2] = (other[2] as number) ^ 0xff;
  receiveAll(harness, [part(0, 48), part(0, 48, { payload: other }), part(48, 100)]);
  assert.equal(harness.count('FRAG_OVERLAP'), 2);
  assert.equal(harness.delivered.length, 0);
});

test('RA-08, A10 tiny first fragments and fragments at offset 8 (RFC 1858 §3, RFC 3128 §2)', () => {
  const harness = new Harness();
  receiveAll(harness, [part(0, 8), part(0, 16), part(8, 32), part(16, 32), part(8, 100)]);
  const longHeader = segment.slice(0, 32).fill(0xf0, 12, 13);
  receiveAll(harness, [part(0, 32, { payload: longHeader })]);
  assert.equal(harness.count('FRAG_TINY'), 6);
  assert.equal(harness.ip.nextDeadline, Infinity);
});

test('RA-07, A11 Rose: a source keeps few datagrams, all keep a fixed number, a legitimate one still arrives', () => {
  const harness = new Harness();
  for (let id = 0; id < 1000; id++) harness.receive(packetOf({ ...part(0, 48), id, source: '10.9.0.66' }));
  assert.equal(harness.count('FRAG_LIMIT'), 1000 - MAX_DATAGRAMS_PER_SOURCE);
  for (let i = 0; i < 1000; i++) {
    harness.receive(packetOf({ ...part(0, 48), source: `172.16.${i >> 8}.${i & 255}` }));
  }
  assert.equal(harness.count('FRAG_LIMIT'), 2000 - MAX_DATAGRAMS);
  receiveAll(harness, [part(0, 48), part(48, 100)]);
  assert.equal(harness.delivered.length, 1);
});

test('RA-07, A11: a source over its share loses its own oldest datagram, not that of another', () => {
  const harness = new Harness();
  receiveAll(harness, [part(0, 48)]);
  for (let id = 0; id < 500; id++) {
    harness.clock.now++;
    harness.receive(packetOf({ ...part(0, 48), id, source: '10.9.0.66' }));
  }
  harness.receive(packetOf({ ...part(48, 100), id: 499, source: '10.9.0.66' }));
  receiveAll(harness, [part(48, 100)]);
  assert.equal(harness.delivered.length, 2);
});

test('RA-07, A12 FragmentSmack: fragments of one datagram are limited, and none is held by reference', () => {
  const harness = new Harness();
  for (let i = 0; i < 4000; i++) {
    harness.receive(packetOf({ id: 7, offset: 65_000 - 16 * i, mf: true, payload: pattern(8) }));
  }
  assert.equal(harness.count('IP_FRAGMENT'), MAX_FRAGMENTS);
  // Each that comes later is told by the same name: nothing overlaps here.
  assert.equal(harness.count('FRAG_LIMIT'), 4000 - MAX_FRAGMENTS);
  assert.equal(harness.count('FRAG_OVERLAP'), 0);
  receiveAll(harness, [part(0, 48, { id: 9 }), part(48, 100, { id: 9 })]);
  assert.equal(harness.delivered.length, 1);
});

test('RA-05, A13 conflicting last fragments', () => {
  const attacks: Forged[][] = [
    [part(48, 100), part(104, 200, { mf: false, payload: pattern(8) })],
    [part(48, 100), part(104, 112, { mf: true, payload: pattern(8) })],
    [part(96, 104, { mf: true, payload: pattern(8) }), part(48, 96, { mf: false })],
    [part(48, 96), part(48, 96, { mf: false })],
  ];
  for (const attack of attacks) {
    const harness = new Harness();
    receiveAll(harness, attack);
    receiveAll(harness, [part(0, 48)]);
    assert.equal(harness.delivered.length, 0);
    assert.equal(harness.count('FRAG_OVERLAP'), 2);
  }
});

test('RA-03, A14 empty and misaligned fragments', () => {
  const harness = new Harness();
  receiveAll(harness, [
    { offset: 48, mf: true, payload: [] },
    { offset: 48, mf: false, payload: [] },
    { offset: 48, mf: true, payload: pattern(9) },
    { offset: 8191 * 8, mf: false, payload: pattern(8) },
  ]);
  assert.equal(harness.count('FRAG_MALFORMED'), 4);
  assert.equal(harness.ip.nextDeadline, Infinity);
});

test('RA-02, RFC 1122 §3.3.2: 60 s from the first fragment on, not extended; 11/1 when fragment 0 had come', () => {
  const harness = new Harness();
  const first = packetOf({ id: 7, ...part(0, 48) });
  const start = harness.clock.now;
  harness.receive(first);
  assert.equal(harness.ip.nextDeadline, start + 60 * SECOND);
  harness.clock.now = start + 30 * SECOND;
  receiveAll(harness, [part(56, 64)]);
  assert.equal(harness.ip.nextDeadline, start + 60 * SECOND);
  harness.clock.now = start + 60 * SECOND - 1;
  assert.deepEqual(harness.turn(), []);
  harness.clock.now = start + 60 * SECOND;
  const sent = harness.turn();
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0]?.subarray(20), icmpOf(11, 1, first));
  assert.equal(harness.count('FRAG_REASM_TIMEOUT'), 1);
  assert.equal(harness.ip.nextDeadline, Infinity);
});

test('RA-02, RFC 1122 §3.3.2: no 11/1 when fragment 0 had not come; A20 nor about an ICMP error', () => {
  const harness = new Harness();
  receiveAll(harness, [part(48, 100)]);
  const error = icmpOf(3, 3, pattern(92));
  receiveAll(harness, [{ protocol: 1, mf: true, payload: error.subarray(0, 48) }]);
  harness.clock.now += 60 * SECOND;
  assert.deepEqual(harness.turn(), []);
  assert.equal(harness.count('FRAG_REASM_TIMEOUT'), 2);
});

test('RFC 1122 §3.3.2: what was put together is a datagram: header sound, options of fragment 0 kept', () => {
  const harness = new Harness();
  const options = [7, 7, 4, 0, 0, 0, 0, 0];
  const payload = pattern(100);
  harness.receive(packetOf({ id: 7, protocol: 132, offset: 48, payload: payload.subarray(48) }));
  harness.receive(packetOf({ id: 7, protocol: 132, mf: true, options, payload: payload.subarray(0, 48) }));
  const [answer] = harness.turn();
  assert.ok(answer, 'RFC 1122 §3.2.2.1: 3/2 about the whole');
  const quoted = answer.subarray(28);
  assert.deepEqual([...answer.subarray(20, 22)], [3, 2]);
  assert.equal(checksum(quoted.subarray(0, 28)), 0);
  assert.deepEqual([...quoted.subarray(20, 28)], options);
  assert.equal(quoted.length, 128);
});
