/** Faults that other stacks have shipped and that no other test here is named after. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testbed } from '../../support/peer.ts';
import { ALL_STATES, reach, SYNCHRONIZED, stateOf } from '../../support/states.ts';

const SYN = { mss: 1460 };

test('S03: a reset to a listener is ignored, and a SYN behind it is taken', () => {
  const { bed } = reach('LISTEN');
  bed.peer.send({ flags: 'R', seq: 0 });
  bed.peer.send({ flags: 'RA', seq: 0, ack: 5 });
  bed.peer.expectNothing();
  bed.peer.handshake('passive');
});

test('S04: in a simultaneous close the lost FIN is sent again, from the first timer on', () => {
  const { bed } = reach('CLOSING');
  bed.advance(1000);
  bed.peer.expect({ flags: 'FA', seq: 1 });
  bed.peer.ack();
  assert.equal(stateOf(bed), 'TIME-WAIT');
});

test('S04: the timer runs from the first segment of a burst, not from the last', () => {
  const bed = testbed({ config: { tlp: 'off', rack: 'off' } });
  const app = bed.peer.handshake('passive', { mss: 1000 });
  app.write(1000);
  const { rto } = app.tcb.rtt;
  bed.advance(rto / 2000);
  app.write(1000);
  bed.peer.sent();
  bed.advance(rto / 2000 - 1);
  bed.peer.expectNothing();
  bed.advance(2);
  bed.peer.expect({ seq: 1, length: 1000, at: rto / 1000 });
});

test('S08: window updates are not counted as duplicate ACKs', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { mss: 1000 });
  app.write(3000);
  bed.peer.sent();
  for (const wnd of [1000, 2000, 3000, 65_535]) bed.peer.ack(1, wnd);
  bed.peer.expectNothing();
  assert.equal(app.tcb.recovery.state, 'open');
});

test('S10: an invalid packet does not abort the connection', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  for (let dataOffset = 0; dataOffset < 5; dataOffset++)
    bed.peer.send({ flags: 'A', seq: 1, data: 10, dataOffset });
  for (let dataOffset = 8; dataOffset < 16; dataOffset++)
    bed.peer.send({ flags: 'A', seq: 1, data: 10, dataOffset });
  for (let bit = 0; bit < 16; bit++) bed.peer.send({ flags: 'RA', seq: 1, checksumError: 1 << bit });
  bed.expectSilence();
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.send({ flags: 'PA', seq: 1, data: 10 });
  assert.equal(app.received.length, 10);
});

test('S11, S30: in SYN-RECEIVED an ACK one too low or one too high earns a reset at its own number; the right one opens', () => {
  const { bed } = reach('SYN-RECEIVED');
  for (const ack of [0, 2]) {
    bed.peer.send({ flags: 'A', seq: 1, ack });
    bed.peer.expect({ flags: 'R', seq: ack, ack: 0 });
    assert.equal(stateOf(bed), 'SYN-RECEIVED');
  }
  bed.peer.send({ flags: 'A', seq: 1, ack: 1 });
  assert.equal(stateOf(bed), 'ESTABLISHED');
});

test('S15: a window above 65,535 in our buffers is not cut to its low bits in a SYN, nor without scaling', () => {
  for (const size of ['64K', '65537', '128K', '1M', '16M']) {
    const bed = testbed({ config: { 'buffer.receive': size } });
    bed.listen(7);
    bed.peer.send({ flags: 'S', options: SYN });
    const { window } = bed.peer.expect({ flags: 'SA' });
    assert.ok(window > 60_000, `${size}: ${window}`);
    bed.peer.send({ flags: 'PA', data: 10 });
    bed.advance(100);
    const [ack] = bed.peer.sent();
    assert.ok((ack?.window ?? 0) > 60_000, `${size}: ${ack?.window}`);
  }
});

test('S18: both FINs cross: each is sent, each is acknowledged', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.batch(() => {
    bed.stack.tcp.shutdown(app.tcb);
    bed.peer.send({ flags: 'FA', ack: 1 });
  });
  bed.advance(100);
  const sent = bed.peer.sent();
  assert.ok(sent.some(({ flags, seq }) => flags.includes('F') && seq === 1));
  assert.equal(sent.at(-1)?.ack, 2);
  bed.peer.ack();
  assert.equal(stateOf(bed), app.tcb.path.includes('CLOSING') ? 'TIME-WAIT' : 'CLOSED');
});

for (const flags of ['S', 'SE', 'SC', 'SEC', 'SPEC', 'SUEC']) {
  test(`S31: a SYN with the flags ${flags} is answered`, () => {
    const { bed } = reach('LISTEN');
    bed.peer.send({ flags, options: SYN });
    const answer = bed.peer.expect({ ack: 1 });
    assert.ok(answer.flags.startsWith('SA'));
  });
}

for (const state of SYNCHRONIZED) {
  test(`S36: ${state}: a segment without data outside of the window is answered with an ACK`, () => {
    const { bed } = reach(state);
    for (const offset of [-2, 70_000, 2 ** 30]) {
      bed.peer.send({ flags: 'A', seq: bed.peer.nxt + offset });
      bed.peer.expect({ flags: 'A', seq: bed.peer.rcvNxt, ack: bed.peer.nxt, length: 0 });
    }
    assert.equal(stateOf(bed), state);
  });

  test(`S36: ${state}: an ACK of something not yet sent is answered with an ACK`, () => {
    const { bed } = reach(state);
    bed.peer.send({ flags: 'A', ack: bed.peer.rcvNxt + 1 });
    bed.peer.expect({ flags: 'A', seq: bed.peer.rcvNxt, ack: bed.peer.nxt, length: 0 });
    assert.equal(stateOf(bed), state);
  });
}

test('S42: a reader of one byte at a time does not open the window by one byte at a time', () => {
  const bed = testbed({ config: { 'buffer.receive': '8K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  for (let i = 0; i < 8; i++) bed.peer.send({ flags: 'A', data: 1024 });
  bed.advance(1000);
  assert.equal(bed.peer.sent().at(-1)?.window, 0);
  for (let i = 0; i < 1459; i++) app.read(1);
  bed.peer.expectNothing();
  for (let i = 0; i < 8192 - 1459; i++) app.read(1);
  const updates = bed.peer.sent().map(({ window }) => window);
  assert.ok(updates.length >= 1 && updates.length <= 6, `${updates.join(' ')}`);
  assert.ok((updates[0] ?? 0) >= 1460);
});

test('S43: LAST-ACK lasts until our FIN is acknowledged, whatever else is', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'FA' });
  bed.advance(100);
  app.write(1000);
  app.close();
  assert.equal(stateOf(bed), 'LAST-ACK');
  bed.peer.ack(1);
  bed.peer.ack(500);
  bed.peer.ack(1001);
  assert.equal(stateOf(bed), 'LAST-ACK');
  bed.peer.ack(1002);
  assert.equal(stateOf(bed), 'CLOSED');
});

for (const state of ALL_STATES) {
  test(`S44: ${state}: a reset is never answered with a reset`, () => {
    const { bed } = reach(state);
    for (const flags of ['R', 'RA', 'RS', 'RF', 'RSA', 'RFA']) {
      for (const offset of [0, 1, 70_000, -1]) {
        bed.peer.send({ flags, seq: bed.peer.nxt + offset, ack: bed.peer.rcvNxt + 5 });
        assert.ok(bed.peer.sent().every((sent) => !sent.flags.includes('R')));
      }
    }
  });
}

test('S44, S56: a stray ACK at a listener earns a reset whose number is the one that it acknowledges', () => {
  const { bed } = reach('LISTEN');
  for (const ack of [0, 1, 77, 2 ** 31, 2 ** 32 - 1]) {
    bed.peer.send({ flags: 'A', seq: 5, ack });
    assert.equal(bed.peer.expect({ flags: 'R' }).rawSeq, ack);
  }
});

test('S46: no keep-alive probe while data is outstanding', () => {
  const bed = testbed({ config: { 'rto.initial': '60s', 'rto.min': '60s', tlp: 'off' } });
  const app = bed.peer.handshake('passive');
  bed.stack.tcp.setKeepAlive(app.tcb, { on: true, idle: 1_000_000, interval: 1_000_000, count: 3 });
  app.write(100);
  bed.peer.expect({ length: 100 });
  bed.advance(30_000);
  bed.peer.expectNothing();
  assert.equal(app.state, 'ESTABLISHED');
});

test('S55: a SYN of twenty bytes, without any option, is taken', () => {
  const { bed } = reach('LISTEN');
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA', ack: 1 });
  bed.peer.send({ flags: 'A' });
  assert.equal(stateOf(bed), 'ESTABLISHED');
});
