/** An echo when the window is one segment: only the retransmission timer is left. RFC 3168 §6.1.2. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ackEach,
  cwr,
  ECT_0,
  type EcnConnection,
  ecnConnection,
  MSS,
  sackConnection,
  una,
} from './ecn-bed.ts';

/** A window of one segment, by echoes alone; the segment in flight is the only one. */
function atOneSegment(config = {}): EcnConnection {
  const connection = ecnConnection({ config });
  const { bed, app } = connection;
  app.write(100 * MSS);
  for (let round = 0; round < 8 && app.tcb.congestion.cwnd > MSS; round++) {
    bed.advance(20);
    ackEach(connection, app.tcb.unacked / MSS, 'AE');
  }
  assert.equal(app.tcb.congestion.cwnd, MSS);
  bed.peer.sent();
  bed.advance(20);
  assert.equal(app.tcb.unacked, MSS);
  return connection;
}

test('EC-08: an echo at a window of one segment: the next is sent when the retransmission timer expires', () => {
  for (const congestion of ['reno', 'cubic']) {
    const { bed, app } = atOneSegment({ congestion });
    const retransmissions = app.tcb.tally.retransmissions;
    for (let round = 0; round < 5; round++) {
      const rto = app.tcb.rtt.rto / 1000;
      assert.ok(rto >= 200);
      const begin = bed.now;
      bed.peer.send({ flags: 'AE', ack: una(app) + MSS });
      assert.equal(app.tcb.congestion.cwnd, MSS);
      bed.advance(190);
      bed.peer.expectNothing();
      bed.advance(200);
      const next = bed.peer.expect({ length: MSS, tos: ECT_0 });
      assert.ok(next.at - begin >= 199, `${next.at - begin} ms`);
      assert.ok(cwr(next), 'the peer is told');
      bed.peer.expectNothing();
    }
    assert.equal(app.tcb.tally.retransmissions, retransmissions, 'nothing is sent again');
    assert.equal(app.tcb.retry.backoff, 0);
  }
});

test('EC-08: other echoes and segments of the peer do not let it go sooner', () => {
  const { bed, app } = atOneSegment();
  bed.peer.send({ flags: 'AE', ack: una(app) + MSS });
  for (let i = 0; i < 18; i++) {
    bed.advance(10);
    bed.peer.send({ flags: i % 2 === 0 ? 'PA' : 'PAE', data: 10 });
    bed.peer.ack();
    assert.ok(
      bed.peer.sent().every(({ length }) => length === 0),
      `${i}`,
    );
  }
  bed.advance(100);
  assert.equal(bed.peer.sent().filter(({ length }) => length > 0).length, 1);
});

test('EC-08: without an echo the window grows again from one segment', () => {
  const { bed, app } = atOneSegment();
  bed.peer.send({ flags: 'AE', ack: una(app) + MSS });
  bed.advance(400);
  bed.peer.sent();
  for (let round = 0; round < 6; round++) {
    bed.peer.ack();
    bed.advance(20);
  }
  assert.ok(app.tcb.congestion.cwnd >= 3 * MSS, `cwnd ${app.tcb.congestion.cwnd}`);
});

test('EC-08: what waits when nothing is left to send, or the peer shuts its window, ends by itself', () => {
  const { bed, app } = atOneSegment();
  bed.peer.send({ flags: 'AE', ack: una(app) + MSS, wnd: 0 });
  bed.advance(5000);
  const probes = bed.peer.sent();
  assert.ok(probes.length >= 2 && probes.every(({ length }) => length === 0), 'the window is probed');
  bed.peer.ack();
  bed.peer.expect({ length: MSS, tos: ECT_0 });
  const end = ecnConnection();
  end.app.tcb.congestion.cwnd = MSS;
  end.app.write(MSS);
  end.bed.advance(20);
  end.bed.peer.sent();
  end.bed.peer.send({ flags: 'AE', ack: 1 + MSS });
  end.app.close();
  end.bed.advance(100);
  assert.deepEqual(
    end.bed.peer.sent().map(({ flags }) => flags.replace('A', '')),
    ['F'],
  );
  end.bed.peer.ack();
  end.bed.peer.send({ flags: 'FA' });
  end.bed.advance(200_000);
  assert.deepEqual(end.bed.connections(), []);
});

test('EC-08: a tail loss probe brings no new data while the retransmission timer is waited for', () => {
  const { bed, app } = sackConnection({ tlp: 'on' }, 400);
  app.tcb.congestion.cwnd = MSS;
  app.tcb.congestion.ssthresh = MSS;
  for (let i = 0; i < 3; i++) app.write(300);
  assert.equal(bed.peer.sent().length, 3);
  app.write(500);
  bed.peer.expectNothing();
  bed.advance(20);
  const rto = app.tcb.rtt.rto / 1000;
  bed.peer.send({ flags: 'AE', ack: una(app) + 300 });
  assert.equal(app.tcb.congestion.cwnd, MSS);
  bed.advance(Math.min(rto, app.tcb.rtt.rto / 1000) - 5);
  assert.ok(rto > 500, `an RTO of ${rto} ms`);
  const fresh = bed.peer.sent().filter(({ seq }) => seq >= 1 + 900);
  assert.deepEqual(
    fresh.map(({ at }) => at),
    [],
  );
});
