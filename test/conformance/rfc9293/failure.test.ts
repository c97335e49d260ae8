/** RFC 9293 §3.8.3, §3.8.4: connection failures and keep-alives. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;

scenario(
  'RFC 9293 MUST-20 and SHLD-11: data that is never acknowledged ends the connection at R2, after 100 s',
  (bed) => {
    const app = bed.peer.handshake('passive');
    app.write(10);
    bed.advance(100 * SECOND);
    assert.equal(app.state, 'ESTABLISHED');
    bed.advance(3 * HOUR);
    assert.deepEqual(app.told().slice(-2), ['failed', 'closed']);
    assert.equal(app.error, 'ETIMEDOUT');
    assert.deepEqual(bed.connections(), []);
    bed.peer.sent();
    bed.advance(HOUR);
    bed.expectSilence();
    assert.equal(bed.stack.tcp.stats.timers, 0);
  },
);

scenario(
  'RFC 9293 SHLD-9 and SHLD-10 and MUST-20: the application is told at R1, after three retransmissions',
  (bed) => {
    const app = bed.peer.handshake('passive');
    app.write(10);
    bed.peer.expect({ length: 10 });
    app.told();
    while (!app.events.includes('r1')) bed.advance(100);
    const retransmissions = bed.peer.sent().length;
    assert.ok(retransmissions >= 3, `R1 after ${retransmissions} retransmissions`);
    assert.equal(app.state, 'ESTABLISHED');
    bed.peer.ack();
    assert.ok(!app.events.includes('failed'));
  },
);

test('RFC 9293 MUST-21: R2 as a time, per connection', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.call((tcb) => bed.stack.tcp.setUserTimeout(tcb, 5_000_000));
  app.write(10);
  bed.advance(4900);
  assert.equal(app.state, 'ESTABLISHED');
  bed.advance(200);
  assert.equal(app.error, 'ETIMEDOUT');
});

test('RFC 9293 MUST-21: R2 may be longer than the default', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.call((tcb) => bed.stack.tcp.setUserTimeout(tcb, 48 * 3600 * 1e6));
  app.write(10);
  bed.advance(47 * HOUR);
  assert.equal(app.state, 'ESTABLISHED', 'still retrying: the user asked for two days');
});

scenario(
  'RFC 9293 MUST-22 and MUST-23: a SYN is retransmitted with the same ISS for at least 3 minutes',
  (bed) => {
    const app = bed.connect(bed.peer);
    bed.advance(179 * SECOND);
    assert.equal(app.state, 'SYN-SENT');
    const syns = bed.peer.sent();
    assert.deepEqual(syns.map(({ at }) => at / SECOND).slice(0, 7), [0, 1, 3, 7, 15, 31, 63]);
    assert.equal(new Set(syns.map(({ rawSeq }) => rawSeq)).size, 1);
    assert.ok(syns.every(({ flags }) => flags === 'S'));
    bed.advance(HOUR);
    assert.equal(app.error, 'ETIMEDOUT');
    assert.deepEqual(app.told().slice(-2), ['failed', 'closed']);
    assert.deepEqual(bed.connections(), []);
  },
);

scenario('RFC 9293 MUST-22: a SYN,ACK is retransmitted with the same ISS and given up', (bed) => {
  bed.listen();
  bed.peer.send({ flags: 'S' });
  bed.advance(HOUR);
  const answers = bed.peer.sent();
  assert.ok(answers.length >= 4);
  assert.ok(answers.every(({ flags, ack }) => flags === 'SA' && ack === 1));
  assert.equal(new Set(answers.map(({ rawSeq }) => rawSeq)).size, 1);
  assert.deepEqual(bed.connections(), []);
});

scenario(
  'RFC 9293 MUST-23: an active open whose SYN has crossed the other one goes on for 3 minutes too',
  (bed) => {
    const app = bed.connect(bed.peer);
    bed.peer.expect({ flags: 'S' });
    bed.peer.send({ flags: 'S' });
    bed.advance(179 * SECOND);
    assert.equal(app.state, 'SYN-RECEIVED');
  },
);

test('RFC 9293 MUST-23: by the letter a SYN,ACK is sent again for 3 minutes too', () => {
  const bed = testbed({ profile: 'strict' });
  bed.listen();
  bed.peer.send({ flags: 'S' });
  bed.advance(179 * SECOND);
  assert.equal(bed.connections()[0]?.state, 'SYN-RECEIVED');
});

test('RFC 9293 MUST-23: R2 for a SYN may be set shorter', () => {
  const bed = testbed({ config: { 'retries.syn': 1 } });
  const app = bed.connect(bed.peer);
  bed.advance(3500);
  assert.equal(app.error, 'ETIMEDOUT');
});

test('RFC 9293 MUST-25: keep-alives are off by default', () => {
  const bed = testbed();
  bed.peer.handshake('passive');
  bed.advance(10 * HOUR);
  bed.expectSilence();
});

const KEEPALIVE = { on: true, idle: 30e6, interval: 10e6, count: 3 };

scenario(
  'RFC 9293 MAY-5 and MUST-24 and MUST-27: keep-alives are turned on and off while the connection is open',
  (bed) => {
    const app = bed.peer.handshake('passive');
    app.call((tcb) => bed.stack.tcp.setKeepAlive(tcb, KEEPALIVE));
    bed.advance(29_999);
    bed.peer.expectNothing();
    bed.advance(2);
    bed.peer.expect({ flags: 'A', seq: 0, length: 0 });
    bed.peer.ack(1);
    app.call((tcb) => bed.stack.tcp.setKeepAlive(tcb, { on: false }));
    bed.advance(10 * HOUR);
    bed.expectSilence();
    assert.equal(app.state, 'ESTABLISHED');
  },
);

scenario(
  'RFC 9293 MUST-26: no probe while data is outstanding, and whatever arrives restarts the interval',
  (bed) => {
    const app = bed.peer.handshake('passive');
    app.call((tcb) => bed.stack.tcp.setKeepAlive(tcb, KEEPALIVE));
    bed.advance(20_000);
    bed.peer.send({ flags: 'A' });
    bed.advance(20_000);
    bed.peer.send({ flags: 'PA', data: 1 });
    bed.advance(20_000);
    bed.peer.expect({ flags: 'A', ack: 2 });
    bed.peer.expectNothing();
    app.write(10);
    bed.advance(60_000);
    const sent = bed.peer.sent();
    assert.ok(
      sent.length > 2 && sent.every(({ seq, length }) => seq === 1 && length === 10),
      'retransmissions only',
    );
  },
);

test('RFC 9293 MUST-28: the default interval is two hours or more', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.call((tcb) => bed.stack.tcp.setKeepAlive(tcb, { on: true }));
  bed.advance(2 * HOUR - 1);
  bed.peer.expectNothing();
  bed.advance(2);
  bed.peer.expect({ flags: 'A', seq: 0 });
});

scenario('RFC 9293 MUST-29: unanswered probes prove nothing until the last; one answer is life', (bed) => {
  const app = bed.peer.handshake('passive');
  app.call((tcb) => bed.stack.tcp.setKeepAlive(tcb, KEEPALIVE));
  for (let round = 0; round < 3; round++) {
    bed.advance(30_001);
    bed.advance(10_000);
    bed.advance(9_000);
    assert.equal(bed.peer.sent().length, 2, `round ${round}`);
    bed.peer.ack(1);
    assert.equal(app.state, 'ESTABLISHED');
  }
  bed.advance(30_001 + 30_000);
  assert.equal(app.error, 'ETIMEDOUT');
  assert.deepEqual(bed.connections(), []);
});

scenario(
  'RFC 9293 SHLD-12 and MAY-6: a probe is SEG.SEQ = SND.NXT-1 without data, and its answer counts',
  (bed) => {
    const app = bed.peer.handshake('passive');
    app.write(5);
    bed.peer.expect({ length: 5 });
    bed.peer.ack();
    app.call((tcb) => bed.stack.tcp.setKeepAlive(tcb, KEEPALIVE));
    bed.advance(30_001);
    bed.peer.expect({ flags: 'A', seq: 5, ack: 1, length: 0 });
    bed.peer.ack();
    bed.advance(29_000);
    bed.peer.expectNothing();
  },
);
