/** RFC 9293 §3.5.3, §3.6: resets and closing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

const TIME_WAIT_MS = 60_000;

/** The stack closes first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT. */
function closeFirst(bed: Testbed, app: Application): void {
  app.close();
  bed.peer.expect({ flags: 'FA' });
  bed.peer.ack();
  bed.peer.send({ flags: 'FA' });
  bed.peer.expect({ flags: 'A', ack: bed.peer.nxt });
  assert.equal(bed.connections()[0]?.state, 'TIME-WAIT');
}

scenario('RFC 9293 SHLD-2: a reset that carries data resets, and the data is not delivered', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'RA', seq: 1, data: 20 });
  assert.deepEqual(app.told(), ['failed', 'closed']);
  assert.equal(app.error, 'ECONNRESET');
  assert.equal(app.received.length, 0);
  assert.deepEqual(bed.connections(), []);
  bed.expectSilence();
});

scenario('RFC 9293 MUST-12: a normal close and a reset are told apart', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'FA' });
  assert.deepEqual(app.told(), ['peer-closed']);
  assert.equal(app.error, null);
  const other = bed.newPeer();
  const reset = other.handshake('passive');
  other.send({ flags: 'R' });
  assert.deepEqual(reset.told(), ['failed', 'closed']);
  assert.equal(reset.error, 'ECONNRESET');
});

scenario('RFC 9293 MAY-1: a half-closed connection still receives', (bed) => {
  const app = bed.peer.handshake('passive');
  app.shutdown();
  bed.peer.expect({ flags: 'FA', seq: 1 });
  bed.peer.ack();
  assert.equal(app.state, 'FIN-WAIT-2');
  bed.peer.send({ flags: 'PA', data: 10 });
  assert.equal(app.received.length, 10);
  bed.advance(10 * 60_000);
  assert.equal(app.state, 'FIN-WAIT-2', 'a reader may wait for ever');
  bed.peer.expect({ flags: 'A', ack: 11 });
  bed.peer.send({ flags: 'FA' });
  bed.peer.expect({ flags: 'A', ack: 12 });
  assert.ok(app.told().includes('peer-closed'));
});

scenario('RFC 9293 SHLD-3: a close with unread data is a reset', (bed) => {
  bed.listen(7, { autoRead: false });
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.peer.sent();
  app.close();
  bed.peer.expect({ flags: 'RA', seq: 1, ack: 101 });
  assert.deepEqual(bed.connections(), []);
  bed.expectSilence();
});

scenario('RFC 9293 SHLD-3: data that arrives after a close is answered by a reset', (bed) => {
  const app = bed.peer.handshake('passive');
  app.close();
  bed.peer.expect({ flags: 'FA', seq: 1 });
  bed.peer.ack();
  bed.peer.send({ flags: 'PA', data: 100 });
  assert.ok(bed.peer.expect({ seq: 2 }).flags.startsWith('R'));
  assert.deepEqual(bed.connections(), []);
  bed.peer.expectNothing();
});

scenario('RFC 9293 MUST-13: who closes first stays in TIME-WAIT for 2 MSL', (bed) => {
  closeFirst(bed, bed.peer.handshake('passive'));
  bed.advance(TIME_WAIT_MS - 1);
  assert.equal(bed.connections()[0]?.state, 'TIME-WAIT');
  bed.advance(2);
  assert.deepEqual(bed.connections(), []);
  bed.peer.send({ flags: 'FA', seq: 1, ack: 2 });
  // The listener answers: nothing was sent that this could acknowledge.
  bed.peer.expect({ flags: 'R', seq: 2 });
});

scenario('RFC 9293 MUST-13: a retransmitted FIN is acknowledged and 2 MSL begin again', (bed) => {
  closeFirst(bed, bed.peer.handshake('passive'));
  bed.advance(TIME_WAIT_MS - 1000);
  bed.peer.send({ flags: 'FA', seq: 1, ack: 2 });
  bed.peer.expect({ flags: 'A', seq: 2, ack: 2, length: 0 });
  bed.advance(TIME_WAIT_MS - 1);
  assert.equal(bed.connections()[0]?.state, 'TIME-WAIT');
  bed.advance(2);
  assert.deepEqual(bed.connections(), []);
});

test('RFC 9293 MUST-13: MSL is 2 minutes by the letter', () => {
  const bed = testbed({ profile: 'strict' });
  closeFirst(bed, bed.peer.handshake('passive'));
  bed.advance(240_000 - 1);
  assert.equal(bed.connections().length, 1);
  bed.advance(2);
  assert.equal(bed.connections().length, 0);
});

scenario(
  'RFC 9293 MAY-2: a SYN above RCV.NXT opens the next incarnation, whose ISS is above the last',
  (bed) => {
    closeFirst(bed, bed.peer.handshake('passive'));
    const before = (bed.peer.iss as number) + 2;
    bed.peer.send({ flags: 'S', seq: 1000, options: { mss: 1460 } });
    const { rawSeq } = bed.peer.expect({ flags: 'SA', ack: 1001 });
    assert.ok(((rawSeq - before) | 0) > 0, 'above the last SND.NXT');
    bed.peer.send({ flags: 'A', seq: 1001, ack: 1 });
    assert.equal(bed.accepted.length, 2);
    assert.equal(bed.accepted[1]?.state, 'ESTABLISHED');
  },
);

scenario('RFC 9293 MAY-2: a SYN at or below RCV.NXT is an old duplicate: TIME-WAIT goes on', (bed) => {
  closeFirst(bed, bed.peer.handshake('passive'));
  for (const seq of [2, 1, 0, -1000]) {
    bed.peer.send({ flags: 'S', seq });
    bed.peer.expect({ flags: 'A', seq: 2, ack: 2 });
  }
  assert.equal(bed.connections()[0]?.state, 'TIME-WAIT');
});

scenario('RFC 9293 SHLD-4: a newer timestamp shortens TIME-WAIT, whatever the sequence number', (bed) => {
  closeFirst(bed, bed.peer.handshake('passive', { tsVal: 5000, timestamps: [5000, 0] }));
  bed.advance(50);
  bed.peer.send({ flags: 'S', seq: -100_000, options: { timestamps: [5001 + 50, 0] } });
  bed.peer.expect({ flags: 'SA' });
});

scenario('RFC 9293 SHLD-4: an older timestamp does not, whatever the sequence number', (bed) => {
  closeFirst(bed, bed.peer.handshake('passive', { tsVal: 5000, timestamps: [5000, 0] }));
  bed.peer.send({ flags: 'S', seq: 100_000, options: { timestamps: [4000, 0] } });
  bed.peer.expect({ flags: 'A', seq: 2, ack: 2 });
  assert.equal(bed.connections()[0]?.state, 'TIME-WAIT');
});
