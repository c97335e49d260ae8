import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testbed } from '../../support/peer.ts';

const NEWRENO = { congestion: 'reno', hystart: 'off', iw: 100 };

function bytesOf(segments: readonly { length: number }[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0);
}

test('WS-01: no window scale in the SYN, none in the SYN,ACK, and no shift either way', () => {
  const bed = testbed({ config: NEWRENO });
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: { mss: 1000 }, wnd: 3000 });
  const synAck = bed.peer.expect({ flags: 'SA' });
  assert.equal(synAck.options.wscale, undefined);
  bed.peer.window = 3000;
  bed.peer.send({ flags: 'A' });
  bed.accepted[0]?.write(10_000);
  assert.equal(bytesOf(bed.peer.sent()), 3000);
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.advance(100);
  assert.ok(bed.peer.expect({ ack: 101 }).window > 64_000);
});

test('WS-01: a window scale option outside of a SYN means nothing', () => {
  const bed = testbed({ config: NEWRENO });
  const app = bed.peer.handshake('passive', { mss: 1000, wnd: 2000 });
  bed.peer.send({ flags: 'A', options: { wscale: 7 } });
  app.write(10_000);
  assert.equal(bytesOf(bed.peer.sent()), 2000);
});

test('WS-01: an active open offers it; a peer that does not take it gets unscaled windows', () => {
  const bed = testbed({ config: NEWRENO });
  bed.connect(bed.peer);
  const syn = bed.peer.expect({ flags: 'S' });
  assert.ok((syn.options.wscale ?? -1) > 0);
  bed.peer.send({ flags: 'SA', options: { mss: 1000 } });
  assert.equal(bed.peer.expect({ flags: 'A' }).window, 65_535);
});

test('WS-02: the window of a SYN,ACK is not scaled', () => {
  const bed = testbed({ config: NEWRENO });
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'SA', wnd: 1000, options: { mss: 500, wscale: 7 } });
  bed.peer.expect({ flags: 'A' });
  assert.equal(app.tcb.snd.wnd, 1000);
  app.write(5000);
  assert.equal(bytesOf(bed.peer.sent()), 1000);
});

test('WS-02: the window of our own SYNs is a plain number below 65,536', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: { mss: 1460, wscale: 7 } });
  bed.peer.expect({ flags: 'SA', window: 65_535 });
});

for (const shift of [15, 31, 32, 255]) {
  test(`WS-03: a shift of ${shift} is taken as 14`, () => {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { wscale: shift });
    bed.peer.ack(1, 65_535);
    assert.equal(app.tcb.snd.wnd, 65_535 * 2 ** 14);
  });
}

test('WS-04: the window of the third ACK is scaled', () => {
  const bed = testbed({ config: NEWRENO });
  bed.listen(7);
  bed.peer.send({ flags: 'S', options: { mss: 1000, wscale: 7 }, wnd: 65_535 });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'A', wnd: 1 });
  const app = bed.accepted[0];
  assert.equal(app?.tcb.snd.wnd, 128);
  app?.write(1000);
  bed.advance(1000);
  const sent = bed.peer.sent();
  assert.ok(sent.length > 0);
  for (const { seq, length } of sent) assert.equal(seq + length, 129);
});

test('WS-05: bytes that a rounded-down window leaves out of sight, but that were offered, are taken', () => {
  const bed = testbed({ config: { 'buffer.receive': '128K/128K/6M', 'buffer.autoTuning': 'off' } });
  const app = bed.peer.handshake('passive', { autoRead: false, wscale: 0 });
  const { nxt } = bed.peer;
  assert.ok(app.tcb.rcv.shift > 0);
  // The SYN,ACK offered 65,535 bytes exactly. One byte moves the left edge off the grid.
  bed.peer.send({ flags: 'PA', data: 1 });
  bed.advance(100);
  const ack = bed.peer.sent().at(-1);
  assert.equal(ack?.ack, nxt + 1);
  const last = 65_535;
  bed.peer.send({ flags: 'PA', seq: last, data: 1 });
  assert.deepEqual(bed.peer.expect({ flags: 'A', ack: nxt + 1 }).length, 0);
  assert.equal(app.tcb.receiveBuffer.outOfOrderLength, 1);
});

test('WS-06: one retransmission asks a shrunk window, the next ones keep inside it', () => {
  const bed = testbed({ config: { ...NEWRENO, tlp: 'off', rack: 'off' } });
  const app = bed.peer.handshake('passive', { mss: 1000 });
  app.write(5000);
  assert.equal(bytesOf(bed.peer.sent()), 5000);
  bed.peer.ack(1, 0);
  bed.peer.expectNothing();
  bed.advance(5000);
  const resent = bed.peer.sent();
  assert.ok(resent.length >= 1);
  for (const { seq, length } of resent) assert.ok(seq === 1 && length <= 1000, `seq ${seq} length ${length}`);
  bed.peer.ack(1, 2500);
  bed.advance(60_000);
  for (const { seq, length } of bed.peer.sent()) assert.ok(seq + length <= 2501, `${seq} + ${length}`);
});
