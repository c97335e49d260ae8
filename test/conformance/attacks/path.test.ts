/** Attacks through the path: forged fragments, forged sizes, and a path that drops without a word. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { changesOnly, costOf } from '../../support/budget.ts';
import { pattern } from '../../support/pattern.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { onesSum } from '../../support/segment.ts';

const FRAGMENT_DATA = 1200;

/** One fragment of a whole packet: [from, to) of its payload, under an identification. */
function fragment(packet: Uint8Array, id: number, from: number, to: number): Uint8Array {
  const payload = packet.subarray(20);
  const end = Math.min(to, payload.length);
  const part = new Uint8Array(20 + end - from);
  part.set(packet.subarray(0, 20));
  part.set(payload.subarray(from, end), 20);
  const view = new DataView(part.buffer);
  view.setUint16(2, part.length);
  view.setUint16(4, id);
  view.setUint16(6, (end < payload.length ? 0x2000 : 0) | (from / 8));
  view.setUint16(10, 0);
  view.setUint16(10, ~onesSum(part.subarray(0, 20)) & 0xffff);
  return part;
}

/** The genuine second fragment's place and identification, with other bytes. */
function forged(packet: Uint8Array, id: number): Uint8Array {
  const part = fragment(packet, id, FRAGMENT_DATA, Infinity);
  part.fill(0x66, 20);
  return part;
}

test('A15: a forged second fragment that waits for the true first one is never mixed into a datagram', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  // A hundred identifications are guessed, and the sender then uses one of them.
  const packet = bed.peer.build({ flags: 'PA', data: 1400 });
  const cost = costOf(bed, () => {
    for (let id = 1; id <= 100; id++) {
      bed.inject(forged(packet, id));
      bed.advance(1);
    }
  });
  // A source keeps sixteen: the oldest guesses have left.
  assert.deepEqual(cost.reasons, { IP_FRAGMENT: 100, FRAG_LIMIT: 84 });
  bed.inject(fragment(packet, 90, 0, FRAGMENT_DATA));
  bed.inject(fragment(packet, 90, FRAGMENT_DATA, Infinity));
  assert.equal(app.received.length, 0, 'what does not fit together is not delivered');
  assert.equal(bed.counter('TCP_CSUM'), 1);
  // The sender's retransmission arrives whole, or under an identification that nobody guessed.
  bed.inject(fragment(packet, 7777, 0, FRAGMENT_DATA));
  bed.inject(fragment(packet, 7777, FRAGMENT_DATA, Infinity));
  assert.deepEqual(app.received, pattern(0, 1400));
});

/** What a router of the path claims about a packet of ours. */
function claimSmallMtu(bed: Testbed, about: Uint8Array): void {
  for (const mtu of [1, 68, 300]) bed.icmp(3, 4, about, mtu);
}

test('A15: no forged size makes us send a fragment: DF on every segment, and none is cut by IP', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(20_000);
  for (let round = 0; round < 10; round++) {
    const sent = bed.peer.sent();
    for (const { packet, dontFragment, length } of sent) {
      assert.ok(dontFragment);
      // decodePacket has seen that it is no fragment.
      if (length > 0) claimSmallMtu(bed, packet);
    }
    bed.advance(300);
    bed.peer.ack();
  }
  assert.ok(app.tcb.snd.mss >= 512);
});

test('A15: nor does a size told about an echo reply cut the replies that follow', () => {
  const bed = testbed();
  const echo = new Uint8Array(20 + 8 + 1400);
  const view = new DataView(echo.buffer);
  echo.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]);
  view.setUint16(2, echo.length);
  view.setUint16(10, ~onesSum(echo.subarray(0, 20)) & 0xffff);
  echo[20] = 8;
  view.setUint16(22, ~onesSum(echo.subarray(20)) & 0xffff);
  bed.inject(echo);
  const [reply] = bed.takeOthers();
  assert.ok(reply !== undefined);
  changesOnly(bed, { ICMP_NO_CONNECTION: 3 }, () => claimSmallMtu(bed, reply));
  bed.inject(echo);
  const again = bed.takeOthers();
  assert.equal(again.length, 1);
  assert.equal(again[0]?.length, 1428);
});

test('A28: without probing, a path that drops what is large ends the connection after R2, and costs no more than that', () => {
  const bed = testbed({ config: { pmtud: 'rfc1191', 'retries.data': 8 } });
  const app = bed.peer.handshake('passive');
  const other = bed.newPeer();
  const neighbour = other.handshake('passive');
  app.write(10_000);
  const cost = costOf(bed, () => bed.advance(600_000));
  assert.deepEqual([app.state, app.error], ['CLOSED', 'ETIMEDOUT']);
  assert.ok(cost.sent <= 20, `${cost.sent} packets`);
  assert.equal(bed.stack.tcp.stats.memory, 0);
  other.send({ flags: 'PA', data: 100 });
  assert.equal(neighbour.received.length, 100);
});

test('A28: what gets through such a path, small segments, is not held up by what does not', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  for (let i = 0; i < 20; i++) {
    app.write(500);
    const { seq, length } = bed.peer.expect({ length: 500 });
    bed.peer.ack(seq + length);
  }
  assert.equal(app.tcb.unacked, 0);
});

/** A peer behind a path that lets nothing above `most` bytes through, and says nothing about it. */
function behindBlackHole(bed: Testbed, app: Application, most: number, until: number): void {
  let acked = 1;
  for (let waited = 0; waited < until && app.tcb.unacked > 0; waited += 100) {
    for (const { seq, length, packet } of bed.peer.sent()) {
      if (packet.length > most || seq !== acked) continue;
      acked = seq + length;
      bed.peer.ack(acked);
    }
    bed.advance(100);
  }
}

test('A28, RFC 4821 §7.7: large segments vanish without a word: smaller ones get through, after three time-outs', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(20_000);
  behindBlackHole(bed, app, 1200, 120_000);
  assert.equal(app.tcb.unacked, 0);
  assert.equal(app.tcb.pathMtu, 1064);
  assert.equal(bed.counter('TCP_PMTU_BLACK_HOLE'), 1);
});

test('A28: a path that is down for a while keeps its size', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(1000);
  const before = app.tcb.snd.mss;
  bed.advance(12_000);
  assert.equal(bed.counter('TCP_PMTU_BLACK_HOLE'), 1, 'it was tried');
  bed.peer.sent();
  bed.peer.ack(1001);
  assert.equal(app.tcb.snd.mss, before);
});

test('A28, RFC 1191 §6.3: ten minutes later the larger size is tried again', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(20_000);
  behindBlackHole(bed, app, 1200, 120_000);
  bed.advance(600_000);
  app.write(500);
  bed.peer.sent();
  bed.peer.ack(20_501);
  app.write(20_000);
  assert.equal(bed.peer.sent()[0]?.packet.length, 1500);
});
