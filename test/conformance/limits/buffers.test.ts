import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, PSH, type Wire } from '../../support/wire.ts';
import type { Established } from '../../support/wire-connection.ts';
import { acknowledge, assertNothingLeft, crowd, crowdWire, reset } from './crowd.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const MINUTE = 60_000_000;
const CHUNK = new Uint8Array(1400);

/** Data of a peer at `offset` of its stream; answered or not. */
function data(wire: Wire, { ends, seq, ack }: Established, offset: number, payload = CHUNK): void {
  wire.send({ ...ends, flags: ACK | PSH, seq: (seq + offset) | 0, ack, payload });
}

/** Sends in order as long as the stack takes it; how many bytes it took. */
function fill(wire: Wire, peer: Established, most = Infinity): number {
  let taken = 0;
  for (;;) {
    data(wire, peer, taken);
    const now = peer.tcb.readable;
    if (now === taken || now >= most) return now;
    taken = now;
  }
}

function write(wire: Wire, { tcb }: Established, bytes: number): number {
  const taken = wire.stack.tcp.send(tcb, new Uint8Array(bytes), 0, bytes);
  wire.stack.settle();
  return taken;
}

/** Every peer resets its connection, and every application closes what it has. */
function endAll(wire: Wire, peers: readonly Established[]): void {
  for (const peer of peers) {
    reset(wire, peer);
    wire.stack.tcp.close(peer.tcb);
  }
  wire.stack.settle();
}

test('N01, N25: of 1000 peers of an application that never reads each fills its own buffer and not a byte more', () => {
  const wire = crowdWire({ 'buffer.receive': '8K', 'buffer.total': '64M' });
  wire.listen(7);
  const peers = crowd(wire, 1000);
  for (const peer of peers) assert.equal(fill(wire, peer), 8 * KIB);
  assert.equal(wire.stack.tcp.stats.memory, 1000 * 8 * KIB);
  wire.take();
  for (const peer of peers) data(wire, peer, 8 * KIB);
  assert.equal(wire.stack.tcp.stats.memory, 1000 * 8 * KIB);
  assert.ok(
    wire.take().every((packet) => new DataView(packet.buffer).getUint16(34) === 0),
    'window 0',
  );
  endAll(wire, peers);
  assertNothingLeft(wire);
});

test('N25: buffer.total holds exactly: what does not fit is dropped, counted, and taken when there is room again', () => {
  const wire = crowdWire({ 'buffer.receive': '8K', 'buffer.total': '1M' });
  wire.listen(7);
  const peers = crowd(wire, 1000);
  const filled = peers.map((peer) => fill(wire, peer));
  const { memory } = wire.stack.tcp.stats;
  assert.ok(memory <= MIB && memory > MIB - 4 * KIB, `${memory} bytes`);
  const refused = peers.filter((_, index) => filled[index] === 0);
  assert.ok(refused.length >= 1000 - MIB / (4 * KIB) && refused.length < 1000, `${refused.length} refused`);
  assert.ok(wire.counter('TCP_MEMORY') >= refused.length);
  const [late] = refused as [Established];
  assert.equal(late.tcb.state, 'ESTABLISHED', 'who gets nothing stays connected');
  const [first] = peers as [Established];
  wire.stack.tcp.discard(first.tcb, first.tcb.readable);
  wire.stack.settle();
  data(wire, late, 0);
  assert.equal(late.tcb.readable, CHUNK.length);
  endAll(wire, peers);
  assertNothingLeft(wire);
});

for (const [name, pin] of [
  ['unread', (wire: Wire, peer: Established) => fill(wire, peer)],
  ['out of order', (wire: Wire, peer: Established) => data(wire, peer, 60 * KIB)],
] as const) {
  test(`N25: while 1000 peers hold all of buffer.total with bytes ${name}, an older connection goes on both ways`, () => {
    const wire = crowdWire({ 'buffer.receive': '64K', 'buffer.total': '32M' });
    wire.listen(7);
    const [old] = crowd(wire, 1) as [Established];
    const peers = crowd(wire, 1000, 1);
    for (const peer of peers) pin(wire, peer);
    assert.ok(wire.stack.tcp.stats.memory <= 32 * MIB);
    for (let i = 0; i < 20; i++) {
      data(wire, old, i * CHUNK.length);
      assert.equal(old.tcb.readable, CHUNK.length, `segment ${i} is taken`);
      wire.stack.tcp.discard(old.tcb, CHUNK.length);
      assert.equal(write(wire, old, 1000), 1000, `answer ${i} is taken`);
      acknowledge(wire, old, { seq: (old.seq + (i + 1) * CHUNK.length) | 0, ack: old.tcb.snd.nxt });
    }
    endAll(wire, [old, ...peers]);
    assertNothingLeft(wire);
  });
}

test('F01, N25: bytes out of order give way: the one that is next in line is taken when they hold all memory', () => {
  const wire = crowdWire({ 'buffer.receive': '64K', 'buffer.total': '1M' });
  wire.listen(7);
  const peers = crowd(wire, 100);
  for (const peer of peers) data(wire, peer, 50 * KIB);
  for (const peer of peers) data(wire, peer, 0);
  const stalled = peers.filter(({ tcb }) => tcb.readable !== CHUNK.length);
  assert.equal(stalled.length, 0, `${stalled.length} connections are stalled`);
  endAll(wire, peers);
  assertNothingLeft(wire);
});

test('N02, C07: 100 writers that never stop, peers whose window is zero for ever: full buffers, rare probes, nothing lost', () => {
  const wire = crowdWire({ 'buffer.send': '16K' });
  wire.listen(7);
  const peers = crowd(wire, 100);
  for (const { ends, seq, ack } of peers) wire.send({ ...ends, flags: ACK, seq, ack, window: 0 });
  for (const peer of peers) {
    let taken = 0;
    for (let i = 0; i < 50; i++) taken += write(wire, peer, 4000);
    assert.equal(taken, 16 * KIB);
  }
  assert.equal(wire.stack.tcp.stats.memory, 100 * 16 * KIB);
  wire.take();
  let probes = 0;
  for (let minute = 0; minute < 600; minute++) {
    wire.pass(MINUTE);
    for (const packet of wire.take()) {
      probes++;
      // The peer answers each probe with the window it has: none.
      const peer = peers[new DataView(packet.buffer).getUint16(22) - 10_000];
      assert.ok(peer !== undefined);
      wire.send({ ...peer.ends, flags: ACK, seq: peer.seq, ack: peer.ack, window: 0 });
    }
  }
  assert.ok(peers.every(({ tcb }) => tcb.state === 'ESTABLISHED'));
  assert.ok(probes / 100 < 320, `${probes / 100} probes for each connection in ten hours`);
  assert.equal(wire.counter('TCP_ZERO_WINDOW_PROBE'), probes);
  endAll(wire, peers);
  assertNothingLeft(wire);
});

test('C07: a window of zero whose probes nobody answers is over after retries.data of them', () => {
  const wire = crowdWire({ 'buffer.send': '16K' });
  wire.listen(7);
  const peers = crowd(wire, 100);
  for (const { ends, seq, ack } of peers) wire.send({ ...ends, flags: ACK, seq, ack, window: 0 });
  for (const peer of peers) write(wire, peer, 4000);
  wire.pass(60 * MINUTE);
  assert.equal(wire.counter('TCP_ZERO_WINDOW_PROBE'), 100 * 15);
  assertNothingLeft(wire);
});

test('F01, F02: 1,024 holes in one connection, exactly; the next is dropped and counted, the first gap still closes', () => {
  const wire = crowdWire({ 'buffer.receive': '64K' });
  wire.listen(7);
  const [peer] = crowd(wire, 1) as [Established];
  const byte = new Uint8Array(1);
  for (let i = 0; i < 1100; i++) data(wire, peer, 2 * i + 1, byte);
  assert.equal(peer.tcb.receiveBuffer.outOfOrder.count, 1024);
  assert.equal(wire.counter('TCP_OFO_DROP'), 76);
  data(wire, peer, 0, byte);
  assert.equal(peer.tcb.readable, 2);
  endAll(wire, [peer]);
  assertNothingLeft(wire);
});
