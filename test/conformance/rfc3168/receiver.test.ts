/** A mark arrives, and is echoed until its sender has said that it is slower. RFC 3168 §6.1.3, §5.3. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sent } from '../../support/peer.ts';
import { onesSum } from '../../support/segment.ts';
import {
  CE,
  ECT_0,
  ECT_1,
  type EcnConnection,
  ecnConnection,
  ecnOf,
  MSS,
  sackConnection,
} from './ecn-bed.ts';

const echoes = (segments: Sent[]): boolean[] => segments.map(({ flags }) => flags.includes('E'));

/** A connection that owes the echo of a mark on its first ten bytes. */
function marked(connection: EcnConnection = ecnConnection()): EcnConnection {
  const { bed } = connection;
  bed.peer.send({ flags: 'PA', data: 10, tos: CE });
  bed.peer.expect({ flags: 'AE', ack: 11, tos: 0 });
  return connection;
}

test('EC-05: ECT alone is not echoed, CE at once, and then every ACK has ECE, until CWR', () => {
  const { bed } = ecnConnection();
  for (const tos of [0, ECT_0, ECT_1]) {
    bed.peer.send({ flags: 'PA', data: 10, tos });
    bed.advance(100);
    bed.peer.expect({ flags: 'A' });
  }
  bed.peer.send({ flags: 'PA', data: 10, tos: CE });
  bed.peer.expect({ flags: 'AE', ack: 41 });
  for (let i = 0; i < 20; i++) {
    bed.peer.send({ flags: 'PA', data: 10, tos: ECT_0 });
    bed.advance(100);
    bed.peer.expect({ flags: 'AE' });
  }
  bed.peer.send({ flags: 'PAC', data: 10, tos: ECT_0 });
  bed.advance(100);
  bed.peer.expect({ flags: 'A' });
  bed.peer.send({ flags: 'PA', data: 10, tos: ECT_0 });
  bed.advance(100);
  bed.peer.expect({ flags: 'A' });
});

test('EC-05: an ACK that was delayed has ECE too', () => {
  const { bed } = marked(ecnConnection({ config: { 'ack.policy': 'delay', 'ack.delay': '200ms' } }));
  bed.peer.send({ flags: 'PA', data: 10, tos: ECT_0 });
  bed.peer.expectNothing();
  bed.advance(300);
  const ack = bed.peer.expect({ flags: 'AE', ack: 21 });
  assert.ok(ack.at >= 100, 'it was delayed');
});

test('EC-05: a mark is not delayed behind an ACK that is', () => {
  const { bed } = ecnConnection({
    config: { 'ack.policy': 'delay', 'ack.delay': '200ms' },
  });
  bed.peer.send({ flags: 'PA', data: 10, tos: CE });
  bed.peer.expect({ flags: 'AE', ack: 11, at: 0 });
});

test('EC-05: ECE is on whatever acknowledges: duplicates, challenges, window updates, answers to probes', () => {
  const { bed, app } = ecnConnection({ config: { 'buffer.receive': '8K' } });
  app.autoRead = false;
  bed.peer.send({ flags: 'PA', data: 10, tos: CE });
  const sends: (() => void)[] = [
    () => bed.peer.send({ flags: 'PA', seq: 500, data: 10 }),
    () => bed.peer.send({ flags: 'PA', seq: 1, data: 10 }),
    () => bed.peer.send({ flags: 'S', seq: 200 }),
    () => bed.peer.send({ flags: 'A', seq: 0 }),
    () => {
      for (let i = 0; i < 8; i++) bed.peer.send({ flags: 'PA', data: MSS });
    },
    () => app.read(),
  ];
  for (const send of sends) {
    bed.peer.sent();
    send();
    bed.advance(100);
    const answers = bed.peer.sent();
    assert.ok(answers.length > 0, send.toString());
    assert.ok(
      answers.every(({ flags, tos }) => flags === 'AE' && tos === 0),
      send.toString(),
    );
  }
});

test('EC-05: ECE is on data, retransmission and FIN, as they acknowledge too; not on a reset', () => {
  const { bed, app } = marked();
  app.write(2 * MSS);
  bed.advance(1500);
  assert.deepEqual(new Set(echoes(bed.peer.sent())), new Set([true]));
  bed.peer.ack();
  app.shutdown();
  bed.peer.expect({ flags: 'FAE', length: 0 });
  bed.peer.ack();
  app.abort();
  const reset = bed.peer.expect({ tos: 0 });
  assert.ok(reset.flags.includes('R') && !reset.flags.includes('E'), reset.flags);
});

test('EC-05: what has lost every ACK still learns of the mark from the last', () => {
  const { bed } = marked();
  bed.peer.sent();
  for (let i = 0; i < 50; i++) bed.peer.send({ flags: 'PA', data: 10, tos: ECT_0 });
  bed.advance(100);
  assert.ok(echoes(bed.peer.sent()).every((echo) => echo));
});

test('EC-05: a segment with CWR that is marked itself: its own mark is echoed', () => {
  const { bed } = marked();
  bed.peer.send({ flags: 'PAC', data: 10, tos: CE });
  bed.advance(100);
  bed.peer.expect({ flags: 'AE', ack: 21 });
  bed.peer.send({ flags: 'PA', data: 10, tos: ECT_0 });
  bed.advance(100);
  bed.peer.expect({ flags: 'AE', ack: 31 });
  bed.peer.send({ flags: 'PAC', data: 10, tos: ECT_0 });
  bed.advance(100);
  bed.peer.expect({ flags: 'A', ack: 41 });
});

test('EC-05: CWR without any mark before it, or twice, changes nothing', () => {
  const { bed } = ecnConnection();
  for (let i = 0; i < 2; i++) {
    bed.peer.send({ flags: 'PAC', data: 10, tos: ECT_0 });
    bed.advance(100);
    bed.peer.expect({ flags: 'A' });
  }
  bed.peer.send({ flags: 'PA', data: 10, tos: CE });
  bed.peer.expect({ flags: 'AE' });
});

test('EC-05: a mark on data out of order is echoed as well', () => {
  const { bed } = sackConnection();
  bed.peer.send({ flags: 'PA', seq: 11, data: 10, tos: CE });
  bed.peer.expect({ flags: 'AE', ack: 1 });
  bed.peer.send({ flags: 'PA', seq: 1, data: 10, tos: ECT_0 });
  bed.peer.expect({ flags: 'AE', ack: 21 });
});

test('EC-05: in FIN-WAIT-2 marks are echoed as before', () => {
  const { bed, app } = ecnConnection();
  app.shutdown();
  bed.peer.expect({ flags: 'FA' });
  bed.peer.ack();
  assert.equal(app.state, 'FIN-WAIT-2');
  bed.peer.send({ flags: 'PA', data: 10, tos: CE });
  bed.peer.expect({ flags: 'AE' });
});

test('EC-09: CE on data outside of the window is ignored: old, or beyond it', () => {
  const { bed } = ecnConnection();
  bed.peer.send({ flags: 'PA', data: 100, tos: ECT_0 });
  bed.advance(100);
  bed.peer.sent();
  const window = 1 << 20;
  for (const seq of [1, 51, 101 + window]) {
    bed.peer.send({ flags: 'PA', seq, data: 50, tos: CE });
    bed.advance(100);
    bed.peer.expect({ flags: 'A', ack: 101 });
  }
  bed.peer.send({ flags: 'PA', data: 10, tos: ECT_0 });
  bed.advance(100);
  bed.peer.expect({ flags: 'A', ack: 111 });
});

test('EC-09: CE on a probe into a closed window is ignored', () => {
  const { bed, app } = ecnConnection({ config: { 'buffer.receive': '8K' } });
  app.autoRead = false;
  let left = 20;
  do {
    bed.peer.send({ flags: 'PA', data: 1000, tos: ECT_0 });
    bed.advance(100);
  } while (bed.peer.sent().at(-1)?.window !== 0 && left-- > 0);
  assert.equal(app.tcb.rcv.wnd, 0, 'the window is closed');
  bed.peer.send({
    flags: 'PA',
    seq: bed.connections()[0]?.rcv?.nxt ?? 0,
    data: 1,
    tos: CE,
  });
  bed.advance(100);
  assert.deepEqual(echoes(bed.peer.sent()), [false]);
});

test('EC-09, RFC 3168 §6.1.4, §6.1.6: CE on what must not be ECN-capable is ignored: ACK, FIN, probe, SYN', () => {
  const { bed, app } = ecnConnection();
  bed.peer.send({ flags: 'A', tos: CE });
  bed.peer.send({ flags: 'A', seq: bed.peer.nxt - 1, tos: CE });
  bed.peer.send({ flags: 'S', seq: 100, tos: CE });
  bed.peer.send({ flags: 'FA', tos: CE });
  bed.advance(100);
  app.write(10);
  const sent = bed.peer.sent();
  assert.ok(sent.length >= 3);
  assert.ok(echoes(sent).every((echo) => !echo));
});

/** A packet as fragments, the payload's pieces of `size` bytes each, whose TOS are these. */
function fragments(packet: Uint8Array, size: number, tos: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 20; at < packet.length; at += size) {
    const end = Math.min(at + size, packet.length);
    const piece = new Uint8Array(20 + end - at);
    piece.set(packet.subarray(0, 20));
    piece.set(packet.subarray(at, end), 20);
    const view = new DataView(piece.buffer);
    piece[1] = tos[pieces.length] as number;
    view.setUint16(2, piece.length);
    view.setUint16(4, 77);
    view.setUint16(6, ((at - 20) >> 3) | (end < packet.length ? 0x2000 : 0));
    view.setUint16(10, 0);
    view.setUint16(10, ~onesSum(piece.subarray(0, 20)) & 0xffff);
    pieces.push(piece);
  }
  assert.equal(pieces.length, tos.length);
  return pieces;
}

for (const [tos, order] of [
  [[CE, ECT_0, ECT_0], 'first'],
  [[ECT_0, CE, ECT_0], 'middle'],
  [[ECT_0, ECT_0, CE], 'last'],
  [[CE, CE, CE], 'every'],
] as const) {
  test(`EC-05, RFC 3168 §5.3: CE on the ${order} fragment of a datagram marks all of it, in any order`, () => {
    for (const turn of [false, true]) {
      const { bed, app } = ecnConnection();
      const pieces = fragments(bed.peer.build({ flags: 'PA', data: 100 }), 48, tos);
      for (const piece of turn ? pieces.reverse() : pieces) bed.inject(piece);
      assert.equal(app.received.length, 100);
      bed.peer.expect({ flags: 'AE', ack: 101 });
    }
  });
}

test('RFC 3168 §5.3: what one datagram was says nothing of the next', () => {
  const { bed, app } = ecnConnection();
  for (const tos of [
    [0, 0, 0],
    [CE, ECT_0, ECT_0],
  ]) {
    for (const piece of fragments(bed.peer.build({ flags: 'PA', data: 100 }), 48, tos)) bed.inject(piece);
  }
  assert.equal(app.received.length, 200);
  assert.equal(bed.peer.sent().at(-1)?.flags, 'AE');
});

test('RFC 3168 §5.3: fragments with ECT and no CE make no mark', () => {
  const { bed, app } = ecnConnection();
  const packet = bed.peer.build({ flags: 'PA', data: 100 });
  for (const piece of fragments(packet, 48, [ECT_0, ECT_0, ECT_0])) bed.inject(piece);
  bed.advance(100);
  assert.equal(app.received.length, 100);
  assert.equal(ecnOf(bed.peer.expect({ flags: 'A', ack: 101 })), 0);
});

for (const tos of [
  [0, CE, ECT_0],
  [CE, 0, 0],
]) {
  test(`RFC 3168 §5.3: fragments ${tos.join(', ')}: with one that is not ECN-capable, a mark drops the datagram`, () => {
    const { bed, app } = ecnConnection();
    for (const piece of fragments(bed.peer.build({ flags: 'PA', data: 100 }), 48, tos)) bed.inject(piece);
    bed.advance(100);
    assert.equal(app.received.length, 0);
    bed.peer.expectNothing();
    assert.equal(bed.counter('FRAG_ECN'), 1);
  });
}
