/** What IP does with packets that carry TCP; fragments and ICMP are in test/unit/ip. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testbed } from '../../support/peer.ts';
import { ALL_STATES, reach } from '../../support/states.ts';

const SYN = { mss: 1460 };

test('IP-01: each bit of the header that flips makes the packet disappear', () => {
  const bed = testbed();
  bed.listen(7);
  const good = bed.peer.build({ flags: 'S', seq: 0, options: SYN });
  for (let bit = 0; bit < 160; bit++) {
    const bad = Uint8Array.from(good);
    bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
    bed.inject(bad);
  }
  bed.expectSilence();
  assert.equal(bed.stack.tcp.stats.flows, 0);
});

test('IP-02, A02, A03: junk behind the total length is no data', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const packet = bed.peer.build({ flags: 'PA', data: 10 });
  const longer = new Uint8Array(packet.length + 100).fill(0xee);
  longer.set(packet);
  bed.inject(longer);
  assert.equal(app.received.length, 10);
  bed.inject(packet.subarray(0, packet.length - 1));
  assert.equal(app.received.length, 10);
});

for (const source of [
  '0.0.0.0',
  '0.1.2.3',
  '127.0.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '10.9.0.2',
  '10.9.0.255',
]) {
  test(`IP-03, MUST-63, A17: nobody is ${source}`, () => {
    const { bed } = reach('LISTEN');
    for (const flags of ['S', 'A', 'R']) bed.peer.send({ flags, seq: 0, source, options: SYN });
    bed.expectSilence();
    assert.equal(bed.stack.tcp.stats.flows, 0);
  });
}

for (const destination of [
  '255.255.255.255',
  '224.0.0.1',
  '10.9.0.255',
  '10.9.0.3',
  '127.0.0.1',
  '0.0.0.0',
]) {
  test(`IP-08, MUST-57, A18: what is for ${destination} is not for us, and earns nothing`, () => {
    const { bed } = reach('LISTEN');
    for (const flags of ['S', 'A', 'F', 'SA']) bed.peer.send({ flags, seq: 0, destination });
    bed.expectSilence();
    assert.equal(bed.stack.tcp.stats.flows, 0);
  });
}

test('IP-05: a TTL of 0 or 1 is no reason to drop what has arrived', () => {
  for (const ttl of [0, 1]) {
    const { bed } = reach('LISTEN');
    bed.peer.send({ flags: 'S', ttl, options: SYN });
    bed.peer.expect({ flags: 'SA' });
  }
});

test('IP-04, IP-05: every packet of ours comes from our address, with a TTL', () => {
  for (const state of ALL_STATES) {
    const { bed } = reach(state);
    for (const packet of bed.packets) {
      assert.deepEqual([...packet.subarray(12, 16)], [10, 9, 0, 2]);
      assert.ok((packet[8] as number) > 0);
    }
  }
});

for (const [what, ipOptions] of [
  ['router alert', [0x94, 4, 0, 0]],
  ['record route', [7, 7, 4, 0, 0, 0, 0, 0]],
  ['timestamp', [68, 8, 5, 0, 0, 0, 0, 0]],
  ['an unknown one', [0x9e, 4, 1, 2]],
  ['NOPs', [1, 1, 1, 1]],
  ['the longest', new Array<number>(40).fill(1)],
] as const) {
  test(`S26, MUST-50, IP-06: a SYN with the IP option ${what} is answered`, () => {
    const { bed } = reach('LISTEN');
    bed.peer.send({ flags: 'S', options: SYN, ipOptions: [...ipOptions] });
    bed.peer.expect({ flags: 'SA', ack: 1 });
  });
}

for (const [what, ipOptions] of [
  ['length 0', [0x94, 0, 0, 0]],
  ['length 1', [0x94, 1, 0, 0]],
  ['longer than the header', [0x94, 44, 0, 0]],
  ['nothing behind its kind', [1, 1, 1, 0x94]],
  ['a record route pointer below 4', [7, 7, 3, 0, 0, 0, 0, 0]],
] as const) {
  test(`S26, IP-06, A04: an IP option with ${what} drops the packet`, () => {
    const { bed } = reach('LISTEN');
    bed.peer.send({ flags: 'S', seq: 0, options: SYN, ipOptions: [...ipOptions] });
    bed.peer.expectNothing();
    assert.equal(bed.counter('IP_OPTIONS'), 1);
  });
}

test('MUST-53, IP-07, A05: a source-routed SYN is dropped, and nothing goes back by its route', () => {
  for (const kind of [131, 137]) {
    const { bed } = reach('LISTEN');
    bed.peer.send({ flags: 'S', seq: 0, options: SYN, ipOptions: [kind, 7, 4, 10, 9, 0, 66, 0] });
    bed.expectSilence();
    assert.equal(bed.counter('IP_SOURCE_ROUTE'), 1);
  }
});

test('ID-01: two packets with the same ID are two packets', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  for (let i = 0; i < 3; i++) {
    const packet = bed.peer.build({ flags: 'PA', data: 10 });
    bed.inject(packet);
  }
  assert.equal(app.received.length, 30);
});

test('ID-02, A16: the IDs of our packets are no counter that others could read', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const other = bed.newPeer({ address: '10.9.0.77' });
  other.handshake('passive');
  const ids: number[] = [];
  for (let i = 0; i < 10; i++) {
    app.write(10);
    bed.peer.ack();
    other.send({ flags: 'PA', data: 10 });
  }
  for (const packet of bed.packets) ids.push(((packet[4] as number) << 8) | (packet[5] as number));
  const steps = ids.slice(1).map((id, i) => (id - (ids[i] as number)) & 0xffff);
  const counted = steps.filter((step) => step > 0 && step < 10).length;
  assert.ok(counted < steps.length / 2, `steps ${steps.join(' ')}`);
});
