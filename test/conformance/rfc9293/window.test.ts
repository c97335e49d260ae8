/** RFC 9293 §3.4, §3.8.6: window management, as receiver and as sender. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from '../../support/pattern.ts';
import { testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

const HOUR = 3_600_000;

for (const wscale of [undefined, 7]) {
  scenario(`RFC 9293 SHLD-14: the right edge never moves left, window shift ${wscale ?? 'none'}`, (bed) => {
    bed.listen(7, { autoRead: false });
    const app = bed.peer.handshake('passive', wscale === undefined ? {} : { wscale });
    const shift = wscale === undefined ? 0 : app.tcb.rcv.shift;
    let edge = 0;
    const watch = (): void => {
      for (const { ack, window, seq, length } of bed.peer.sent()) {
        const offered = ack + window * 2 ** shift;
        assert.ok(offered > edge - 2 ** shift, `edge ${edge} to ${offered} (seq ${seq} len ${length})`);
        edge = Math.max(edge, offered);
      }
    };
    for (let i = 0; i < 60; i++) {
      bed.peer.send({ flags: 'PA', data: 1 + ((i * 397) % 1460) });
      if (i % 3 === 2) bed.peer.send({ flags: 'PA', seq: bed.peer.nxt + 100, data: 50 });
      if (i === 20) app.call((tcb) => bed.stack.tcp.setBuffers(tcb, 4096, 0));
      bed.advance(100);
      watch();
      if (i % 5 === 0) app.read(700);
      watch();
    }
    app.read();
    watch();
    assert.ok(edge > 0);
  });
}

test('RFC 9293 MUST-39: without window scaling a useful step is half of the window that a header can tell, whatever the buffer', () => {
  const bed = testbed({ mtu: 65_535, config: { 'buffer.receive': '256K' } });
  bed.listen(7);
  const app = bed.peer.handshake('passive', { mss: 65_495 });
  assert.equal(app.tcb.rcv.shift, 0);
  bed.peer.send({ flags: 'PA', data: 32_768 });
  assert.equal(app.received.length, 32_768);
  bed.advance(200);
  const { ack, window } = bed.peer.sent().at(-1) ?? { ack: 0, window: 0 };
  assert.deepEqual({ ack, window }, { ack: 32_769, window: 65_535 });
});

test('RFC 9293 MAY-8: who does not read keeps the window closed for a day, every probe is answered, and then all goes on', () => {
  const bed = testbed({ config: { 'buffer.receive': '4K' } });
  bed.listen(7, { autoRead: false });
  const app = bed.peer.handshake('passive');
  for (let i = 0; i < 20; i++) bed.peer.send({ flags: 'PA', data: 1000 });
  bed.advance(1000);
  const { ack, window } = bed.peer.sent().at(-1) ?? { ack: 0, window: 1 };
  assert.equal(window, 0);
  for (let minute = 0; minute < 24 * 60; minute += 2) {
    bed.advance(120_000);
    bed.peer.send({ flags: 'A', seq: ack - 1 });
    bed.peer.expect({ flags: 'A', ack, window: 0, length: 0 });
    bed.peer.send({ flags: 'PA', seq: ack, data: 1 });
    bed.peer.expect({ flags: 'A', ack, window: 0, length: 0 });
  }
  assert.equal(app.state, 'ESTABLISHED');
  app.read();
  assert.ok(bed.peer.expect({ flags: 'A', ack, length: 0 }).window > 0);
  assert.equal(app.received.length, ack - 1);
});

scenario(
  'RFC 9293 MUST-34 and SHLD-15 and SHLD-16 and MAY-7: a window that is shrunk under what is in flight',
  (bed) => {
    const app = bed.peer.handshake('passive');
    app.write(20 * 1460);
    assert.equal(bed.peer.sent().length, 10);
    bed.peer.ack(1, 1460);
    const nxt = bed.peer.rcvNxt;
    bed.peer.expectNothing();
    bed.advance(150);
    bed.peer.expectNothing();
    bed.advance(2000);
    const resent = bed.peer.sent();
    assert.equal(resent[0]?.seq, 1);
    for (const { seq, length } of resent) {
      assert.ok(seq + length <= nxt, 'SHLD-15: no new data');
      assert.ok(seq + length <= 1 + 1460, 'MAY-7: nothing beyond the edge');
    }
    assert.equal(app.state, 'ESTABLISHED');
  },
);

scenario(
  'RFC 9293 SHLD-17: data beyond a shrunk edge does not time the connection out while probes are answered',
  (bed) => {
    const app = bed.peer.handshake('passive');
    app.write(5 * 1460);
    assert.equal(bed.peer.sent().length, 5);
    bed.peer.ack(1461, 0);
    // Far beyond R2.
    for (let second = 0; second < 2 * 3600; second += 10) {
      bed.advance(10_000);
      if (bed.peer.sent().length > 0) bed.peer.ack(1461, 0);
      assert.equal(app.state, 'ESTABLISHED', `after ${second} s`);
    }
    bed.peer.ack(1461, 65535);
    bed.advance(120_000);
    assert.equal(bed.peer.sent()[0]?.seq, 1461);
  },
);

scenario('RFC 9293 MUST-35: a window shrunk to zero is probed', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(5 * 1460);
  bed.peer.sent();
  bed.peer.ack(1461, 0);
  bed.advance(5000);
  assert.ok(bed.peer.sent().length > 0);
  assert.equal(app.state, 'ESTABLISHED');
});

scenario(
  'RFC 9293 MUST-36 and SHLD-29 and SHLD-30: a zero window is probed, after one RTO first and less and less often',
  (bed) => {
    const app = bed.peer.handshake('passive', { wnd: 0 });
    app.write(1000);
    bed.peer.expectNothing();
    const rto = app.tcb.rtt.rto / 1000;
    const start = bed.now;
    const times: number[] = [];
    for (let i = 0; i < 12; i++) {
      let [probe] = bed.peer.sent();
      for (let waited = 0; probe === undefined && waited < 200_000; waited += 50) {
        bed.advance(50);
        [probe] = bed.peer.sent();
      }
      assert.ok(probe !== undefined, 'probing goes on');
      assert.ok(probe.seq === 0 || (probe.seq === 1 && probe.length === 1), 'one byte, or an old one');
      times.push(probe.at - start);
      bed.peer.ack(1, 0);
    }
    assert.equal(times.length, 12);
    assert.ok(
      Math.abs((times[0] as number) - rto) <= 50,
      `the first probe after ${times[0]} ms, RTO ${rto} ms`,
    );
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
    for (let i = 1; i < 6; i++) {
      const ratio = (gaps[i] as number) / (gaps[i - 1] as number);
      assert.ok(ratio > 1.6 && ratio < 2.4, `gaps ${gaps.slice(0, 7).join(' ')}`);
    }
    assert.ok(Math.max(...gaps) >= 60_000 && Math.max(...gaps) <= 130_000, `gaps ${gaps.join(' ')}`);
  },
);

test('RFC 9293 MUST-37: a connection stays open for a day while probes are acknowledged', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { wnd: 0 });
  app.write(1000);
  for (let elapsed = 0; elapsed < 24 * HOUR; elapsed += 1000) {
    bed.advance(1000);
    if (bed.peer.sent().length > 0) bed.peer.ack(1, 0);
  }
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.ack(1, 65535);
  bed.peer.expect({ flags: 'PA', seq: 1, length: 1000 });
});

test('RFC 9293 MUST-37: probes that nobody answers end it', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { wnd: 0 });
  app.write(1000);
  bed.advance(24 * HOUR);
  assert.equal(app.error, 'ETIMEDOUT');
});

scenario('RFC 9293 SW-04: a window that opens is used at once, and persisting is no congestion', (bed) => {
  const app = bed.peer.handshake('passive', { wnd: 0 });
  const cwnd = app.tcb.congestion.cwnd;
  app.write(10 * 1460);
  for (let elapsed = 0; elapsed < HOUR; elapsed += 1000) {
    bed.advance(1000);
    if (bed.peer.sent().length > 0) bed.peer.ack(1, 0);
  }
  assert.equal(app.tcb.congestion.cwnd, cwnd);
  bed.peer.ack(1, 65535);
  const sent = bed.peer.sent();
  assert.equal(
    sent.reduce((sum, { length }) => sum + length, 0),
    10 * 1460,
  );
  assert.ok(sent.every(({ at }) => at === bed.now));
});

scenario(
  'RFC 9293 SW-04: a receiver with a zero window answers every probe with its present window',
  (bed) => {
    bed.listen(7, { autoRead: false });
    const app = bed.peer.handshake('passive');
    bed.peer.send({ flags: 'A', data: 1400 });
    bed.peer.send({ flags: 'A', data: 1400 });
    bed.advance(500);
    const room = bed.peer.sent().at(-1)?.window as number;
    bed.peer.send({ flags: 'A', data: room });
    bed.advance(500);
    assert.equal(bed.peer.sent().at(-1)?.window, 0);
    const edge = bed.peer.nxt;
    for (let i = 0; i < 30; i++) {
      bed.peer.send({ flags: 'A', seq: edge, data: 1 });
      bed.peer.expect({ flags: 'A', ack: edge, window: 0 });
      bed.peer.send({ flags: 'A', seq: edge - 1 });
      bed.peer.expect({ flags: 'A', ack: edge, window: 0 });
      bed.advance(1000);
    }
    app.read();
    const update = bed.peer.expect({ flags: 'A', ack: edge });
    assert.ok(update.window > 0);
    bed.peer.send({ flags: 'A', seq: edge, data: 1 });
    assert.deepEqual(app.read(), pattern(edge - 1, 1));
  },
  { config: { 'buffer.receive': '8K' } },
);

for (const what of ['RST', 'URG', 'ACK'] as const) {
  scenario(
    `RFC 9293 MUST-66: ${what} is processed while the receive window is zero`,
    (bed) => {
      bed.listen(7, { autoRead: false });
      const app = bed.peer.handshake('passive');
      bed.peer.send({ flags: 'A', data: 8192 });
      bed.advance(500);
      assert.equal(bed.peer.sent().at(-1)?.window, 0);
      app.told();
      if (what === 'RST') {
        bed.peer.send({ flags: 'R' });
        assert.deepEqual(app.told(), ['failed', 'closed']);
      } else if (what === 'URG') {
        bed.peer.send({ flags: 'UA', up: 4 });
        assert.deepEqual(app.told(), ['urgent']);
        bed.peer.send({ flags: 'UA', seq: bed.peer.nxt, up: 9, data: 3 });
        assert.deepEqual(app.told(), ['urgent'], 'with text that is not taken, too');
      } else {
        app.write(10);
        bed.peer.expect({ length: 10 });
        bed.peer.send({ flags: 'A', seq: bed.peer.nxt, data: 3 });
        assert.equal(app.tcb.unacked, 0);
      }
    },
    { config: { 'buffer.receive': '8K' } },
  );
}
