import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, destinationOf, FIN, flagsOf, RST, sourcePortOf, type Wire } from '../../support/wire.ts';
import type { Established } from '../../support/wire-connection.ts';
import { acknowledge, assertNothingLeft, crowd, crowdWire, endsOf } from './crowd.ts';

const COUNT = 10_000;
const MINUTE = 60_000_000;

function statesOf(peers: readonly Established[]): string[] {
  return [...new Set(peers.map(({ tcb }) => tcb.state))];
}

function each(wire: Wire, peers: readonly Established[], what: (peer: Established) => void): void {
  for (const peer of peers) what(peer);
  wire.stack.settle();
}

/** A crowd, each of whose applications closes. */
function closed(wire: Wire, count = COUNT): Established[] {
  wire.listen(7);
  const peers = crowd(wire, count);
  each(wire, peers, ({ tcb }) => wire.stack.tcp.close(tcb));
  return peers;
}

/** The peer's FIN. */
function finish(wire: Wire, { ends, seq, ack }: Established, acked = 0): void {
  wire.send({ ...ends, flags: FIN | ACK, seq, ack: (ack + acked) | 0 });
}

test('C11: 10,000 connections whose FIN nobody acknowledges are given up after the retries of an orphan', () => {
  const wire = crowdWire({ 'orphans.max': COUNT });
  const peers = closed(wire);
  assert.deepEqual(statesOf(peers), ['FIN-WAIT-1']);
  assert.equal(wire.stack.tcp.stats.orphans, COUNT);
  wire.take();
  wire.pass(30 * MINUTE);
  const fins = wire.take();
  assert.equal(fins.length, COUNT * 8, 'each FIN is sent again as often as retries.orphan says');
  assertNothingLeft(wire);
});

test('C10: 10,000 peers that acknowledge our FIN and never send theirs: FIN-WAIT-2 is over after 60 s', () => {
  const wire = crowdWire({ 'orphans.max': COUNT });
  const peers = closed(wire);
  each(wire, peers, (peer) => acknowledge(wire, peer, { ack: (peer.ack + 1) | 0 }));
  assert.deepEqual(statesOf(peers), ['FIN-WAIT-2']);
  wire.pass(59_900_000);
  assert.equal(wire.stack.tcp.stats.connections, COUNT);
  wire.take();
  wire.pass(200_000);
  assert.equal(wire.take().length, 0, 'nobody is told');
  assertNothingLeft(wire);
});

for (const [state, begin] of [
  [
    'LAST-ACK',
    (wire: Wire, peer: Established) => {
      finish(wire, peer);
      wire.stack.tcp.close(peer.tcb);
    },
  ],
  [
    'CLOSING',
    (wire: Wire, peer: Established) => {
      wire.stack.tcp.close(peer.tcb);
      wire.stack.settle();
      finish(wire, peer);
    },
  ],
] as const) {
  test(`C11: 10,000 connections in ${state} whose FIN nobody acknowledges come to an end`, () => {
    const wire = crowdWire({ 'orphans.max': COUNT });
    wire.listen(7);
    const peers = crowd(wire, COUNT);
    each(wire, peers, (peer) => begin(wire, peer));
    assert.deepEqual(statesOf(peers), [state]);
    wire.pass(30 * MINUTE);
    assertNothingLeft(wire);
  });
}

test('C12: 10,000 connections that the application forgets to close cost no timer, no buffer and no packet, and end when it closes', () => {
  const wire = crowdWire({ 'orphans.max': COUNT });
  wire.listen(7);
  const peers = crowd(wire, COUNT);
  each(wire, peers, (peer) => finish(wire, peer));
  assert.deepEqual(statesOf(peers), ['CLOSE-WAIT']);
  // The ACKs of the FINs may wait a little.
  wire.pass(1_000_000);
  wire.take();
  wire.pass(24 * 60 * MINUTE);
  assert.equal(wire.take().length, 0, 'a day of silence');
  const { connections, memory } = wire.stack.tcp.stats;
  assert.deepEqual({ connections, memory }, { connections: COUNT, memory: 0 });
  assert.equal(wire.stack.nextDeadline(), Infinity, 'no timer is armed');
  each(wire, peers, ({ tcb }) => wire.stack.tcp.close(tcb));
  each(wire, peers, (peer) => acknowledge(wire, peer, { seq: (peer.seq + 1) | 0, ack: (peer.ack + 1) | 0 }));
  assertNothingLeft(wire);
});

test('orphans.max: exactly so many; the newest is the victim, and it is reset and counted', () => {
  const wire = crowdWire({ 'orphans.max': 100 });
  const peers = closed(wire, 150);
  assert.equal(wire.stack.tcp.stats.orphans, 100);
  const resets = wire.take().filter((packet) => (flagsOf(packet) & RST) !== 0);
  const hit = resets.map((packet) => new DataView(packet.buffer, packet.byteOffset).getUint16(22));
  assert.deepEqual(
    hit,
    peers.slice(100).map(({ ends }) => ends.sourcePort),
  );
  assert.deepEqual(statesOf(peers.slice(0, 100)), ['FIN-WAIT-1']);
  assert.equal(wire.counter('TCP_ORPHAN_LIMIT'), 50);
  wire.pass(30 * MINUTE);
  assertNothingLeft(wire);
});

test('orphans.max: one that ends makes room for the next', () => {
  const wire = crowdWire({ 'orphans.max': 1 });
  wire.listen(7);
  const [first, second] = crowd(wire, 2) as [Established, Established];
  wire.stack.tcp.close(first.tcb);
  wire.stack.settle();
  wire.send({ ...first.ends, flags: RST, seq: first.seq });
  wire.stack.tcp.close(second.tcb);
  wire.stack.settle();
  assert.equal(second.tcb.state, 'FIN-WAIT-1');
});

test('timeWait.max: exactly so many; the oldest leaves, is counted, and its peer’s FIN meets a reset', () => {
  const wire = crowdWire({ 'timeWait.max': 1000 });
  const peers = closed(wire, 1500);
  wire.take();
  for (const peer of peers) finish(wire, peer, 1);
  assert.equal(wire.stack.tcp.stats.timeWait, 1000);
  assert.equal(wire.counter('TIMEWAIT_EVICTED'), 500);
  wire.take();
  // A FIN that comes once more finds out who is left.
  const answers = peers.map((peer) => {
    wire.take();
    finish(wire, peer, 1);
    return flagsOf(wire.take()[0] ?? new Uint8Array(40));
  });
  assert.deepEqual(
    answers.map((flags) => flags === ACK),
    peers.map((_, index) => index >= 500),
  );
  wire.pass(2 * MINUTE);
  assertNothingLeft(wire);
});

test('connections.max: exactly so many; the newcomer is refused, and gets in when one has gone', () => {
  const wire = crowdWire({ 'connections.max': 50 });
  wire.listen(7);
  const [first] = crowd(wire, 50);
  const late = endsOf(50);
  wire.send({ ...late, flags: 2, seq: 1 });
  const answer = wire.take().at(-1);
  assert.ok(answer !== undefined && destinationOf(answer) === late.source && sourcePortOf(answer) === 7);
  const ack = (new DataView(answer.buffer, answer.byteOffset).getInt32(24) + 1) | 0;
  wire.send({ ...late, flags: ACK, seq: 2, ack });
  assert.equal(wire.stack.tcp.stats.connections, 50);
  assert.equal(wire.counter('TCP_CONNECTION_LIMIT'), 1);
  assert.throws(() => wire.connect(0x0a100001, 80), { code: 'ENOBUFS' });
  wire.send({ ...endsOf(0), flags: RST, seq: first?.seq ?? 0 });
  wire.send({ ...late, flags: ACK, seq: 2, ack });
  assert.equal(wire.accepted.at(-1)?.peerPort, late.sourcePort);
});
