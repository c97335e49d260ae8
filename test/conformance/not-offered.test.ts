/** Extensions that this stack does not offer: their options and marks change nothing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../support/application.ts';
import { type Testbed, testbed } from '../support/peer.ts';

const ECN_FIELD = 3;
const CE = 3;

const marked = (bed: Testbed): number =>
  bed.packets.filter((packet) => ((packet[1] as number) & ECN_FIELD) !== 0).length;

/** TCP Fast Open, kind 34, with a cookie of `length` - 2 bytes. */
const fastOpen = (length: number): number[] => [34, length, ...new Array<number>(length - 2).fill(0xa5)];

/** ECN as it is where nobody wants it: we do not, or the peer does not ask. */
const NO_ECN = [
  ['off', 'SEC'],
  ['off', 'S'],
  ['server', 'S'],
  ['on', 'S'],
] as const;

/** A passive open by a SYN with these flags. */
function opened(ecn: string, syn: string, tos = 0): { bed: Testbed; app: Application } {
  const bed = testbed({ config: { ecn } });
  bed.listen(7);
  bed.peer.send({ flags: syn, tos, options: { mss: 1460 } });
  bed.peer.expect({ flags: 'SA', ack: 1, tos: 0 });
  bed.peer.send({ flags: 'A' });
  const [app] = bed.accepted;
  assert.ok(app);
  return { bed, app };
}

/** No packet has been ECN-capable, and none with ECE or CWR. */
function assertUnmarked(bed: Testbed): void {
  assert.equal(marked(bed), 0);
  assert.ok(bed.packets.every((packet) => ((packet[20 + 13] as number) & 0xc0) === 0));
}

for (const [ecn, syn] of NO_ECN) {
  test(`EC-02: ecn ${ecn}, a peer's ${syn}: no packet is ECN-capable: SYN,ACK, data, retransmission, FIN`, () => {
    const { bed, app } = opened(ecn, syn);
    app.write(3000);
    bed.advance(5000);
    bed.peer.ack();
    app.close();
    bed.advance(100);
    assert.ok(bed.packets.length >= 6);
    assertUnmarked(bed);
  });

  test(`EC-10: ecn ${ecn}, a peer's ${syn}: packets with ECT or CE are not echoed, and ECE does not make slower`, () => {
    const { bed, app } = opened(ecn, syn, CE);
    const { cwnd } = app.tcb.congestion;
    for (const tos of [1, 2, CE, CE]) {
      bed.peer.send({ flags: 'PA', data: 100, tos });
      bed.advance(500);
      app.write(100);
      bed.peer.send({ flags: 'AE' });
    }
    assert.equal(app.received.length, 400);
    assert.ok(bed.peer.sent().length >= 4);
    assertUnmarked(bed);
    assert.equal(app.tcb.congestion.cwnd, cwnd);
  });
}

for (const ecn of ['off', 'server'] as const) {
  test(`EC-02: ecn ${ecn}: an active open does not ask, and no answer makes its packets ECN-capable`, () => {
    for (const answer of ['SA', 'SAE', 'SAC', 'SAEC']) {
      const bed = testbed({ config: { ecn } });
      const app = bed.connect(bed.peer);
      bed.peer.expect({ flags: 'S', tos: 0 });
      bed.peer.send({ flags: answer, options: { mss: 1460 } });
      app.write(3000);
      bed.advance(5000);
      bed.peer.ack();
      app.close();
      bed.advance(100);
      assertUnmarked(bed);
    }
  });
}

test('S31, EC-03: a SYN with ECE and CWR opens a connection as any other, whatever we think of ECN', () => {
  for (const ecn of ['off', 'server', 'on']) {
    const bed = testbed({ config: { ecn } });
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
  }
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
