import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { reach, stateOf } from '../../support/states.ts';

const MSS = 1000;
const RENO: Record<string, ConfigValue> = {
  congestion: 'reno',
  hystart: 'off',
  pacing: 'off',
  sack: 'off',
  tlp: 'off',
};

function sender(config: Record<string, ConfigValue> = {}): { bed: Testbed; app: Application } {
  const bed = testbed({ config: { ...RENO, ...config } });
  return { bed, app: bed.peer.handshake('passive', { mss: MSS }) };
}

test('E01 optimistic ACK: what was not sent cannot be acknowledged, and cwnd does not grow by it', () => {
  const { bed, app } = sender();
  app.write(50_000);
  const { cwnd } = app.tcb.congestion;
  for (let i = 0; i < 100; i++) bed.peer.ack(bed.peer.rcvNxt + 1 + i);
  assert.equal(app.tcb.congestion.cwnd, cwnd);
  assert.equal(app.tcb.snd.una, app.tcb.snd.iss + 1);
});

test('E02 ACK division: a thousand ACKs for one segment grow cwnd by one segment', () => {
  const { bed, app } = sender();
  app.write(50_000);
  const { cwnd } = app.tcb.congestion;
  for (let ack = 2; ack <= 1001; ack++) bed.peer.ack(ack);
  assert.equal(app.tcb.congestion.cwnd, cwnd + MSS);
});

test('E03 DupACK spoofing: ten thousand duplicates let out no more than was in flight', () => {
  const { bed, app } = sender();
  app.write(100_000);
  const first = bed.peer.sent().length;
  for (let i = 0; i < 10_000; i++) bed.peer.ack(1);
  const sent = bed.peer.sent().length;
  assert.ok(sent <= 2 * first + 3, `${sent} segments after ${first}`);
  assert.ok(app.tcb.congestion.cwnd <= 10 * MSS);
});

test('E10, S16: a window that is taken back behind what is in flight: no new data, and no four gigabytes', () => {
  const { bed, app } = sender();
  app.write(50_000);
  bed.peer.sent();
  for (const wnd of [1000, 500, 1, 0]) {
    bed.peer.ack(1, wnd);
    bed.peer.expectNothing();
  }
  bed.peer.ack(5001, 1000);
  bed.peer.expectNothing();
  bed.peer.ack(10_001, 2000);
  assert.deepEqual(
    bed.peer.sent().map(({ seq, length }) => [seq, length]),
    [
      [10_001, 1000],
      [11_001, 1000],
    ],
  );
});

test('E12: a user timeout of years neither fires at once nor breaks the clock', () => {
  const { bed, app } = sender();
  bed.stack.tcp.setUserTimeout(app.tcb, 10 * 365 * 24 * 3600 * 1e6);
  app.write(1000);
  bed.advance(100_000);
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.ack();
  bed.advance(30 * 24 * 3600 * 1000);
  assert.equal(app.state, 'ESTABLISHED');
});

test('E13, S47: of two window updates out of order the older never wins', () => {
  const { bed, app } = sender();
  bed.peer.send({ flags: 'PA', seq: 1, data: 10, wnd: 5000 });
  bed.peer.send({ flags: 'PA', seq: 11, data: 10, wnd: 9000 });
  bed.peer.send({ flags: 'A', seq: 1, ack: 1, wnd: 0 });
  bed.peer.send({ flags: 'A', seq: 11, ack: 1, wnd: 0 });
  assert.equal(app.tcb.snd.wnd, 9000);
  bed.peer.send({ flags: 'A', seq: 21, ack: 1, wnd: 7000 });
  assert.equal(app.tcb.snd.wnd, 7000);
});

test('E14: an ACK after a retransmission is no sample without timestamps', () => {
  const { bed, app } = sender();
  app.write(1000);
  bed.advance(50);
  bed.peer.ack();
  const { srtt, samples } = app.tcb.rtt;
  app.write(1000);
  bed.advance(1000);
  assert.ok(bed.peer.sent().length >= 2);
  bed.peer.ack();
  assert.deepEqual([app.tcb.rtt.srtt, app.tcb.rtt.samples], [srtt, samples]);
});

test('E15: the peer has rebooted: our data earns its reset, and the connection ends at once', () => {
  const { bed, app } = sender();
  app.write(1000);
  const { ack } = bed.peer.expect({ length: 1000 });
  bed.peer.send({ flags: 'R', seq: ack });
  assert.deepEqual([app.state, app.error], ['CLOSED', 'ECONNRESET']);
});

test('E15: the rebooted peer sends a SYN: our challenge earns a reset, and then it can open', () => {
  const { bed } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'S', seq: 70_000 });
  const { ack } = bed.peer.expect({ flags: 'A' });
  bed.peer.send({ flags: 'R', seq: ack });
  assert.equal(stateOf(bed), 'CLOSED');
  bed.peer.send({ flags: 'S', seq: 70_000, options: { mss: 1460 } });
  bed.peer.expect({ flags: 'SA' });
});

test('S05, S17: the gaps between retransmissions double up to the limit, also after thirty', () => {
  const { bed, app } = sender({ 'retries.data': 60 });
  app.write(1000);
  bed.advance(4_000_000);
  const times = bed.peer.sent().map(({ at }) => at);
  const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
  assert.ok(gaps.length > 30, `${gaps.length} retransmissions`);
  for (let i = 1; i < gaps.length; i++) {
    const expected = Math.min(120_000, 2 * (gaps[i - 1] as number));
    assert.ok(Math.abs((gaps[i] as number) - expected) <= 2, `gap ${i}: ${gaps[i]}, expected ${expected}`);
  }
  assert.equal(app.state, 'ESTABLISHED');
});

test('S12: the timer fires under a window of zero: one packet for each, and none empty again and again', () => {
  const { bed, app } = sender();
  app.write(3000);
  bed.peer.sent();
  bed.peer.ack(1, 0);
  for (let i = 0; i < 8; i++) {
    const before = app.tcb.retry.retries;
    bed.advance(120_000);
    assert.ok(bed.peer.sent().length <= Math.max(1, app.tcb.retry.retries - before) + 1);
    if (app.state === 'CLOSED') break;
    bed.peer.ack(1, 0);
  }
});

test('S13: a sample of more than a second is taken whole', () => {
  const { bed, app } = sender({ 'rto.initial': '3s' });
  const fresh = bed.newPeer();
  fresh.send({ flags: 'S', options: { mss: MSS } });
  bed.advance(1200);
  fresh.expect({ flags: 'SA' });
  fresh.send({ flags: 'A' });
  assert.equal(bed.accepted[1]?.tcb.rtt.srtt, 1_200_000);
  assert.equal(app.state, 'ESTABLISHED');
});

test('S19: never a byte beyond the peer’s window, whatever it does with it', () => {
  const { bed, app } = sender();
  let una = 1;
  let edge = 65_536;
  for (let i = 0; i < 300; i++) {
    app.write(5000);
    const wnd = (i * 7919) % 6000;
    una = bed.peer.rcvNxt;
    edge = Math.max(edge, una + wnd);
    bed.peer.ack(una, wnd);
    for (const { seq, length } of bed.peer.sent())
      assert.ok(seq + length <= edge, `${seq + length} > ${edge}`);
    bed.advance(3);
  }
});

test('S21: received, lost, received, lost: without SACK exactly the lost ones are sent again', () => {
  const { bed, app } = sender({ iw: 8 });
  app.write(8000);
  bed.peer.sent();
  bed.peer.ack(1001);
  // 1001 and 3001 are lost, all others arrive.
  for (let i = 0; i < 5; i++) bed.peer.ack(1001);
  assert.deepEqual(
    bed.peer.sent().map(({ seq }) => seq),
    [1001],
  );
  bed.peer.ack(3001);
  assert.deepEqual(
    bed.peer.sent().map(({ seq }) => seq),
    [3001],
  );
  bed.peer.ack(8001);
  bed.advance(5000);
  bed.expectSilence();
});

test('S39: reaching rto.max does not end the connection: the retries do', () => {
  const { bed, app } = sender({ 'rto.max': '2s', 'retries.data': 15 });
  app.write(1000);
  bed.advance(20_000);
  assert.equal(app.state, 'ESTABLISHED');
  bed.advance(20_000);
  assert.deepEqual([app.state, app.error], ['CLOSED', 'ETIMEDOUT']);
});

test('S50, SHLD-29, SHLD-30: probes of a closed window begin after one RTO and go further and further apart, answered or not', () => {
  const { bed, app } = sender();
  bed.peer.ack(1, 0);
  app.write(1000);
  const times: number[] = [];
  for (let i = 0; i < 400 && times.length < 7; i++) {
    bed.advance(100);
    for (const { at, length } of bed.peer.sent()) {
      assert.ok(length <= 1);
      times.push(at);
      bed.peer.ack(1, 0);
    }
  }
  const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
  assert.ok(gaps.length >= 5, `${times.join(' ')}`);
  for (let i = 1; i < gaps.length; i++)
    assert.ok((gaps[i] as number) >= 1.9 * (gaps[i - 1] as number), gaps.join(' '));
});

test('S50: a FIN under a window of zero waits for the window, and goes when it opens', () => {
  const { bed, app } = sender();
  bed.peer.ack(1, 0);
  app.write(500);
  app.shutdown();
  bed.advance(3000);
  assert.ok(bed.peer.sent().every(({ flags, length }) => !flags.includes('F') && length <= 1));
  bed.peer.ack(1, 5000);
  const sent = bed.peer.sent();
  assert.equal(sent.at(-1)?.flags.includes('F'), true);
  bed.peer.ack();
  assert.equal(app.state, 'FIN-WAIT-2');
});

test('S53: a small segment held by Nagle does not hold a fast retransmit', () => {
  const { bed, app } = sender({ iw: 5 });
  app.write(5000);
  bed.peer.sent();
  app.write(10);
  for (let i = 0; i < 3; i++) bed.peer.ack(1);
  assert.ok(bed.peer.sent().some(({ seq, length }) => seq === 1 && length === MSS));
});

test('S54: drained is told once, after everything is acknowledged', () => {
  const { bed, app } = sender();
  app.write(2500);
  app.shutdown();
  app.told();
  bed.peer.ack(500);
  bed.peer.ack(1500);
  assert.deepEqual(app.told(), []);
  bed.peer.ack();
  assert.deepEqual(app.told(), ['drained']);
});
