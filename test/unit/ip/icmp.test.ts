import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  address,
  checksum,
  echoOf,
  fragmentsOf,
  Harness,
  icmpOf,
  OWN,
  PEER,
  packetOf,
  pattern,
} from './harness.ts';

/** Puts a sent fragment train together again; offsets must follow each other. */
function joined(packets: Uint8Array[]): Uint8Array {
  const parts: number[] = [];
  packets.forEach((packet, i) => {
    const view = new DataView(packet.buffer);
    assert.equal(checksum(packet.subarray(0, 20)), 0, 'header checksum');
    assert.equal(view.getUint16(2), packet.length);
    assert.equal((view.getUint16(6) & 0x1fff) * 8, parts.length);
    assert.equal((view.getUint16(6) & 0x2000) !== 0, i < packets.length - 1);
    assert.equal(
      view.getUint16(4),
      new DataView((packets[0] as Uint8Array).buffer).getUint16(4),
      'one identification',
    );
    parts.push(...packet.subarray(20));
  });
  return Uint8Array.from(parts);
}

function answered(data: Uint8Array, step: number, mtu = 1500): Uint8Array[] {
  const harness = new Harness({ mtu });
  for (const part of fragmentsOf({ protocol: 1, id: 5, payload: echoOf(data) }, step)) harness.receive(part);
  assert.equal(harness.sent.length, 0, 'phase 1 sends nothing');
  const sent = harness.turn();
  assert.equal(harness.count('ICMP_ECHO'), 1);
  for (const packet of sent) assert.ok(packet.length <= mtu);
  assert.deepEqual(joined(sent), icmpOf(0, 0, data, 0x1234_0001));
  return sent;
}

test('IC-01, RA-01, RFC 1122 §3.2.2.6: echo of any size, whole and in fragments, comes back identical', () => {
  for (const length of [0, 1, 2, 55, 56, 1471, 1472]) {
    const sent = answered(pattern(length), 1480);
    assert.equal(sent.length, 1);
    const view = new DataView((sent[0] as Uint8Array).buffer);
    assert.equal(view.getInt32(12), address(OWN));
    assert.equal(view.getInt32(16), address(PEER));
  }
  for (const length of [1473, 9000, 60_000, 65_506, 65_507]) {
    assert.ok(answered(pattern(length), 1480).length > 1);
  }
  answered(pattern(3000), 552, 576);
});

test('ID-04, RFC 6864 §4.1: a whole reply has DF and no identification; a fragmented one has a fresh identification', () => {
  const whole = answered(pattern(56), 1480)[0] as Uint8Array;
  assert.deepEqual([...whole.subarray(4, 8)], [0, 0, 0x40, 0]);
  const harness = new Harness();
  const identifications = new Set<number>();
  for (let i = 0; i < 50; i++) {
    for (const part of fragmentsOf({ protocol: 1, id: i, payload: echoOf(pattern(2000)) }, 1480))
      harness.receive(part);
    const sent = harness.turn();
    assert.equal(sent.length, 2);
    identifications.add(new DataView((sent[0] as Uint8Array).buffer).getUint16(4));
  }
  assert.equal(identifications.size, 50);
});

test('A21 echo flood: answers within a budget, the rest is counted', () => {
  const harness = new Harness();
  const packet = packetOf({ protocol: 1, payload: echoOf(pattern(1400)) });
  for (let i = 0; i < 10_000; i++) harness.receive(packet);
  const sent = harness.turn();
  assert.ok(sent.length > 100 && sent.length <= 256);
  assert.equal(harness.count('ICMP_RATE_LIMIT'), 10_000 - sent.length);
  harness.receive(packet);
  assert.equal(harness.turn().length, 1, 'the next turn answers again');
});

test('a link that takes no more keeps replies until it does', () => {
  const harness = new Harness();
  for (let i = 0; i < 3; i++) harness.receive(packetOf({ protocol: 1, payload: echoOf([i]) }));
  harness.link.writable = false;
  assert.equal(harness.turn().length, 0);
  harness.link.writable = true;
  assert.deepEqual(
    harness.turn().map((packet) => packet[28]),
    [0, 1, 2],
  );
});

test('RFC 1122 §3.2.1.6: a reply has the type of service of the request, without its ECN field', () => {
  const harness = new Harness();
  harness.receive(packetOf({ protocol: 1, tos: 0x4b, payload: echoOf([1]) }));
  assert.equal(harness.turn()[0]?.[1], 0x48);
});

test('A22 echo with a forged source route is not answered', () => {
  const harness = new Harness();
  const options = [131, 7, 4, 192, 0, 2, 9, 0];
  harness.receive(packetOf({ protocol: 1, options, payload: echoOf([1]) }));
  assert.deepEqual(harness.turn(), []);
});

test('A23 the reply has the length that IP says, whatever lies behind', () => {
  const harness = new Harness();
  harness.receive(packetOf({ protocol: 1, payload: echoOf(pattern(10)), trailing: 30 }));
  assert.equal(harness.turn()[0]?.length, 38);
  harness.receive(packetOf({ protocol: 1, payload: [8, 0, 0xf7, 0xff, 0, 0, 0] }));
  assert.equal(harness.count('ICMP_SHORT'), 1);
});

test('IP-12, RFC 1122 §3.2.2: a wrong checksum drops the message', () => {
  const harness = new Harness();
  const payload = echoOf(pattern(10));
  payload[12] = (payload[12] as number) ^ 1;
  harness.receive(packetOf({ protocol: 1, payload }));
  assert.equal(harness.count('ICMP_CSUM'), 1);
  assert.deepEqual(harness.turn(), []);
});

test('IC-03, IC-04, IC-06: A24 redirect, A26 source quench, A30 types 13, 15, 17: ignored and counted', () => {
  const harness = new Harness();
  const quote = packetOf({ source: OWN, destination: PEER, payload: pattern(8) });
  harness.receive(packetOf({ protocol: 1, payload: icmpOf(5, 1, quote, address('10.9.0.66')) }));
  harness.receive(packetOf({ protocol: 1, payload: icmpOf(4, 0, quote) }));
  for (const type of [13, 15, 17])
    harness.receive(packetOf({ protocol: 1, payload: icmpOf(type, 0, pattern(12)) }));
  assert.equal(harness.count('ICMP_REDIRECT'), 1);
  assert.equal(harness.count('ICMP_SOURCE_QUENCH'), 1);
  assert.equal(harness.count('ICMP_UNKNOWN'), 3);
  assert.equal(harness.errors.length, 0);
  assert.deepEqual(harness.turn(), []);
});

test('IP-12, RFC 1122 §3.2.2: no type with any body throws, and only echo is answered', () => {
  const harness = new Harness();
  for (let type = 0; type < 256; type++) {
    for (const length of [0, 20, 27, 28, 60]) {
      harness.receive(packetOf({ protocol: 1, payload: icmpOf(type, type & 15, pattern(length, type)) }));
    }
  }
  assert.equal(harness.turn().length, 5);
});

test('IC-02, IC-05, RFC 1122 §3.2.2.1: errors about our segments reach TCP with what they quote', () => {
  const harness = new Harness();
  const segment = pattern(20);
  new DataView(segment.buffer).setUint32(4, 0xfedcba98);
  for (const [type, code, rest] of [
    [3, 1, 0],
    [3, 4, 1280],
    [11, 0, 0],
    [12, 0, 0x1400_0000],
  ] as const) {
    const quote = packetOf({
      source: OWN,
      destination: PEER,
      df: true,
      options: [1, 1, 1, 0],
      payload: segment,
    });
    harness.receive(packetOf({ source: '10.9.0.9', protocol: 1, payload: icmpOf(type, code, quote, rest) }));
    const error = harness.errors.pop();
    assert.ok(error);
    const view = new DataView(segment.buffer);
    assert.deepEqual(
      { ...error },
      {
        type,
        code,
        mtu: code === 4 ? 1280 : 0,
        quotedLength: 44,
        localAddress: address(OWN),
        peerAddress: address(PEER),
        localPort: view.getUint16(0),
        peerPort: view.getUint16(2),
        sequence: 0xfedcba98 | 0,
      },
    );
  }
  assert.deepEqual(harness.dropped, []);
});

test('IC-07, A31 short quotes', () => {
  const harness = new Harness();
  const quote = packetOf({ source: OWN, destination: PEER, payload: pattern(20) });
  for (let length = 0; length < 28; length++) {
    harness.receive(packetOf({ protocol: 1, payload: icmpOf(3, 3, quote.subarray(0, length)) }));
  }
  const long = packetOf({
    source: OWN,
    destination: PEER,
    options: pattern(40).map(() => 1) as never,
    payload: [],
  });
  harness.receive(packetOf({ protocol: 1, payload: icmpOf(3, 3, long) }));
  assert.equal(harness.count('ICMP_SHORT'), 29);
  assert.equal(harness.errors.length, 0);
});

test('IC-07, A25, RFC 5927 §4.1: quotes that cannot be ours do not reach TCP', () => {
  const harness = new Harness();
  const bad = [
    { source: '10.9.0.7', destination: PEER },
    { source: OWN, destination: PEER, protocol: 17 },
    { source: OWN, destination: PEER, offset: 8 },
    { source: OWN, destination: PEER, mf: true },
    { source: OWN, destination: PEER, version: 6 },
    { source: OWN, destination: PEER, ihl: 4 },
  ];
  for (const fields of bad) {
    harness.receive(
      packetOf({ protocol: 1, payload: icmpOf(3, 3, packetOf({ ...fields, payload: pattern(20) })) }),
    );
  }
  assert.equal(harness.count('ICMP_NO_CONNECTION'), bad.length);
  assert.equal(harness.errors.length, 0);
});
