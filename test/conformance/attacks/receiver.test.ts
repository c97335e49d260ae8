import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from '../../support/pattern.ts';
import { testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';
import { reach, stateOf } from '../../support/states.ts';

test('F01, F02, S38: alternating one-byte segments: bounded ranges, bounded memory, bounded time', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { sackPermitted: true });
  for (let seq = 3; seq < 65_000; seq += 2) bed.peer.send({ flags: 'A', seq, data: 1 });
  assert.ok(app.tcb.receiveBuffer.outOfOrder.count <= 1024);
  assert.ok(bed.stack.tcp.stats.memory <= 131_072, `${bed.stack.tcp.stats.memory} bytes`);
  assert.ok(bed.counter('TCP_OFO_DROP') > 0);
  assert.equal(app.state, 'ESTABLISHED');
});

test('F02: a thousand connections with one byte out of order each do not pin a window each', () => {
  const bed = testbed();
  bed.listen(7);
  for (let i = 0; i < 1000; i++) {
    const peer = bed.newPeer({ port: 1000 + i });
    peer.handshake('passive');
    peer.send({ flags: 'A', seq: 60_000, data: 1 });
  }
  const { memory } = bed.stack.tcp.stats;
  assert.ok(memory <= bed.stack.tcp.config.bufferTotal, `${memory} bytes`);
  assert.ok(memory <= 1000 * 131_072, `${memory} bytes`);
});

test('F03: an application that does not read: four-byte segments close the window, and hold no more than the buffer', () => {
  const bed = testbed({ config: { 'buffer.receive': '32K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  for (let i = 0; i < 20_000; i++) bed.peer.send({ flags: 'PA', seq: 1 + 4 * i, data: 4 });
  assert.ok(app.tcb.readable <= 32_768);
  assert.ok(bed.stack.tcp.stats.memory <= 65_536, `${bed.stack.tcp.stats.memory} bytes`);
  assert.equal(bed.peer.sent().at(-1)?.window, 0);
});

scenario('F04 inconsistent overlap: the first copy of a byte is the one that counts', (bed) => {
  const app = bed.peer.handshake('passive');
  const other = new Uint8Array(100).fill(0xee);
  bed.peer.send({ flags: 'A', seq: 51, data: 50 });
  bed.peer.send({ flags: 'A', seq: 51, data: other.subarray(0, 50) });
  bed.peer.send({ flags: 'A', seq: 31, data: other.subarray(0, 40) });
  bed.peer.send({ flags: 'PA', seq: 1, data: 60 });
  bed.peer.send({ flags: 'PA', seq: 1, data: other });
  const expected = pattern(0, 100);
  expected.fill(0xee, 30, 50);
  assert.deepEqual(app.received, expected);
});

test('F05: data behind the window is not taken, and data across its edge is cut', () => {
  const bed = testbed({ config: { 'buffer.receive': '4K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  const { wnd } = app.tcb.rcv;
  bed.peer.send({ flags: 'PA', seq: wnd + 1, data: 100 });
  assert.equal(app.tcb.receiveBuffer.outOfOrderLength, 0);
  bed.peer.send({ flags: 'PA', seq: wnd - 49, data: 100 });
  assert.equal(app.tcb.receiveBuffer.outOfOrderLength, 50);
});

test('F05, S51: data above a FIN that is waiting, and a second FIN elsewhere, are not believed', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'FA', seq: 101 });
  bed.peer.send({ flags: 'PA', seq: 101, data: 50 });
  bed.peer.send({ flags: 'FA', seq: 151 });
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  bed.advance(100);
  assert.equal(app?.state, 'CLOSE-WAIT');
  assert.deepEqual(app.received, pattern(0, 100));
  assert.equal(bed.peer.sent().at(-1)?.ack, 102);
  bed.peer.send({ flags: 'PA', seq: 102, data: 50 });
  assert.equal(app.received.length, 100);
});

test('F05: a FIN below data that is already held is not believed', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'PA', seq: 101, data: 50 });
  bed.peer.send({ flags: 'FA', seq: 51 });
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  assert.equal(app?.state, 'ESTABLISHED');
  assert.equal(app.received.length, 150);
});

test('F05: a FIN on the segment that fills the gap before data already held is not believed', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'A', seq: 2, data: 1 });
  bed.peer.send({ flags: 'A', seq: 3, data: 1 });
  bed.peer.send({ flags: 'FA', seq: 1, data: 1 });
  bed.peer.send({ flags: 'PA', seq: 4, data: 10 });
  bed.peer.send({ flags: 'FA', seq: 14 });
  assert.equal(app.received.length, 13);
  assert.equal(app.state, 'CLOSE-WAIT');
});

test('F06: a FIN before a hole ends nothing until the hole is filled', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'FPA', seq: 101, data: 100 });
  assert.deepEqual(app?.told().includes('peer-closed'), false);
  assert.equal(app?.state, 'ESTABLISHED');
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  assert.equal(app?.state, 'CLOSE-WAIT');
  assert.equal(app?.received.length, 200);
  assert.ok(app?.told().includes('peer-closed'));
});

test('F07, S09: with as many holes as we keep, the segment that is next in line is still taken', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  for (let i = 0; i < 1100; i++) bed.peer.send({ flags: 'A', seq: 201 + 50 * i, data: 10 });
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  assert.equal(app.received.length, 100);
  bed.peer.send({ flags: 'PA', seq: 101, data: 100 });
  assert.equal(app.received.length, 210);
});

test('F07: with the whole window out of order and full, the filler of the first byte is taken', () => {
  const bed = testbed({ config: { 'buffer.receive': '8K' } });
  const app = bed.peer.handshake('passive');
  for (let seq = 2; seq < 8192; seq += 1000) bed.peer.send({ flags: 'A', seq, data: 1000 });
  bed.peer.send({ flags: 'A', seq: 1, data: 1 });
  assert.equal(app.received.length, 8192);
});

test('F08: a flood of zero-window probes is not answered probe by probe for ever', () => {
  const bed = testbed({ config: { 'buffer.receive': '4K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  bed.peer.send({ flags: 'A', data: 1400 });
  bed.peer.send({ flags: 'A', data: 1400 });
  bed.peer.send({ flags: 'A', data: 1296 });
  bed.advance(500);
  assert.equal(bed.peer.sent().at(-1)?.window, 0);
  for (let i = 0; i < 1000; i++) bed.peer.send({ flags: 'A', seq: bed.peer.nxt - 1 });
  const answers = bed.peer.sent();
  assert.ok(answers.length >= 1 && answers.length <= 100, `${answers.length} answers`);
  assert.equal(app.tcb.readable, 4096);
});

test('F08: a probe of one byte into a closed window is answered with the present ACK and window', () => {
  const bed = testbed({ config: { 'buffer.receive': '4K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  for (let i = 0; i < 4; i++) bed.peer.send({ flags: 'A', data: 1024 });
  bed.advance(500);
  bed.peer.sent();
  bed.peer.send({ flags: 'A', seq: 4097, data: 1 });
  bed.peer.expect({ flags: 'A', ack: 4097, window: 0 });
  assert.equal(app.tcb.readable, 4096);
});

test('F09: the same data a thousand times is delivered once', () => {
  const { bed, app } = reach('ESTABLISHED');
  for (let i = 0; i < 1000; i++) bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  assert.equal(app?.received.length, 100);
  assert.ok(bed.peer.sent().length <= 1000);
});

test('F10: new data with an old ACK is taken', () => {
  const { bed, app } = reach('ESTABLISHED');
  app?.write(1000);
  bed.peer.sent();
  bed.peer.ack();
  bed.peer.send({ flags: 'PA', seq: 1, ack: 1, data: 10 });
  assert.equal(app?.received.length, 10);
});

test('F11: never two full segments: the ACK comes within half a second all the same', () => {
  for (const profile of ['default', 'strict', 'linux'] as const) {
    const bed = testbed({ profile });
    bed.peer.handshake('passive');
    for (let i = 0; i < 40; i++) {
      const at = bed.now;
      bed.peer.send({ flags: 'A', data: 10 });
      bed.advance(499);
      const [ack] = bed.peer.sent();
      assert.equal(ack?.ack, bed.peer.nxt);
      assert.ok(ack.at - at <= 499);
    }
  }
});

test('S02: the edges of SACK blocks wrap with the sequence space', () => {
  const bed = testbed({ isn: 0xffffff00 });
  bed.peer.handshake('passive', { sackPermitted: true });
  bed.peer.send({ flags: 'A', seq: 201, data: 100 });
  assert.deepEqual(bed.peer.expect({ ack: 1 }).options.sack, [[201, 301]]);
});

test('S06: a segment that begins before the window: its new bytes and its FIN count', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  bed.peer.send({ flags: 'FPA', seq: 51, data: 100 });
  assert.equal(app?.received.length, 150);
  assert.equal(app?.state, 'CLOSE-WAIT');
  bed.advance(100);
  assert.equal(bed.peer.sent().at(-1)?.ack, 152);
});

test('S06: a repeated segment of which only the FIN is new', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  bed.peer.send({ flags: 'FPA', seq: 1, data: 100 });
  assert.equal(app?.state, 'CLOSE-WAIT');
});

test('S07: the window that opens again from zero is told at once, not with a delayed ACK', () => {
  const bed = testbed({ config: { 'buffer.receive': '4K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  for (let i = 0; i < 4; i++) bed.peer.send({ flags: 'A', data: 1024 });
  bed.advance(500);
  bed.peer.sent();
  const at = bed.now;
  app.read();
  const update = bed.peer.expect({ flags: 'A', length: 0 });
  assert.ok(update.window >= 2048 && update.at === at);
});

test('S14: of three full segments the second at the latest is acknowledged at once', () => {
  const bed = testbed({ config: { 'ack.policy': 'delay' } });
  bed.peer.handshake('passive');
  bed.peer.send({ flags: 'A', data: 1460 });
  bed.peer.expectNothing();
  bed.peer.send({ flags: 'A', data: 1460 });
  bed.peer.expect({ ack: 2921 });
  bed.peer.send({ flags: 'A', data: 1460 });
  bed.advance(499);
  bed.peer.expect({ ack: 4381 });
});

test('S22: out-of-order data across the end of the ring', () => {
  const bed = testbed({ config: { 'buffer.receive': '8K' } });
  const app = bed.peer.handshake('passive');
  let next = 1;
  for (let round = 0; round < 60; round++) {
    bed.peer.send({ flags: 'A', seq: next + 700, data: 700 });
    bed.peer.send({ flags: 'A', seq: next + 2100, data: 300 });
    bed.peer.send({ flags: 'A', seq: next, data: 700 });
    bed.peer.send({ flags: 'A', seq: next + 1400, data: 700 });
    next += 2400;
  }
  assert.deepEqual(app.received, pattern(0, next - 1));
});

test('S23, S41: acceptability is tested against RCV.NXT, not against the last ACK that was sent', () => {
  const bed = testbed({ config: { 'ack.policy': 'delay' } });
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'A', data: 100 });
  bed.peer.expectNothing();
  bed.peer.send({ flags: 'A', seq: 1, data: 100 });
  bed.peer.expect({ flags: 'A', ack: 101 });
  assert.equal(app.received.length, 100);
  bed.peer.send({ flags: 'R', seq: 1 });
  assert.equal(app.state, 'ESTABLISHED');
});

test('S24: PSH, URG, ECE and CWR in any combination do not keep data from being taken', () => {
  const { bed, app } = reach('ESTABLISHED');
  let length = 0;
  for (const p of ['', 'P']) {
    for (const u of ['', 'U']) {
      for (const e of ['', 'E', 'C', 'EC']) {
        bed.peer.send({ flags: `A${p}${u}${e}`, data: 10, up: 5 });
        length += 10;
      }
    }
  }
  assert.equal(app?.received.length, length);
});

for (const state of ['CLOSE-WAIT', 'TIME-WAIT'] as const) {
  test(`S20: reading in ${state} sends no window update`, () => {
    const { bed, app } = reach('ESTABLISHED', { config: { 'buffer.receive': '4K' } }, { autoRead: false });
    for (let i = 0; i < 4; i++) bed.peer.send({ flags: 'A', data: 1024 });
    if (state === 'TIME-WAIT') app?.shutdown();
    bed.advance(500);
    bed.peer.send({ flags: 'A' });
    bed.peer.sent();
    // The window is closed, and so the FIN behind it has to wait for the reader.
    app?.read(2048);
    bed.advance(500);
    bed.peer.sent();
    bed.peer.send({ flags: 'FA' });
    bed.advance(500);
    bed.peer.sent();
    assert.equal(stateOf(bed), state);
    app?.read();
    bed.advance(1000);
    bed.expectSilence();
  });
}

test('S35: no tiny window is ever offered, and zero is when the buffer is full', () => {
  const bed = testbed({ config: { 'buffer.receive': '8K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  const windows: number[] = [];
  for (let i = 0; i < 40; i++) {
    bed.peer.send({ flags: 'A', seq: app.tcb.rcv.nxt - app.tcb.rcv.irs, data: 1000 });
    app.read(37);
    bed.advance(600);
    windows.push(...bed.peer.sent().map(({ window }) => window));
  }
  assert.ok(windows.includes(0));
  const edges = windows.filter((window) => window > 0 && window < 100);
  assert.ok(edges.length <= 2, `tiny windows ${edges.join(' ')}`);
});
