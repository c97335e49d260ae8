/** RFC 9293 §3.10.7: SEGMENT ARRIVES in the states without a connection and while opening. */

import assert from 'node:assert/strict';
import { pattern } from '../../support/pattern.ts';
import { scenario } from '../../support/scenario.ts';

scenario(
  'EV-01: a segment to a closed port: a reset that the sender will believe, and none for a reset',
  (bed) => {
    const peer = bed.newPeer({ stackPort: 9, isn: bed.peer.isn });
    peer.send({ flags: 'S', seq: 0, data: 10 });
    peer.expect({ flags: 'RA', rawSeq: 0, ack: 11, length: 0 });
    peer.send({ flags: 'F', seq: 0, data: 10 });
    peer.expect({ flags: 'RA', rawSeq: 0, ack: 11 });
    peer.send({ flags: 'SF', seq: 0 });
    peer.expect({ flags: 'RA', rawSeq: 0, ack: 2 });
    peer.send({ flags: '', seq: 5 });
    peer.expect({ flags: 'RA', rawSeq: 0, ack: 5 });
    peer.send({ flags: 'A', seq: 0, ack: 0xdeadbeef, data: 5 });
    peer.expect({ flags: 'R', rawSeq: 0xdeadbeef });
    peer.send({ flags: 'SA', seq: 0, ack: 0x80000000 });
    peer.expect({ flags: 'R', rawSeq: 0x80000000 });
    peer.send({ flags: 'R', seq: 0 });
    peer.send({ flags: 'RA', seq: 0, ack: 7 });
    peer.send({ flags: 'RS', seq: 0 });
    peer.expectNothing();
  },
);

scenario('EV-02: LISTEN: RST ignored, ACK reset, SYN answered, anything else dropped', (bed) => {
  bed.listen();
  for (const flags of ['R', 'RA', 'RS', 'RSA']) bed.peer.send({ flags, seq: 0, ack: 5 });
  bed.peer.expectNothing();
  for (const flags of ['A', 'SA', 'FA', 'PA']) {
    bed.peer.send({ flags, seq: 0, ack: 0x7fffffff });
    bed.peer.expect({ flags: 'R', rawSeq: 0x7fffffff });
  }
  for (const flags of ['F', 'P', 'U', '']) bed.peer.send({ flags, seq: 0, data: 3 });
  bed.peer.expectNothing();
  assert.deepEqual(bed.connections(), []);
  bed.peer.send({ flags: 'S', seq: 0 });
  bed.peer.expect({ flags: 'SA', ack: 1 });
});

scenario(
  'EV-03: text on the SYN is left to be sent again: delivered once, and not before ESTABLISHED',
  (bed) => {
    bed.listen();
    bed.peer.send({ flags: 'S', seq: 0, data: pattern(0, 10), options: { mss: 1460 } });
    bed.peer.expect({ flags: 'SA', ack: 1 });
    assert.equal(bed.accepted.length, 0);
    bed.peer.send({ flags: 'PA', seq: 1, data: 10, ack: 1 });
    assert.deepEqual(bed.accepted[0]?.received, pattern(0, 10));
    bed.advance(500);
    bed.peer.expect({ flags: 'A', ack: 11 });
  },
);

scenario(
  'EV-03: a FIN on the SYN is not acted on',
  (bed) => {
    bed.listen();
    bed.peer.send({ flags: 'SF', seq: 0 });
    bed.peer.expect({ flags: 'SA', ack: 1 });
    bed.peer.send({ flags: 'A', seq: 1, ack: 1 });
    assert.equal(bed.accepted[0]?.state, 'ESTABLISHED');
  },
  { config: { synFin: 'syn' } },
);

scenario(
  'EV-04: SYN-SENT: an ACK that is not of our SYN is reset, and the right answer still opens',
  (bed) => {
    const app = bed.connect(bed.peer);
    bed.peer.expect({ flags: 'S' });
    for (const ack of [0, -1, 2, 0x40000000]) {
      for (const flags of ['A', 'SA', 'FA']) {
        bed.peer.send({ flags, seq: 77, ack });
        bed.peer.expect({ flags: 'R', seq: ack });
      }
      bed.peer.send({ flags: 'RA', seq: 0, ack });
      bed.peer.expectNothing();
    }
    assert.equal(app.state, 'SYN-SENT');
    bed.peer.send({ flags: 'SA' });
    bed.peer.expect({ flags: 'A', ack: 1 });
    assert.equal(app.state, 'ESTABLISHED');
  },
);

scenario('EV-04: SYN-SENT: an acceptable ACK without SYN is dropped', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'A', ack: 1, seq: 0, data: 10 });
  bed.peer.send({ flags: 'FA', ack: 1, seq: 0 });
  bed.peer.expectNothing();
  assert.equal(app.state, 'SYN-SENT');
});

scenario('EV-05: SYN-SENT: a reset is believed only with the ACK of our SYN', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'R', seq: 0 });
  bed.peer.send({ flags: 'RS', seq: 0 });
  bed.peer.send({ flags: 'RA', seq: 0, ack: 0 });
  bed.peer.send({ flags: 'RA', seq: 0, ack: 2 });
  assert.equal(app.state, 'SYN-SENT');
  bed.peer.send({ flags: 'RA', seq: 0, ack: 1 });
  assert.deepEqual(app.told(), ['failed', 'closed']);
  assert.equal(app.error, 'ECONNREFUSED');
  bed.expectSilence();
  assert.deepEqual(bed.connections(), []);
});

scenario('RFC 9293 §3.10.7.3: SYN-SENT: data on the SYN,ACK is taken once', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'SA', data: pattern(0, 20) });
  bed.peer.expect({ flags: 'A', ack: 21 });
  assert.deepEqual(app.received, pattern(0, 20));
  assert.equal(app.state, 'ESTABLISHED');
});

scenario('RFC 9293 §3.10.7.3: SYN-SENT: a FIN on the SYN,ACK opens and half-closes', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'SFA', data: pattern(0, 3) });
  bed.peer.expect({ flags: 'A', ack: 5 });
  assert.equal(app.state, 'CLOSE-WAIT');
  assert.ok(app.told().includes('peer-closed'));
});

scenario('EV-07: the window variables are set by the SYN,ACK: later updates are obeyed', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'SA', wnd: 100, options: { mss: 1460 } });
  bed.peer.expect({ flags: 'A' });
  assert.equal(app.tcb.snd.wnd, 100);
  bed.peer.ack(1, 5000);
  assert.equal(app.tcb.snd.wnd, 5000);
  bed.peer.ack(1, 3000);
  assert.equal(app.tcb.snd.wnd, 3000);
  app.write(4000);
  assert.ok(bed.peer.sent().every(({ seq, length }) => seq + length <= 3001));
});

scenario('EV-07: the window of a SYN,ACK is never scaled', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'SA', wnd: 1000, options: { wscale: 7 } });
  bed.peer.expect({ flags: 'A' });
  assert.equal(app.tcb.snd.wnd, 1000);
  bed.peer.ack(1, 1000);
  assert.equal(app.tcb.snd.wnd, 128_000);
});

scenario('EV-11: RST in SYN-RECEIVED: see MUST-11; outside the window it does nothing', (bed) => {
  bed.listen();
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'R', seq: 0 });
  bed.peer.send({ flags: 'R', seq: 1 + 0x20000 });
  assert.equal(bed.connections()[0]?.state, 'SYN-RECEIVED');
  bed.peer.expectNothing();
  bed.peer.send({ flags: 'A' });
  assert.equal(bed.accepted[0]?.state, 'ESTABLISHED');
});

scenario('EV-12: a repeated SYN gets the same SYN,ACK and makes no second entry', (bed) => {
  bed.listen();
  bed.peer.send({ flags: 'S', seq: 0 });
  const { rawSeq } = bed.peer.expect({ flags: 'SA', ack: 1 });
  bed.advance(100);
  bed.peer.send({ flags: 'S', seq: 0 });
  bed.peer.expect({ flags: 'SA', rawSeq, ack: 1 });
  assert.equal(bed.connections().length, 1);
  bed.peer.send({ flags: 'A', seq: 1, ack: 1 });
  assert.equal(bed.accepted.length, 1);
});

scenario(
  'EV-12: another SYN in SYN-RECEIVED goes back to LISTEN where RFC 5961 is off',
  (bed) => {
    bed.listen();
    bed.peer.send({ flags: 'S', seq: 0 });
    bed.peer.expect({ flags: 'SA', ack: 1 });
    bed.peer.send({ flags: 'S', seq: 500 });
    bed.peer.sent();
    assert.deepEqual(bed.connections(), []);
    bed.newPeer().handshake('passive');
  },
  { config: { rfc5961: 'off' } },
);

scenario(
  'EV-13: SYN-RECEIVED: an ACK that is not of our SYN is reset, and the right one still opens',
  (bed) => {
    bed.listen();
    bed.peer.send({ flags: 'S' });
    bed.peer.expect({ flags: 'SA' });
    for (const ack of [0, 2, -1, 0x40000000]) {
      bed.peer.send({ flags: 'A', ack });
      bed.peer.expect({ flags: 'R', seq: ack });
      assert.equal(bed.connections()[0]?.state, 'SYN-RECEIVED', `after ACK ${ack}`);
    }
    assert.equal(bed.accepted.length, 0);
    bed.peer.send({ flags: 'A', ack: 1 });
    assert.equal(bed.accepted[0]?.state, 'ESTABLISHED');
  },
);
