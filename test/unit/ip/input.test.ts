import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASON, type ReasonName } from '../../../src/base/reasons.ts';
import { echoOf, type Forged, Harness, icmpOf, OWN, packetOf, pattern } from './harness.ts';

/** The packet changes one counter and nothing else. */
function dropsSilently(fields: Forged | Uint8Array, reason: ReasonName, harness = new Harness()): void {
  harness.receive(fields instanceof Uint8Array ? fields : packetOf(fields));
  assert.equal(harness.count(reason), 1, `${reason} for ${JSON.stringify(fields)}`);
  assert.equal(
    harness.counters.byReason.reduce((a, b) => a + b),
    1,
  );
  assert.deepEqual(harness.dropped, [REASON[reason]]);
  assert.equal(harness.delivered.length, 0);
  assert.deepEqual(harness.turn(), []);
}

function accepts(fields: Forged): Harness {
  const harness = new Harness();
  harness.receive(packetOf(fields));
  assert.equal(harness.delivered.length, 1, JSON.stringify(fields));
  return harness;
}

const payload = pattern(20);

test('RFC 1122 §3.2.1.1: another version is dropped', () => {
  for (const version of [0, 3, 5, 6, 15]) dropsSilently({ version, payload }, 'IP_VERSION');
});

test('RFC 1122 §3.2.1.2: each flipped bit of the header is noticed', () => {
  for (let bit = 0; bit < 160; bit++) {
    const bytes = packetOf({ payload });
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    const harness = new Harness();
    harness.receive(bytes);
    assert.equal(harness.delivered.length, 0, `bit ${bit}`);
    assert.equal(harness.dropped.length, 1);
  }
});

test('A01 header-length lies', () => {
  for (let ihl = 0; ihl < 5; ihl++) dropsSilently({ ihl, payload }, 'IP_INHDR');
  dropsSilently({ ihl: 15, payload: [] }, 'IP_INHDR');
  for (let length = 0; length < 20; length++)
    dropsSilently(packetOf({}).subarray(0, length), 'PKT_TOO_SMALL');
});

test('A02 total-length lies', () => {
  for (const totalLength of [0, 19, 41, 65_535]) dropsSilently({ totalLength, payload }, 'IP_INHDR');
  dropsSilently({ options: [1, 1, 1, 0], totalLength: 20, payload }, 'IP_INHDR');
});

test('A03 trailing junk is cut off', () => {
  const harness = accepts({ payload, trailing: 100 });
  assert.deepEqual(harness.delivered[0]?.payload, payload);
  harness.receive(packetOf({ protocol: 132, payload, trailing: 100 }));
  assert.equal(harness.turn()[0]?.length, 28 + 40, 'nor is it quoted');
});

test('RFC 1122 §3.2.1.8: sound and unknown options are ignored', () => {
  accepts({ options: [1, 1, 1, 0], payload });
  accepts({ options: [7, 7, 4, 0, 0, 0, 0, 0], payload });
  accepts({ options: [68, 8, 5, 0, 0, 0, 0, 0], payload });
  accepts({ options: [68, 4, 5, 0], payload });
  accepts({ options: [0x94, 4, 0, 0], payload });
  // Behind the end of the list anything may lie.
  accepts({ options: [0, 131, 1, 9], payload });
});

test('A04 IP option loop and overrun', () => {
  const bad = [
    [7, 0, 4, 0],
    [7, 1, 4, 0],
    [0x94, 9, 0, 0],
    [1, 1, 1, 7],
    [7, 3, 3, 0],
    [7, 3, 5, 0],
    [7, 2, 0, 0],
    [68, 4, 4, 0],
    [68, 2, 0, 0],
  ];
  for (const options of bad) dropsSilently({ options, payload }, 'IP_OPTIONS');
});

test('A05 source routes are dropped (RFC 7126 §4.3)', () => {
  for (const type of [131, 137]) {
    dropsSilently({ options: [type, 7, 4, 10, 9, 0, 1, 0], payload }, 'IP_SOURCE_ROUTE');
    dropsSilently({ options: [1, type, 3, 4], payload }, 'IP_SOURCE_ROUTE');
  }
});

test('A17 martian sources (RFC 1122 §3.2.1.3)', () => {
  const martians = [
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
  ];
  for (const source of [...martians, '10.9.0.255', '10.9.0.0']) {
    dropsSilently({ source, payload }, 'IP_INVALID_SOURCE');
    dropsSilently({ source, protocol: 1, payload: echoOf([1]) }, 'IP_INVALID_SOURCE');
  }
});

test('A17, B15 LAND: our own address as source, but for a link that leads back to us', () => {
  dropsSilently({ source: OWN, payload }, 'IP_LOCAL_SOURCE');
  const back = new Harness({ loopback: true });
  back.receive(packetOf({ source: OWN, payload }));
  assert.equal(back.delivered.length, 1);
});

test('RFC 1122 §3.1: a host does not forward', () => {
  dropsSilently({ destination: '10.9.0.3', payload }, 'OTHERHOST');
  dropsSilently({ destination: '192.0.2.1', protocol: 1, payload: echoOf([1]) }, 'OTHERHOST');
});

test('A18 a segment to a broadcast or multicast address (RFC 9293 §3.9.2.3, MUST-57)', () => {
  for (const destination of ['255.255.255.255', '10.9.0.255', '10.9.0.0', '224.0.0.1', '239.1.1.1']) {
    dropsSilently({ destination, payload }, 'IP_BROADCAST');
    dropsSilently({ destination, protocol: 132, payload }, 'IP_BROADCAST');
  }
});

test('IC-01, A19 Smurf: echo requests to broadcast and multicast addresses', () => {
  for (const destination of ['255.255.255.255', '10.9.0.255', '224.0.0.1']) {
    dropsSilently({ destination, protocol: 1, payload: echoOf([1]) }, 'ICMP_BROADCAST');
  }
});

test('RFC 1122 §3.2.1.7: TTL 1 and 0 are for us all the same', () => {
  accepts({ ttl: 1, payload });
  accepts({ ttl: 0, payload });
});

test('RFC 6864 §4.1: equal identifications of whole datagrams mean nothing', () => {
  const harness = new Harness();
  for (let i = 0; i < 3; i++) harness.receive(packetOf({ id: 9, df: true, payload }));
  assert.equal(harness.delivered.length, 3);
});

test('IP-09, IP-11, RFC 1122 §3.2.2.1: an unknown protocol is answered with 3/2, quoting the packet, TOS 0', () => {
  const harness = new Harness();
  const packet = packetOf({ protocol: 132, tos: 0x48, payload: pattern(30) });
  harness.receive(packet);
  assert.equal(harness.count('IP_NOPROTO'), 1);
  assert.equal(harness.sent.length, 0, 'phase 1 sends nothing');
  const [answer, ...more] = harness.turn();
  assert.ok(answer);
  assert.equal(more.length, 0);
  assert.equal(answer[1], 0);
  assert.deepEqual(answer.subarray(12, 20), Uint8Array.of(10, 9, 0, 2, 10, 9, 0, 1));
  assert.deepEqual(answer.subarray(20), icmpOf(3, 2, packet));
});

test('IP-09, RFC 1122 §3.2.2.1: a UDP datagram finds no port', () => {
  const harness = new Harness();
  harness.receive(packetOf({ protocol: 17, payload: pattern(900) }));
  const [answer] = harness.turn();
  assert.ok(answer);
  assert.deepEqual([...answer.subarray(20, 22)], [3, 3]);
  assert.equal(answer.length, 576, 'RFC 1812 §4.3.2.3: quotes as much as fits in 576 bytes');
});

test('A06 IP-in-IP, nested a thousand times: one unreachable', () => {
  const harness = new Harness();
  let packet = packetOf({ payload: [] });
  for (let i = 0; i < 1000; i++) packet = packetOf({ protocol: 4, payload: packet });
  harness.receive(packet);
  const sent = harness.turn();
  assert.equal(sent.length, 1);
  assert.deepEqual([...(sent[0] as Uint8Array).subarray(20, 22)], [3, 2]);
});

test('IP-10, RFC 1122 §3.2.2: no error about a broadcast, a multicast, a fragment, a martian, an ICMP error', () => {
  dropsSilently({ protocol: 132, destination: '10.9.0.255', payload }, 'IP_BROADCAST');
  dropsSilently({ protocol: 132, destination: '224.0.0.1', payload }, 'IP_BROADCAST');
  dropsSilently({ protocol: 132, source: '224.0.0.1', payload }, 'IP_INVALID_SOURCE');
  const quoted = packetOf({
    source: OWN,
    destination: '10.9.0.1',
    protocol: 1,
    payload: icmpOf(3, 3, pattern(28)),
  });
  dropsSilently({ protocol: 1, payload: icmpOf(3, 3, quoted) }, 'ICMP_NO_CONNECTION');
  const harness = new Harness();
  harness.receive(packetOf({ protocol: 132, offset: 800, payload: pattern(30) }));
  assert.deepEqual(harness.turn(), []);
});

test('IP-11, A29, RFC 1122 §3.2.2: errors are limited per destination and in all', () => {
  const harness = new Harness();
  for (let i = 0; i < 1000; i++) harness.receive(packetOf({ protocol: 132, payload }));
  assert.equal(harness.turn().length, 6);
  assert.equal(harness.count('ICMP_RATE_LIMIT'), 994);
  const sizes = new Set<number>();
  for (let round = 0; round < 8; round++) {
    harness.clock.now += 60_000_000;
    for (let i = 0; i < 1000; i++) {
      harness.receive(packetOf({ protocol: 132, source: `172.16.${i >> 8}.${i & 255}`, payload }));
    }
    sizes.add(harness.turn().length);
  }
  for (const size of sizes) assert.ok(size >= 12 && size <= 50, `${size} at once`);
  assert.ok(sizes.size > 1, 'the limit for all is not a fixed number');
});
