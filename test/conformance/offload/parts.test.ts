/** What is lost, acknowledged, SACKed and urgent is a part of a super-packet: its segments, each by itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { full, MSS, opened, ROUND_TRIP, segments } from './offload-bed.ts';

test('one lost segment of a super-packet is sent again by itself (RFC 6675 §5, RFC 8985 §6)', () => {
  const { bed, app } = opened({ sackPermitted: true });
  app.write(10 * MSS);
  bed.peer.sent();
  bed.advance(ROUND_TRIP);
  bed.frames.length = 0;
  const third = 1 + 3 * MSS;
  bed.peer.send({ flags: 'A', ack: third, options: { sack: [[third + MSS, third + 5 * MSS]] } });
  bed.advance(20);
  assert.deepEqual(segments(bed.peer.sent()), [[third, MSS]]);
  assert.deepEqual(
    bed.frames.map(({ gsoSize }) => gsoSize),
    [0],
  );
});

test('two lost segments side by side go again as one super-packet of two, between SACKed ones', () => {
  const { bed, app } = opened({ sackPermitted: true });
  app.write(10 * MSS);
  bed.peer.sent();
  bed.advance(ROUND_TRIP);
  bed.frames.length = 0;
  const lost = 1 + 2 * MSS;
  bed.peer.send({ flags: 'A', ack: lost, options: { sack: [[lost + 2 * MSS, lost + 6 * MSS]] } });
  bed.advance(20);
  assert.deepEqual(segments(bed.peer.sent()), full(lost, 2));
});

test('SACK of a part of a segment proves nothing for that segment, and it goes again whole (RFC 2018 §4)', () => {
  const { bed, app } = opened({ sackPermitted: true });
  app.write(8 * MSS);
  bed.peer.sent();
  bed.advance(ROUND_TRIP);
  const blocks = [[1 + 2 * MSS + 100, 1 + 7 * MSS - 100]] as const;
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: blocks } });
  bed.advance(20);
  const again = segments(bed.peer.sent());
  assert.deepEqual(again.slice(0, 3), full(1, 3));
});

test('SACK knows the segments as they were cut, when gso_size has changed since (RFC 2018 §4)', () => {
  const { bed, app } = opened({ sackPermitted: true });
  // A hole in what we receive makes our segments shorter by one SACK block.
  bed.peer.send({ flags: 'A', seq: 101, data: 100 });
  bed.peer.sent();
  app.write(8 * (MSS - 12));
  const size = MSS - 12;
  assert.deepEqual(segments(bed.peer.sent()), full(1, 8, size));
  bed.peer.send({ flags: 'A', seq: 1, data: 100, ack: 1 });
  bed.peer.sent();
  bed.advance(ROUND_TRIP);
  const blocks = [
    [1 + 2 * size, 1 + 3 * size],
    [1 + 4 * size, 1 + 8 * size],
  ] as const;
  bed.peer.send({ flags: 'A', seq: 201, ack: 1, options: { sack: blocks } });
  bed.advance(20);
  const again = segments(bed.peer.sent());
  for (const [seq, length] of again) {
    for (const [left, right] of blocks) {
      assert.ok(
        seq + length <= left || seq >= right,
        `[${seq}, ${seq + length}) was SACKed: ${JSON.stringify(again)}`,
      );
    }
  }
  assert.deepEqual(again.at(0)?.[0], 1);
  assert.equal(
    again.reduce((sum, [, length]) => sum + length, 0),
    3 * size,
  );
});

test('RACK judges the segments of one super-packet one by one, none before its time (RFC 8985 §6.2)', () => {
  const { bed, app } = opened({ sackPermitted: true });
  app.write(5 * MSS);
  bed.peer.sent();
  bed.advance(ROUND_TRIP);
  // The third has come: the first two may be late, for a quarter of the round trip; of the others nothing is known.
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[1 + 2 * MSS, 1 + 3 * MSS]] } });
  bed.advance(ROUND_TRIP / 4 - 1);
  bed.peer.expectNothing();
  assert.equal(app.tcb.inFlight.lost, 0);
  bed.advance(2);
  assert.equal(app.tcb.inFlight.lost, 2 * MSS);
  assert.equal(bed.peer.expect({ length: MSS }).seq, 1);
});

for (const timestamps of [undefined, [5, 0]] as const) {
  const kind = timestamps === undefined ? 'without' : 'with';
  test(`an ACK of a part of a super-packet is a sample of the round trip, ${kind} timestamps (RFC 6298 §3)`, () => {
    const { bed, app } = opened(timestamps === undefined ? {} : { timestamps });
    app.write(10 * (MSS - 12));
    bed.advance(120);
    bed.peer.ack(1 + 2 * (MSS - 12));
    // 7/8 of 40 and 1/8 of 120; RFC 7323 appendix G gives less weight to the samples of a larger window.
    const srtt = app.tcb.rtt.srtt / 1000;
    assert.ok(srtt > 41 && srtt <= 50, `${srtt} ms`);
  });
}

test('an ACK of a part of one segment is no sample that the clock alone makes (RFC 6298 §3, D11)', () => {
  const { bed, app } = opened({ timestamps: [5, 0] });
  app.write(MSS - 12);
  bed.advance(ROUND_TRIP);
  bed.peer.ack(101);
  const srtt = app.tcb.rtt.srtt / 1000;
  assert.ok(srtt >= 39 && srtt <= 41, `${srtt} ms`);
});

test('URG: every piece that bears it points at the same byte, the one that the user meant (MUST-62)', () => {
  const { bed, app } = opened();
  app.write(5 * MSS);
  app.call((tcb) => bed.stack.tcp.sendUrgent(tcb));
  // Once more in one piece: everything queued behind a closed window is urgent when it opens.
  const first = bed.peer.sent();
  bed.peer.ack(1 + 5 * MSS, 0);
  app.write(5 * MSS);
  app.call((tcb) => bed.stack.tcp.sendUrgent(tcb));
  bed.peer.sent();
  bed.peer.ack(1 + 5 * MSS, 65_535);
  const later = bed.peer.sent();
  assert.equal(later.length, 5);
  for (const { flags, seq, up } of [...first, ...later]) {
    if (!flags.includes('U')) continue;
    assert.ok(seq + up === 1 + 5 * MSS || seq + up === 1 + 10 * MSS, `seq ${seq} up ${up}`);
  }
  assert.ok(
    later.every(({ flags }) => flags.includes('U')),
    'MUST-62: while urgent data waits, URG is set',
  );
});

test('the tail loss probe repeats the last segment of a super-packet, not all of it (RFC 8985 §7.3)', () => {
  const { bed, app } = opened({ sackPermitted: true, config: { tlp: 'on' } });
  app.write(6 * MSS + 300);
  bed.peer.sent();
  bed.advance(2 * ROUND_TRIP + 5);
  assert.deepEqual(segments(bed.peer.sent()), [[1 + 6 * MSS, 300]]);
});

test('without SACK: three duplicate ACKs bring back the first segment, a partial ACK the next lost one (RFC 6582 §3.2)', () => {
  const { bed, app } = opened();
  app.write(8 * MSS);
  bed.peer.sent();
  bed.advance(ROUND_TRIP);
  for (let i = 0; i < 3; i++) bed.peer.ack(1);
  assert.deepEqual(segments(bed.peer.sent()), full(1, 1));
  bed.advance(ROUND_TRIP);
  bed.peer.ack(1 + 4 * MSS);
  assert.deepEqual(segments(bed.peer.sent()), full(1 + 4 * MSS, 1));
});

test('a time-out sends one segment of the super-packet again, and the rest as the window grows (RFC 6298 §5.4, RFC 5681 §3.1)', () => {
  const { bed, app } = opened({ config: { frto: 'off', congestion: 'reno' } });
  app.write(8 * MSS);
  bed.peer.sent();
  bed.advance(400);
  assert.deepEqual(segments(bed.peer.sent()), full(1, 1));
  bed.peer.ack(1 + MSS);
  assert.deepEqual(segments(bed.peer.sent()), full(1 + MSS, 2));
  assert.equal(bed.frames.at(-1)?.gsoSize, MSS);
});
