import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Peer, type Testbed, testbed } from '../../support/peer.ts';

const SYN = { mss: 1460 };

/** SYNs from `count` sources that nobody answers for; the stack's answers are not kept. */
function flood(bed: Testbed, count: number, from = 0): void {
  for (let i = from; i < from + count; i++) {
    bed.peer.send({
      flags: 'S',
      seq: 0,
      source: `11.${(i >> 16) & 0xff}.${(i >> 8) & 0xff}.${i & 0xff}`,
      options: SYN,
    });
  }
}

/** A listener whose SYN queue is full, so that it answers with cookies. */
function crowded(synCookies = 'cookies'): Testbed {
  const bed = testbed({ config: { synQueue: 4, synCookies } });
  bed.listen(7);
  flood(bed, 4);
  return bed;
}

function openByCookie(bed: Testbed, peer: Peer, options = {}): void {
  peer.send({ flags: 'S', options: { ...SYN, ...options } });
  peer.expect({ flags: 'SA', ack: 1 });
  peer.send({ flags: 'A' });
  assert.equal(bed.accepted.length, 1);
}

test('SF-01, C01: half-open connections are capped, whatever comes', () => {
  const bed = testbed({ config: { synQueue: 64 } });
  bed.listen(7);
  flood(bed, 20_000);
  assert.equal(bed.stack.tcp.stats.synReceived, 64);
  assert.equal(bed.stack.tcp.stats.connections, 0);
  assert.equal(bed.stack.tcp.stats.memory, 0);
});

test('SF-01, C02: a SYN,ACK is sent six times at most, further and further apart', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: SYN });
  bed.advance(600_000);
  const times = bed.peer.sent().map(({ flags, at }) => {
    assert.equal(flags, 'SA');
    return at;
  });
  assert.deepEqual(times, [0, 1000, 3000, 7000, 15_000, 31_000]);
  assert.equal(bed.stack.tcp.stats.synReceived, 0);
});

test('SF-01: and the application hears nothing of it', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: SYN });
  bed.advance(600_000);
  assert.equal(bed.accepted.length, 0);
  assert.deepEqual(bed.connections(), []);
});

test('SF-02: with a full SYN queue a cookie is the ISN: nothing is kept, nothing is sent again, the ACK opens', () => {
  const bed = crowded();
  const peer = bed.newPeer({ address: '10.9.0.9' });
  peer.send({ flags: 'S', options: SYN });
  peer.expect({ flags: 'SA', ack: 1 });
  assert.equal(bed.stack.tcp.stats.synReceived, 4);
  bed.advance(20_000);
  peer.expectNothing();
  peer.send({ flags: 'A' });
  peer.send({ flags: 'PA', data: 10 });
  assert.equal(bed.accepted.length, 1);
  assert.equal(bed.accepted[0]?.received.length, 10);
});

test('SF-02: a stale cookie earns a reset', () => {
  const bed = crowded();
  const peer = bed.newPeer({ address: '10.9.0.9' });
  peer.send({ flags: 'S', options: SYN });
  peer.expect({ flags: 'SA' });
  bed.advance(200_000);
  peer.send({ flags: 'A' });
  peer.expect({ flags: 'R', seq: 1 });
  assert.equal(bed.accepted.length, 0);
});

test('SF-02: a cookie is good for its own 4-tuple and ISN only', () => {
  const bed = crowded();
  const peer = bed.newPeer({ address: '10.9.0.9' });
  peer.send({ flags: 'S', options: SYN });
  peer.expect({ flags: 'SA' });
  peer.send({ flags: 'A', ack: 2 });
  peer.send({ flags: 'A', ack: 1 + 2 ** 24 });
  peer.send({ flags: 'A', seq: 2, ack: 1 });
  peer.send({ flags: 'A', seq: 1, ack: 1, sourcePort: 999 });
  peer.send({ flags: 'A', seq: 1, ack: 1, source: '10.9.0.10' });
  assert.equal(bed.accepted.length, 0);
  assert.ok(bed.counter('TCP_COOKIE_INVALID') >= 5);
  peer.sent();
  peer.send({ flags: 'A', seq: 1, ack: 1 });
  assert.equal(bed.accepted.length, 1);
});

test('C04, SF-02: guesses do not open a connection', () => {
  const bed = crowded();
  const peer = bed.newPeer({ address: '10.9.0.9' });
  for (let i = 0; i < 20_000; i++) peer.send({ flags: 'A', seq: 1, ack: Math.imul(i, 0x9e3779b1) >>> 0 });
  assert.equal(bed.accepted.length, 0);
  assert.equal(bed.stack.tcp.stats.connections, 0);
});

for (const [offered, kept] of [
  [1460, 1460],
  [1459, 1440],
  [536, 536],
  [100, 88],
] as const) {
  test(`SF-02: a cookie keeps an MSS of ${offered} as ${kept}`, () => {
    const bed = crowded();
    const peer = bed.newPeer({ address: '10.9.0.9' });
    openByCookie(bed, peer, { mss: offered });
    bed.accepted[0]?.write(10_000);
    const longest = Math.max(...peer.sent().map(({ length }) => length));
    // A segment larger than what the peer takes would never arrive.
    assert.equal(longest, Math.min(kept, offered));
  });
}

test('SF-03: without timestamps a cookie connection claims neither scaling nor SACK', () => {
  const bed = crowded();
  const peer = bed.newPeer({ address: '10.9.0.9' });
  peer.send({ flags: 'S', options: { ...SYN, wscale: 7, sackPermitted: true } });
  const synAck = peer.expect({ flags: 'SA' });
  assert.deepEqual([synAck.options.wscale, synAck.options.sackPermitted], [undefined, undefined]);
  peer.send({ flags: 'A', wnd: 1000 });
  assert.equal(bed.accepted[0]?.tcb.snd.wnd, 1000);
  peer.send({ flags: 'A', seq: 1001, data: 10 });
  assert.ok(peer.sent().every(({ kinds }) => !kinds.includes(5)));
});

test('SF-03: with timestamps it keeps both', () => {
  const bed = crowded();
  const peer = bed.newPeer({ address: '10.9.0.9' });
  peer.timestamps = true;
  peer.send({ flags: 'S', options: { ...SYN, wscale: 7, sackPermitted: true } });
  const synAck = peer.expect({ flags: 'SA' });
  assert.ok(synAck.options.sackPermitted === true && synAck.options.wscale !== undefined);
  peer.send({ flags: 'A', wnd: 1000 });
  assert.equal(bed.accepted[0]?.tcb.snd.wnd, 128_000);
  peer.send({ flags: 'A', seq: 1001, data: 10 });
  assert.ok(peer.sent().some(({ kinds }) => kinds.includes(5)));
});

test('SF-03: the window that the cookie offered is the one that counts', () => {
  const bed = crowded();
  const peer = bed.newPeer({ address: '10.9.0.9' });
  openByCookie(bed, peer);
  peer.send({ flags: 'PA', seq: 65_536, data: 1 });
  assert.equal(bed.accepted[0]?.tcb.receiveBuffer.outOfOrderLength, 0, 'right of the window');
  peer.send({ flags: 'PA', seq: 65_535, data: 1 });
  assert.equal(bed.accepted[0]?.tcb.receiveBuffer.outOfOrderLength, 1, 'the last byte of the window');
});

test('SF-02: synCookies=drop leaves the SYN alone, and the next copy finds room', () => {
  const bed = crowded('drop');
  const peer = bed.newPeer({ address: '10.9.0.9' });
  peer.send({ flags: 'S', seq: 0, options: SYN });
  peer.expectNothing();
  assert.equal(bed.counter('TCP_SYN_QUEUE_FULL'), 1);
  bed.advance(130_000);
  peer.send({ flags: 'S', options: SYN });
  peer.expect({ flags: 'SA' });
});

test('SF-04, C05: a full accept queue leaves the third ACK, and the data behind it, to be sent again', () => {
  const bed = testbed();
  const listener = bed.listen(7, { backlog: 1, accept: false });
  const peers = [bed.peer, bed.newPeer(), bed.newPeer()];
  for (const peer of peers) {
    peer.send({ flags: 'S', options: SYN });
    peer.expect({ flags: 'SA' });
  }
  for (const peer of peers) peer.send({ flags: 'A' });
  assert.equal(listener.acceptQueue.length, 1);
  const second = peers[1] as Peer;
  second.send({ flags: 'PA', data: 100 });
  assert.ok(second.sent().every(({ ack, flags }) => flags !== 'R' && ack <= 1));
  bed.advance(1500);
  second.expect({ flags: 'SA', ack: 1 });
  bed.accept(listener);
  second.send({ flags: 'PA', seq: 1, data: 100 });
  const app = bed.accept(listener);
  bed.advance(100);
  assert.equal(app.received.length, 100);
  assert.equal(second.sent().at(-1)?.ack, 101);
});

test('SF-04: with a full accept queue new SYNs are not answered at all', () => {
  const bed = testbed();
  bed.listen(7, { backlog: 1, accept: false });
  bed.peer.send({ flags: 'S', options: SYN });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'A' });
  const late = bed.newPeer();
  late.send({ flags: 'S', seq: 0, options: SYN });
  late.expectNothing();
  assert.equal(bed.counter('TCP_LISTEN_OVERFLOW'), 1);
});

test('SF-05, S29: cookies beginning between two copies of a SYN do not reset a good client', () => {
  const bed = testbed({ config: { synQueue: 4 } });
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: SYN });
  const first = bed.peer.expect({ flags: 'SA' });
  flood(bed, 10);
  bed.peer.send({ flags: 'S', seq: 0, options: SYN });
  const second = bed.peer.expect({ flags: 'SA' });
  assert.equal(second.rawSeq, first.rawSeq);
  bed.peer.send({ flags: 'A' });
  bed.peer.expectNothing();
  assert.equal(bed.accepted.length, 1);
});

test('SF-05, S29: cookies ending between the copies: the ACK of either answer opens', () => {
  for (const which of [0, 1]) {
    const bed = crowded();
    const peer = bed.newPeer({ address: '10.9.0.9' });
    peer.send({ flags: 'S', options: SYN });
    const cookie = peer.expect({ flags: 'SA' }).rawSeq;
    // The flood dies away; the client's SYN comes again and finds room.
    bed.advance(64_000);
    assert.equal(bed.stack.tcp.stats.synReceived, 0);
    if (which === 1) {
      peer.send({ flags: 'S', seq: 0, options: SYN });
      peer.expect({ flags: 'SA' });
    } else {
      peer.iss = cookie;
    }
    peer.send({ flags: 'A', ack: 1 });
    peer.expectNothing();
    assert.equal(bed.accepted.length, 1, `answer ${which}`);
  }
});

test('C21: the same SYN a thousand times is one half-open connection', () => {
  const bed = testbed();
  bed.listen(7);
  for (let i = 0; i < 1000; i++) bed.peer.send({ flags: 'S', seq: 0, options: SYN });
  assert.equal(bed.stack.tcp.stats.synReceived, 1);
  assert.equal(new Set(bed.peer.sent().map(({ rawSeq }) => rawSeq)).size, 1);
});
