/** RFC 9293 §3.7.4, §3.8.6.2.1, §3.9.1.2, §3.9.2: what is sent, in which pieces, and when. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from '../../support/pattern.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

/** Lengths of the segments waiting to be looked at. */
function lengths(bed: Testbed): number[] {
  return bed.peer.sent().map(({ length }) => length);
}

test('RFC 9293 MUST-49: the TTL is configurable, per stack and per connection', () => {
  const bed = testbed({ config: { ttl: 7 } });
  const app = bed.peer.handshake('passive');
  app.write(10);
  bed.peer.expect({ length: 10, ttl: 7 });
  app.call((tcb) => bed.stack.tcp.setTtl(tcb, 9));
  app.write(10);
  bed.peer.ack();
  bed.advance(5000);
  app.shutdown();
  const rest = bed.peer.sent();
  assert.ok(rest.some(({ flags }) => flags.includes('F')) && rest.length > 2, 'data, retransmission and FIN');
  assert.ok(rest.every(({ ttl }) => ttl === 9));
  assert.ok(
    bed.packets.slice(0, 2).every((packet) => packet[8] === 7),
    'the SYN,ACK too',
  );
});

test('RFC 9293 MUST-49 and SHLD-22: the reset of a connection has its TTL and its DSCP', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.call((tcb) => {
    bed.stack.tcp.setTtl(tcb, 9);
    bed.stack.tcp.setTos(tcb, 0x28);
  });
  app.abort();
  bed.peer.expect({ flags: 'RA', ttl: 9, tos: 0x28 });
});

test('RFC 9293 MUST-49 and SHLD-22: the ACKs of TIME-WAIT have the TTL and the DSCP of the connection', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.call((tcb) => {
    bed.stack.tcp.setTtl(tcb, 9);
    bed.stack.tcp.setTos(tcb, 0x28);
  });
  app.shutdown();
  bed.peer.ack();
  bed.peer.send({ flags: 'FA' });
  bed.peer.sent();
  bed.peer.send({ flags: 'FA', seq: 1 });
  bed.peer.expect({ flags: 'A', ttl: 9, tos: 0x28 });
});

scenario('RFC 9293 SHLD-7 and SW-03: Nagle: one small segment at a time', (bed) => {
  const app = bed.peer.handshake('passive');
  for (let i = 0; i < 10; i++) app.write(1);
  bed.peer.expect({ flags: 'PA', seq: 1, length: 1 });
  bed.peer.expectNothing();
  bed.peer.ack();
  bed.peer.expect({ flags: 'PA', seq: 2, length: 9 });
});

scenario('RFC 9293 MUST-17: Nagle off for one connection', (bed) => {
  const app = bed.peer.handshake('passive');
  const other = bed.newPeer();
  const nagled = other.handshake('passive');
  app.call((tcb) => bed.stack.tcp.setNoDelay(tcb, true));
  for (let i = 0; i < 10; i++) {
    app.write(1);
    nagled.write(1);
  }
  assert.deepEqual(lengths(bed), new Array(10).fill(1));
  assert.equal(other.sent().length, 1);
});

scenario('RFC 9293 MUST-17: turning Nagle off sends what it held back', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(1);
  app.write(2);
  assert.deepEqual(lengths(bed), [1]);
  app.call((tcb) => bed.stack.tcp.setNoDelay(tcb, true));
  assert.deepEqual(lengths(bed), [2]);
});

scenario('RFC 9293 SHLD-27: queued writes leave as one segment with one PSH', (bed) => {
  const app = bed.peer.handshake('passive', { wnd: 0 });
  for (let i = 0; i < 10; i++) app.write(100);
  bed.peer.expectNothing();
  bed.peer.ack(1, 65535);
  assert.deepEqual(bed.peer.expect({ flags: 'PA', seq: 1, length: 1000 }).payload, pattern(0, 1000));
  bed.peer.expectNothing();
});

scenario('RFC 9293 SHLD-28 and MUST-61: full segments, PSH on the last of what is queued', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(3 * 1460);
  const three = bed.peer.sent().map(({ flags, length }) => `${flags} ${length}`);
  assert.deepEqual(three, ['A 1460', 'A 1460', 'PA 1460']);
  bed.peer.ack();
  app.write(3000);
  const odd = bed.peer.sent().map(({ flags, length }) => `${flags} ${length}`);
  assert.deepEqual(odd, ['A 1460', 'A 1460', 'PA 80']);
  bed.peer.send({ flags: 'PA', data: 1 });
  bed.advance(1000);
  assert.ok(bed.peer.sent().every(({ flags }) => flags === 'A' || flags === 'PA'));
});

scenario('RFC 9293 MUST-61: a pure ACK has no PSH', (bed) => {
  bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 1 });
  bed.advance(1000);
  bed.peer.expect({ flags: 'A', length: 0 });
});

scenario('RFC 9293 MUST-60: a single byte is sent without another call', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(1);
  bed.advance(1000);
  bed.peer.expect({ flags: 'PA', length: 1 });
});

scenario(
  'RFC 9293 MUST-38 and SW-01: the sender waits for a useful window, then overrides within 0.1 to 1 s',
  (bed) => {
    const app = bed.peer.handshake('passive', { wnd: 10_000 });
    const overridden = (): number => {
      const since = bed.now;
      for (let ms = 0; ms < 1001; ms++) {
        const segments = bed.peer.sent();
        if (segments.length > 0) return (segments[0]?.at as number) - since;
        bed.advance(1);
      }
      return Infinity;
    };
    bed.peer.ack(1, 10);
    app.write(5000);
    const first = overridden();
    assert.ok(first >= 100 && first <= 1000, `after ${first} ms`);
    // Acknowledged with ten bytes more: again nothing but by the override.
    bed.peer.ack(11, 10);
    const second = overridden();
    assert.ok(second >= 100 && second <= 1000, `after ${second} ms`);
    assert.equal(bed.peer.rcvNxt, 21);
  },
);

scenario('RFC 9293 SW-01: half of the largest window ever offered is worth sending', (bed) => {
  const app = bed.peer.handshake('passive', { wnd: 1000 });
  app.write(5000);
  bed.peer.expect({ seq: 1, length: 1000 });
  bed.peer.ack(1001, 499);
  bed.peer.expectNothing();
  bed.peer.ack(1001, 500);
  bed.peer.expect({ seq: 1001, length: 500 });
});

scenario('RFC 9293 SW-01: a full segment goes as soon as the window takes it', (bed) => {
  const app = bed.peer.handshake('passive', { wnd: 60_000 });
  bed.peer.ack(1, 1459);
  app.write(5000);
  bed.peer.expectNothing();
  bed.peer.ack(1, 1460);
  bed.peer.expect({ seq: 1, length: 1460 });
  bed.peer.expectNothing();
});

scenario('RFC 9293 SW-01: what was pushed and fits goes, however small the window', (bed) => {
  const app = bed.peer.handshake('passive', { wnd: 60_000 });
  bed.peer.ack(1, 20);
  app.write(20);
  bed.peer.expect({ flags: 'PA', seq: 1, length: 20 });
});

scenario('RFC 9293 SW-01: a peer with a buffer of 100 bytes gets everything', (bed) => {
  const app = bed.peer.handshake('passive', { wnd: 100 });
  app.write(2000);
  let received = 0;
  for (let turn = 0; turn < 200 && received < 2000; turn++) {
    for (const { length } of bed.peer.sent()) received += length;
    bed.peer.ack();
    bed.advance(10);
  }
  assert.equal(received, 2000);
});

scenario('RFC 9293 SW-03: the FIN is not held back by Nagle', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(1);
  bed.peer.expect({ flags: 'PA', length: 1 });
  app.write(1);
  bed.peer.expectNothing();
  app.shutdown();
  const rest = bed.peer.sent();
  assert.equal(
    rest.reduce((sum, { length }) => sum + length, 0),
    1,
  );
  assert.ok(rest.at(-1)?.flags.includes('F'));
});

scenario('RFC 9293 SW-03: a retransmission is not held back by Nagle', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(1);
  app.write(1);
  bed.peer.expect({ length: 1 });
  bed.advance(1500);
  assert.ok(bed.peer.expect({ seq: 1 }).length >= 1);
});

scenario('RFC 9293 SW-03: the odd end of a large write goes with it', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(2000);
  assert.deepEqual(lengths(bed), [1460, 540]);
});
