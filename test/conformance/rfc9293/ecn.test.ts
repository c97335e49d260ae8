/** RFC 9293 §3.8.2: explicit congestion notification, once through. Its clauses are under rfc3168. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testbed } from '../../support/peer.ts';

const ECT_0 = 2;
const CE = 3;

test('RFC 9293 SHLD-8: marks make the sender slower without any loss, and what is marked here is told to the peer', () => {
  const bed = testbed({ config: { ecn: 'on', congestion: 'reno', hystart: 'off', iw: 10 } });
  bed.listen(7);
  bed.peer.send({ flags: 'SEC', options: { mss: 1000 } });
  bed.peer.expect({ flags: 'SAE', seq: 0, ack: 1 });
  bed.peer.send({ flags: 'A' });
  const [app] = bed.accepted;
  assert.ok(app);
  app.write(10_000);
  const sent = bed.peer.sent();
  assert.equal(sent.length, 10);
  assert.ok(sent.every(({ tos }) => tos === ECT_0));
  bed.peer.send({ flags: 'AE', ack: 10_001 });
  assert.equal(app.tcb.congestion.cwnd, 5000);
  app.write(10_000);
  const [first, ...others] = bed.peer.sent();
  assert.equal(others.length, 4);
  assert.ok(first?.flags.includes('C') && others.every(({ flags }) => !flags.includes('C')));
  assert.equal(bed.counter('TCP_RETRANSMIT'), 0);
  bed.peer.send({ flags: 'PA', ack: 10_001, data: 10, tos: CE });
  bed.advance(500);
  assert.ok(bed.peer.sent().some(({ flags }) => flags.includes('E')));
});
