/** RFC 9293 §3.8.5: urgent data, in line with the other data. */

import assert from 'node:assert/strict';
import { pattern } from '../../support/pattern.ts';
import { scenario } from '../../support/scenario.ts';

scenario('RFC 9293 MUST-30: urgent data is announced and delivered in line', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'UPA', up: 5, data: 8 });
  assert.deepEqual(app.told(), ['readable', 'urgent']);
  assert.deepEqual(app.received, pattern(0, 8));
});

scenario('RFC 9293 MUST-30 and MUST-62: the urgent pointer sent is one past the last urgent byte', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(10);
  bed.peer.expect({ flags: 'PA', length: 10 });
  app.call((tcb) => {
    bed.stack.tcp.send(tcb, pattern(10, 1), 0, 1);
    bed.stack.tcp.sendUrgent(tcb);
  });
  bed.peer.ack();
  const urgent = bed.peer.sent().find(({ flags }) => flags.includes('U'));
  assert.ok(urgent !== undefined);
  assert.equal(urgent.seq + urgent.up, 12, 'the byte after byte 11');
  bed.peer.ack();
  app.write(5);
  bed.peer.expect({ flags: 'PA', length: 5, up: 0 });
});

scenario('RFC 9293 MUST-62: the pointer of each segment is relative to that segment', (bed) => {
  const app = bed.peer.handshake('passive');
  app.call((tcb) => {
    bed.stack.tcp.send(tcb, pattern(0, 4000), 0, 4000);
    bed.stack.tcp.sendUrgent(tcb);
    bed.stack.tcp.send(tcb, pattern(4000, 1000), 0, 1000);
  });
  const sent = bed.peer.sent();
  assert.equal(
    sent.reduce((sum, { length }) => sum + length, 0),
    5000,
  );
  for (const { flags, seq, up } of sent) {
    assert.equal(flags.includes('U'), seq < 4001, `segment at ${seq}`);
    if (flags.includes('U')) assert.equal(seq + up, 4001);
  }
});

scenario('RFC 9293 MUST-31 and MUST-33: urgent data of any length, and how much remains', (bed) => {
  bed.listen(7, { autoRead: false });
  const app = bed.peer.handshake('passive');
  const remaining = (): number => app.call((tcb) => bed.stack.tcp.urgentRemaining(tcb));
  assert.equal(remaining(), 0);
  bed.peer.send({ flags: 'UA', up: 60_000, data: 1000 });
  assert.equal(remaining(), 60_000);
  app.read();
  assert.equal(remaining(), 59_000);
  for (let i = 0; i < 59; i++) {
    bed.peer.send({ flags: 'A', data: 1000 });
    if (i < 58) app.read();
    bed.peer.sent();
  }
  app.read(999);
  assert.equal(remaining(), 1);
  app.read();
  assert.equal(remaining(), 0);
  bed.peer.send({ flags: 'A', data: 100 });
  assert.equal(remaining(), 0, 'never negative');
});

scenario(
  'RFC 9293 MUST-32: an event when urgent data begins or its end moves on, and none otherwise',
  (bed) => {
    const app = bed.peer.handshake('passive');
    const urgents = (): number => app.told().filter((event) => event === 'urgent').length;
    bed.peer.send({ flags: 'UA', up: 100, data: 10 });
    assert.equal(urgents(), 1);
    bed.peer.send({ flags: 'UA', up: 90, data: 10 });
    assert.equal(urgents(), 0, 'the same end');
    bed.peer.send({ flags: 'UA', up: 200, data: 10 });
    assert.equal(urgents(), 1, 'a later end');
    bed.peer.send({ flags: 'UA', up: 5, data: 10 });
    assert.equal(urgents(), 0, 'an earlier end');
  },
);

scenario(
  'RFC 9293 MUST-30 and MUST-33: the pointer is relative to SEG.SEQ, also where its text is known in part',
  (bed) => {
    bed.listen(7, { autoRead: false });
    const app = bed.peer.handshake('passive');
    bed.peer.send({ flags: 'PA', data: 10 });
    bed.peer.send({ flags: 'UPA', seq: 1, data: 20, up: 15 });
    assert.equal(
      app.call((tcb) => bed.stack.tcp.urgentRemaining(tcb)),
      15,
    );
  },
);

scenario('RFC 9293 MUST-30 and RFC 9293 §3.10.7.3: URG on a SYN,ACK with text is processed', (bed) => {
  const app = bed.connect(bed.peer, { autoRead: false });
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'SUA', data: pattern(0, 10), up: 5 });
  assert.ok(app.told().includes('urgent'));
  // The SYN is the first of the five.
  assert.equal(
    app.call((tcb) => bed.stack.tcp.urgentRemaining(tcb)),
    4,
  );
});
