/** Extensions that this stack does not offer: their options and marks change nothing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Testbed, testbed } from '../support/peer.ts';

const ECN_FIELD = 3;
const CE = 3;

const marked = (bed: Testbed): number =>
  bed.packets.filter((packet) => ((packet[1] as number) & ECN_FIELD) !== 0).length;

/** TCP Fast Open, kind 34, with a cookie of `length` - 2 bytes. */
const fastOpen = (length: number): number[] => [34, length, ...new Array<number>(length - 2).fill(0xa5)];

test('EC-02: no packet of ours is ECN-capable: SYN, SYN,ACK, data, retransmission, FIN', () => {
  for (const kind of ['passive', 'active'] as const) {
    const bed = testbed();
    const app = bed.peer.handshake(kind);
    app.write(3000);
    bed.advance(5000);
    bed.peer.ack();
    app.close();
    bed.advance(100);
    assert.ok(bed.packets.length >= 6);
    assert.equal(marked(bed), 0);
    assert.ok(bed.peer.sent().every(({ flags }) => !/[EC]/.test(flags)));
  }
});

test('EC-02, RFC 3168 §6.1.1.1: a SYN with ECE and CWR opens a connection as any other, and its SYN,ACK has no ECT', () => {
  const bed = testbed();
  bed.listen(7);
  for (const tos of [0, CE]) {
    const peer = bed.newPeer();
    peer.send({ flags: 'SEC', tos, options: { mss: 1460 } });
    peer.expect({ ack: 1, tos: 0 });
    peer.send({ flags: 'A' });
    peer.send({ flags: 'PA', data: 10 });
    assert.equal(bed.accepted.at(-1)?.received.length, 10);
  }
  assert.equal(marked(bed), 0);
});

test('EC-10: packets with ECT or CE do not make a connection without ECN echo anything', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  for (const tos of [1, 2, CE, CE]) {
    bed.peer.send({ flags: 'PA', data: 100, tos });
    bed.advance(500);
    app.write(100);
    bed.peer.ack();
  }
  assert.equal(app.received.length, 400);
  const sent = bed.peer.sent();
  assert.ok(sent.length >= 4);
  for (const { flags, tos } of sent) assert.ok(!/[EC]/.test(flags) && (tos & ECN_FIELD) === 0, flags);
});

for (const length of [2, 3, 5, 6, 10, 18, 19]) {
  test(`FO-01, FO-03: a SYN with data and a Fast Open option of ${length} bytes: nothing is delivered early`, () => {
    const bed = testbed();
    bed.listen(7);
    bed.peer.send({
      flags: 'S',
      data: 100,
      options: { mss: 1460 },
      rawOptions: fastOpen(length),
    });
    bed.advance(100);
    const synAck = bed.peer.expect({ flags: 'SA', seq: 0 });
    assert.ok(!synAck.kinds.includes(34));
    assert.equal(bed.accepted.length, 0);
    bed.peer.sent();
    bed.peer.send({ flags: 'A', seq: 1 + (synAck.ack - 1) });
    bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
    assert.equal(bed.accepted.length, 1);
    assert.equal(bed.accepted[0]?.received.length, 100);
  });
}

test('FO-01: a Fast Open option on a segment that is no SYN is ignored', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 10, rawOptions: fastOpen(10) });
  bed.advance(500);
  assert.ok(!bed.peer.expect({ flags: 'A', ack: 11 }).kinds.includes(34));
  assert.equal(app.received.length, 10);
});

test('FO-03: an active open neither asks for a cookie nor takes one', () => {
  const bed = testbed();
  bed.connect(bed.peer);
  const syn = bed.peer.expect({ flags: 'S', length: 0 });
  assert.ok(!syn.kinds.includes(34));
  bed.peer.send({
    flags: 'SA',
    options: { mss: 1460 },
    rawOptions: fastOpen(10),
  });
  assert.ok(!bed.peer.expect({ flags: 'A', length: 0 }).kinds.includes(34));
});

test('FO-04: a hundred SYNs with made-up cookies get plain SYN,ACKs, and no byte reaches anyone', () => {
  const bed = testbed();
  bed.listen(7, { backlog: 128 });
  for (let i = 0; i < 100; i++) {
    const peer = bed.newPeer({ address: `10.9.0.${10 + i}` });
    peer.send({
      flags: 'S',
      data: 100,
      options: { mss: 1460 },
      rawOptions: fastOpen(10),
    });
    assert.ok(!peer.expect({ flags: 'SA', length: 0 }).kinds.includes(34));
  }
  assert.equal(bed.accepted.length, 0);
});

/** When a connection whose peer falls silent fails, ms after its write; `option` came from the peer. */
function failsAfter(option: number[], userTimeout: number | null): number {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: { mss: 1460 }, rawOptions: option });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'A', rawOptions: option });
  const [app] = bed.accepted;
  assert.ok(app);
  if (userTimeout !== null) app.call((tcb) => bed.stack.tcp.setUserTimeout(tcb, userTimeout));
  app.write(10);
  const start = bed.now;
  while (!app.events.includes('failed')) {
    bed.advance(1000);
    assert.ok(bed.now < 7_200_000, 'it fails at some time');
  }
  return bed.now - start;
}

test('UT-03: the user timeout of the peer changes neither ours nor that of the application', () => {
  for (const own of [null, 20_000_000]) {
    const usual = failsAfter([], own);
    // 1 s, 20 min, and all that fits.
    for (const [high, low] of [
      [0x00, 1],
      [0x80, 20],
      [0xff, 0xff],
    ] as const) {
      assert.equal(failsAfter([28, 4, high, low], own), usual);
    }
  }
});
