/** What arrives: faults that could be put into the code and that no other test noticed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from '../../support/pattern.ts';
import { type Testbed, testbed } from '../../support/peer.ts';

test('RFC 9293 MUST-4: an option behind the end of options is none', () => {
  const bed = testbed();
  bed.listen();
  bed.peer.send({ flags: 'S', rawOptions: [2, 4, 4, 0, 0, 3, 3, 7] });
  assert.equal(bed.peer.expect({ flags: 'SA' }).options.wscale, undefined);
});

for (const before of [0xffff_fff0, 0x7fff_fff0]) {
  test(`TS-07: PAWS compares on the circle, from ${before.toString(16)} on`, () => {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { tsVal: before });
    bed.peer.send({ flags: 'PA', data: 10, options: { timestamps: [(before + 0x20) >>> 0, 0] } });
    assert.equal(app.received.length, 10);
    bed.advance(100);
    bed.peer.send({ flags: 'PA', seq: 11, data: 10, options: { timestamps: [before + 1, 0] } });
    assert.equal(app.received.length, 10);
    assert.equal(bed.counter('TCP_RFC7323_PAWS'), 1);
  });
}

test('CC-11: the segment that fills a gap is acknowledged at once, however lazy acknowledging is', () => {
  const bed = testbed({ config: { 'ack.policy': 'delay' } });
  bed.peer.handshake('passive');
  bed.peer.send({ flags: 'A', seq: 101, data: 100 });
  bed.peer.expect({ ack: 1 });
  bed.peer.send({ flags: 'A', seq: 1, data: 100 });
  bed.peer.expect({ ack: 201 });
});

test('RFC 9293 MUST-59: a gap that opens and closes in one turn earns one ACK', () => {
  const bed = testbed();
  bed.peer.handshake('passive');
  bed.batch(() => {
    for (const seq of [101, 201, 301, 1]) bed.peer.send({ flags: 'A', seq, data: 100 });
  });
  bed.peer.expect({ ack: 401 });
  bed.peer.expectNothing();
});

test('SK-03: ranges that touch are one block, from whichever side they grow', () => {
  const bed = testbed();
  bed.peer.handshake('passive', { sackPermitted: true });
  for (const [seq, left] of [
    [2001, 2001],
    [1001, 1001],
    [501, 501],
  ] as const) {
    bed.peer.send({ flags: 'A', seq, data: seq === 501 ? 500 : 1000 });
    assert.deepEqual(bed.peer.expect({ ack: 1 }).options.sack, [[left, 3001]]);
  }
});

test('S22: out-of-order data across the end of the ring, which is never empty', () => {
  const bed = testbed({ config: { 'buffer.receive': '8K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  let next = 1;
  for (let round = 0; round < 40; round++) {
    for (const [at, data] of [
      [700, 700],
      [1400, 300],
      [0, 700],
    ] as const) {
      bed.peer.send({ flags: 'A', seq: next + at, data });
    }
    next += 1700;
    app.read(app.tcb.readable - 1);
    bed.advance(50);
  }
  app.read();
  assert.deepEqual(app.received, pattern(0, next - 1));
});

test('WS-05: with the buffer nearly full, bytes that rounding leaves out of sight are taken', () => {
  const bed = testbed({ config: { 'buffer.receive': '128K/128K/6M', 'buffer.autoTuning': 'off' } });
  const app = bed.peer.handshake('passive', { autoRead: false, wscale: 0 });
  const room = (): number => app.tcb.rcv.wnd;
  for (let i = 0; i < 80; i++) {
    bed.peer.send({ flags: 'A', data: 1460 });
    bed.advance(100);
  }
  assert.ok(room() > 0 && room() < 20_000, `the buffer is nearly full: ${room()}`);
  const offered = (bed.peer.sent().at(-1)?.window ?? 0) << app.tcb.rcv.shift;
  assert.ok(offered < room(), `${offered} of ${room()}: the left edge is off the grid`);
  bed.peer.send({ flags: 'A', seq: bed.peer.nxt + room() - 1, data: 1 });
  assert.equal(app.tcb.receiveBuffer.outOfOrderLength, 1);
});

test('WS-04: what our scaled windows offer is no more than the buffer, less what is unread', () => {
  const bed = testbed({ config: { 'buffer.receive': '128K/128K/6M', 'buffer.autoTuning': 'off' } });
  const app = bed.peer.handshake('passive', { autoRead: false, wscale: 7 });
  for (let i = 0; i < 20; i++) {
    bed.peer.send({ flags: 'A', data: 1460 });
    bed.advance(100);
    const offered = (bed.peer.sent().at(-1)?.window ?? 0) << app.tcb.rcv.shift;
    const free = 128 * 1024 - app.tcb.readable;
    assert.ok(offered <= free && offered > free - 66_000, `${offered} of ${free}`);
  }
});

test('S20: reading after the FIN, which took the last number of the window, sends no window update', () => {
  const bed = testbed({ config: { 'buffer.receive': '4K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  for (const data of [1024, 1024, 1024, 1023]) bed.peer.send({ flags: 'A', data });
  bed.peer.send({ flags: 'FA' });
  bed.advance(500);
  assert.equal(bed.peer.sent().at(-1)?.ack, 4097);
  assert.equal(app.state, 'CLOSE-WAIT');
  app.read();
  bed.advance(1000);
  bed.peer.expectNothing();
});

test('SF-02: a stale cookie earns a reset, though others get fresh ones', () => {
  const bed = testbed({ config: { synCookies: 'always' } });
  bed.listen(7);
  const ask = (port: number): Testbed['peer'] => {
    const peer = bed.newPeer({ port });
    peer.send({ flags: 'S', options: { mss: 1460 } });
    peer.expect({ flags: 'SA' });
    return peer;
  };
  const late = ask(50_000);
  for (let port = 50_001; port < 50_004; port++) {
    bed.advance(64_000);
    ask(port);
  }
  late.send({ flags: 'A' });
  late.expect({ flags: 'R', seq: 1 });
  assert.equal(bed.accepted.length, 0);
});

test('PM-04: the plateau below a quoted length that is a plateau itself', () => {
  const bed = testbed({ mtu: 1492, config: { sack: 'off', tlp: 'off' } });
  const app = bed.peer.handshake('passive');
  app.write(10_000);
  const [first] = bed.peer.sent();
  assert.equal(first?.packet.length, 1492);
  bed.icmp(3, 4, first.packet, 0);
  assert.equal(app.tcb.pathMtu, 1006);
});
