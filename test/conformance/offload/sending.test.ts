/**
 * Super-packets as the wire sees them: cut into segments by the device, each of which must be what a
 * stack without offload could have sent. RFC 9293 §3.7, §3.8; Virtual I/O Device 1.2, §5.1.6.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { full, MSS, opened, segments } from './offload-bed.ts';

test('one frame carries the whole window: gso_size is the MSS, the sum is left to the device, the pieces follow each other', () => {
  const { bed, app } = opened();
  app.write(10 * MSS);
  assert.deepEqual(bed.frames, [{ gsoSize: MSS, needsChecksum: true, length: 40 + 10 * MSS }]);
  assert.deepEqual(segments(bed.peer.sent()), full(1, 10));
});

test('an odd tail goes with its super-packet, and PSH is on that last piece alone (MUST-60, MUST-61)', () => {
  const { bed, app } = opened();
  app.write(3 * MSS + 700);
  assert.deepEqual(
    bed.frames.map(({ gsoSize, length }) => [gsoSize, length]),
    [[MSS, 40 + 3 * MSS + 700]],
  );
  const sent = bed.peer.sent();
  assert.deepEqual(segments(sent), [...full(1, 3), [1 + 3 * MSS, 700]]);
  assert.deepEqual(
    sent.map(({ flags }) => flags),
    ['A', 'A', 'A', 'PA'],
  );
});

test('Nagle holds an odd tail back behind another one, not the full segments before it', () => {
  const { bed, app } = opened();
  app.write(100);
  app.write(2 * MSS + 50);
  assert.deepEqual(segments(bed.peer.sent()), [[1, 100], ...full(101, 2)]);
  bed.peer.ack();
  assert.deepEqual(segments(bed.peer.sent()), [[101 + 2 * MSS, 50]]);
});

test('what fits into one segment is no super-packet: gso_size 0', () => {
  const { bed, app } = opened();
  app.write(MSS);
  assert.deepEqual(bed.frames, [{ gsoSize: 0, needsChecksum: true, length: 40 + MSS }]);
});

test('gso_size is less by the timestamp option, in every segment (RFC 7323 §3.2)', () => {
  const { bed, app } = opened({ timestamps: [5, 0] });
  app.write(4 * (MSS - 12));
  assert.deepEqual(
    bed.frames.map(({ gsoSize }) => gsoSize),
    [MSS - 12],
  );
  for (const sent of bed.peer.sent()) assert.notEqual(sent.options.timestamps, undefined);
});

test('gso_size shrinks while SACK blocks are sent and grows again after, in mid-stream (RFC 9293 §3.7.1)', () => {
  const { bed, app } = opened({ sackPermitted: true });
  bed.peer.send({ flags: 'A', seq: 101, data: 100 });
  bed.peer.sent();
  bed.frames.length = 0;
  app.write(3 * MSS);
  assert.equal(bed.frames[0]?.gsoSize, MSS - 12);
  for (const { options } of bed.peer.sent()) assert.deepEqual(options.sack, [[101, 201]]);
  bed.peer.send({ flags: 'A', seq: 1, data: 100 });
  bed.peer.sent();
  bed.frames.length = 0;
  app.write(3 * MSS);
  assert.equal(bed.frames[0]?.gsoSize, MSS);
});

test('each segment of the path’s new size: an ICMP error shrinks gso_size, what was sent and what waits (RFC 1191)', () => {
  const { bed, app } = opened({ wnd: 10 * MSS });
  app.write(20 * MSS);
  assert.deepEqual(segments(bed.peer.sent()), full(1, 10));
  bed.frames.length = 0;
  // The device quotes the first of the segments that it has cut.
  bed.icmp(3, 4, bed.packets.at(-10) as Uint8Array, 1040);
  bed.peer.ack(1, 10 * MSS);
  bed.advance(50);
  const again = bed.peer.sent();
  assert.ok(again.length > 0);
  for (const { length, seq } of again) assert.ok(length <= 1000, `${length} bytes from ${seq} on`);
  assert.equal(again[0]?.seq, 1);
  for (const { gsoSize } of bed.frames) assert.ok(gsoSize === 0 || gsoSize === 1000, String(gsoSize));
  bed.peer.ack();
  assert.ok(
    bed.frames.some(({ gsoSize }) => gsoSize === 1000),
    'what had waited goes in pieces of 1000',
  );
});

test('the window closes in the middle of a super-packet: the rest is not lost, and one byte or segment asks', () => {
  const { bed, app } = opened();
  app.write(6 * MSS);
  bed.peer.sent();
  bed.peer.ack(1 + 3 * MSS, 0);
  bed.peer.expectNothing();
  const before = bed.frames.length;
  bed.advance(5000);
  const asked = bed.peer.sent();
  assert.ok(asked.length > 0 && bed.frames.length > before);
  for (const { seq, length } of asked) assert.deepEqual([seq, length], [1 + 3 * MSS, MSS]);
  bed.peer.ack(1 + 3 * MSS, 65_535);
  bed.advance(30_000);
  bed.peer.ack();
  bed.advance(30_000);
  bed.peer.ack();
  assert.equal(app.tcb.snd.una, app.tcb.snd.nxt);
});

test('the window ends in the middle of a super-packet: full segments up to it and no byte beyond (MUST-34)', () => {
  const { bed, app } = opened({ wnd: 3 * MSS + 200 });
  app.write(10 * MSS);
  assert.deepEqual(segments(bed.peer.sent()), full(1, 3));
  assert.equal(bed.frames.length, 1);
});

test('FIN stands behind the last piece alone, and is not believed sent with the first (RFC 9293 §3.10.4)', () => {
  const { bed, app } = opened({ config: { 'lab.finWithData': 'on' } });
  bed.batch(() => {
    const bytes = new Uint8Array(3 * MSS);
    bed.stack.tcp.send(app.tcb, bytes, 0, bytes.length);
    bed.stack.tcp.close(app.tcb);
  });
  const sent = bed.peer.sent();
  assert.deepEqual(
    sent.map(({ flags, length }) => [flags, length]),
    [
      ['A', MSS],
      ['A', MSS],
      ['FPA', MSS],
    ],
  );
  assert.equal(bed.frames.length, 1);
  bed.peer.ack(1 + 2 * MSS);
  bed.advance(1500);
  const again = bed.peer.sent();
  assert.equal(again[0]?.seq, 1 + 2 * MSS);
  for (const { flags, seq, length } of again) {
    if (flags.includes('F')) assert.equal(seq + length, 1 + 3 * MSS);
  }
});
