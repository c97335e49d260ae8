/** RFC 9293 §3.8.6.2.2, §3.8.6.3, §3.10.7.4: what is acknowledged and when. */

import assert from 'node:assert/strict';
import { pattern } from '../../support/pattern.ts';
import { scenario } from '../../support/scenario.ts';

const DELAY = { config: { 'ack.policy': 'delay' } };

scenario('RFC 9293 MUST-58: ten segments that came together earn far fewer ACKs', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.batch(() => {
    for (let i = 0; i < 10; i++) bed.peer.send({ flags: 'A', data: 1460 });
  });
  const acks = bed.peer.sent();
  assert.ok(acks.length <= 3, `${acks.length} ACKs`);
  assert.equal(acks.at(-1)?.ack, 14_601);
  assert.equal(app.received.length, 14_600);
});

scenario('RFC 9293 MUST-59: a filled hole is acknowledged once, with all that waited behind it', (bed) => {
  const app = bed.peer.handshake('passive');
  for (let i = 1; i < 10; i++) bed.peer.send({ flags: 'A', seq: 1 + 100 * i, data: 100 });
  assert.deepEqual(
    bed.peer.sent().map(({ ack }) => ack),
    new Array(9).fill(1),
  );
  bed.peer.send({ flags: 'A', seq: 1, data: 100 });
  bed.peer.expect({ flags: 'A', ack: 1001, length: 0 });
  bed.peer.expectNothing();
  assert.deepEqual(app.received, pattern(0, 1000));
});

scenario('RFC 9293 SHLD-31 and MAY-13: data out of order is kept, and acknowledged at once', (bed) => {
  const app = bed.peer.handshake('passive', { sackPermitted: true });
  bed.peer.send({ flags: 'PA', seq: 101, data: 100 });
  bed.peer.expect({ flags: 'A', ack: 1, at: bed.now, options: { sack: [[101, 201]] } });
  assert.equal(app.received.length, 0);
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  bed.peer.expect({ flags: 'A', ack: 201 });
  assert.deepEqual(app.received, pattern(0, 200));
});

scenario(
  'RFC 9293 SHLD-18 and MUST-40: an ACK waits for company, but less than 0.5 s',
  (bed) => {
    bed.peer.handshake('passive');
    const sent = bed.now;
    bed.peer.send({ flags: 'PA', data: 10 });
    bed.peer.expectNothing();
    bed.advance(499);
    const { at } = bed.peer.expect({ flags: 'A', ack: 11 });
    assert.ok(at > sent && at < sent + 500);
    bed.peer.expectNothing();
  },
  DELAY,
);

scenario(
  'RFC 9293 SHLD-18: a reply carries the ACK',
  (bed) => {
    const app = bed.peer.handshake('passive');
    bed.peer.send({ flags: 'PA', data: 10 });
    app.write(4);
    bed.peer.expect({ flags: 'PA', ack: 11, length: 4 });
    bed.peer.ack();
    bed.advance(1000);
    bed.peer.expectNothing();
  },
  DELAY,
);

scenario('RFC 9293 MUST-40: quick-start delays later too, and less than 0.5 s', (bed) => {
  bed.peer.handshake('passive');
  for (let i = 0; i < 20; i++) bed.peer.send({ flags: 'PA', data: 1460 });
  bed.advance(1000);
  bed.peer.sent();
  const sent = bed.now;
  bed.peer.send({ flags: 'PA', data: 10 });
  bed.peer.expectNothing();
  bed.advance(499);
  assert.ok(bed.peer.expect({ flags: 'A' }).at > sent);
});

for (const policy of ['delay', 'quick-start']) {
  scenario(
    `RFC 9293 SHLD-19: at least every second full-sized segment is acknowledged: ${policy}`,
    (bed) => {
      bed.peer.handshake('passive');
      for (let i = 0; i < 40; i++) {
        bed.peer.send({ flags: 'A', data: 1460 });
        bed.peer.send({ flags: 'A', data: 1460 });
        assert.equal(bed.peer.sent().at(-1)?.ack, bed.peer.nxt, `pair ${i}`);
      }
    },
    { config: { 'ack.policy': policy } },
  );

  scenario(
    `RFC 9293 SHLD-19: full-sized is what the peer sends as full: ${policy}`,
    (bed) => {
      bed.peer.handshake('passive');
      for (let i = 0; i < 40; i++) {
        bed.peer.send({ flags: 'A', data: 600 });
        bed.peer.send({ flags: 'A', data: 600 });
        assert.equal(bed.peer.sent().at(-1)?.ack, bed.peer.nxt, `pair ${i}`);
      }
    },
    { config: { 'ack.policy': policy } },
  );
}

scenario(
  'RFC 9293 MUST-39 and SW-02: the right edge moves by useful steps only',
  (bed) => {
    bed.listen(7, { autoRead: false });
    const app = bed.peer.handshake('passive');
    const first = bed.peer.sent();
    assert.deepEqual(first, []);
    bed.peer.send({ flags: 'PA', data: 1 });
    bed.advance(600);
    const { window } = bed.peer.expect({ ack: 2 });
    let room = window;
    while (room > 0) {
      const data = Math.min(room, 1000);
      bed.peer.send({ flags: 'PA', data });
      room -= data;
    }
    bed.advance(1000);
    const last = bed.peer.sent().at(-1);
    assert.equal(last?.window, 0, 'the buffer is full');
    let edge = last?.ack as number;
    let opened = 0;
    for (let i = 0; i < 9000; i++) {
      app.read(1);
      for (const { ack, window: offered } of bed.peer.sent()) {
        assert.ok(offered > 0);
        assert.ok(ack + offered - edge >= 1460, `the edge moved by ${ack + offered - edge}`);
        edge = ack + offered;
        opened++;
      }
    }
    assert.ok(opened > 0, 'the window opens again from zero');
  },
  { config: { 'buffer.receive': '8K' } },
);
