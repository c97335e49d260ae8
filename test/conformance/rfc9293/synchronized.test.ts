/** RFC 9293 §3.10.7.4: SEGMENT ARRIVES in the synchronized states; §3.10.4, CLOSE. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { pattern } from '../../support/pattern.ts';
import { EDGE_ISNS, type Testbed, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

/** The window that the stack has open, bytes: 0, 1, or all of a small buffer. */
function withWindow(isn: number, window: number): { bed: Testbed; app: Application; next: number } {
  const bed = testbed({ isn, config: { 'buffer.receive': '8K' } });
  bed.listen(7, { autoRead: false });
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'A', data: 8192 - window });
  bed.advance(1000);
  assert.equal(bed.peer.sent().at(-1)?.window, window);
  return { bed, app, next: bed.peer.nxt };
}

/** RFC 9293 §3.4, Table 6. Offsets from RCV.NXT, no wrapping. */
function acceptable(seq: number, length: number, window: number): boolean {
  const inside = (point: number): boolean => point >= 0 && point < window;
  if (length === 0) return window === 0 ? seq === 0 : inside(seq);
  return window > 0 && (inside(seq) || inside(seq + length - 1));
}

for (const isn of EDGE_ISNS) {
  for (const window of [0, 1, 5000]) {
    test(`EV-08: acceptability by the four cases, RCV.WND = ${window} [ISN 0x${isn.toString(16)}]`, () => {
      const offsets = new Set([-1, 0, 1, window - 1, window, window + 1]);
      for (const offset of offsets) {
        for (const length of new Set([0, 1, 2, Math.min(window, 1460)])) {
          const { bed, app, next } = withWindow(isn, window);
          app.write(10);
          bed.peer.expect({ length: 10 });
          // Whether a segment was accepted shows by its ACK field being processed.
          bed.peer.send({ flags: 'A', seq: next + offset, data: length, ack: 11 });
          const edge = window === 0 && offset === 0;
          assert.equal(
            app.tcb.unacked === 0,
            acceptable(offset, length, window) || edge,
            `SEG.SEQ = RCV.NXT + ${offset}, SEG.LEN = ${length}`,
          );
          bed.checkGuard();
        }
      }
    });
  }
}

scenario(
  'EV-09: an unacceptable segment is answered by <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, a reset by nothing',
  (bed) => {
    const app = bed.peer.handshake('passive');
    bed.peer.send({ flags: 'PA', data: 100 });
    app.write(10);
    bed.peer.sent();
    for (const seq of [1, -5000, 200_000, 101 + 0x40000000]) {
      bed.peer.send({ flags: 'PA', seq, data: 50 });
      bed.peer.expect({ flags: 'A', seq: 11, ack: 101, length: 0 });
      bed.peer.send({ flags: 'RA', seq, data: 50 });
      bed.peer.expectNothing();
    }
    assert.equal(app.state, 'ESTABLISHED');
    assert.equal(app.received.length, 100);
  },
);

scenario('EV-09: duplicates that bear data are acknowledged, however many', (bed) => {
  bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.advance(500);
  bed.peer.sent();
  for (let i = 0; i < 50; i++) {
    bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
    bed.peer.expect({ flags: 'A', ack: 101 });
  }
});

scenario('EV-10: what overlaps on the left is delivered once', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.peer.send({ flags: 'PA', seq: 51, data: 100 });
  assert.deepEqual(app.received, pattern(0, 150));
  bed.peer.send({ flags: 'PA', seq: 1, data: 200 });
  assert.deepEqual(app.received, pattern(0, 200));
  bed.advance(500);
  assert.equal(bed.peer.sent().at(-1)?.ack, 201);
});

scenario('EV-10: an old FIN with new text on its left edge is one sequence number', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.peer.send({ flags: 'FA', seq: 91, data: 10 });
  assert.equal(app.state, 'CLOSE-WAIT');
  assert.equal(app.received.length, 100);
  bed.advance(500);
  assert.equal(bed.peer.sent().at(-1)?.ack, 102);
});

for (const isn of EDGE_ISNS) {
  test(`EV-10: text and FIN beyond the window are cut off [ISN 0x${isn.toString(16)}]`, () => {
    const { bed, app, next } = withWindow(isn, 5);
    bed.peer.send({ flags: 'FPA', seq: next, data: 10 });
    bed.advance(500);
    assert.equal(bed.peer.sent().at(-1)?.ack, next + 5);
    assert.equal(app.state, 'ESTABLISHED');
    assert.ok(!app.told().includes('peer-closed'));
    app.read();
    bed.peer.sent();
    bed.peer.send({ flags: 'FPA', seq: next + 5, data: 5 });
    bed.advance(500);
    assert.equal(bed.peer.sent().at(-1)?.ack, next + 11);
    assert.equal(app.state, 'CLOSE-WAIT');
  });

  test(`EV-10: a FIN at the window's very edge is cut off [ISN 0x${isn.toString(16)}]`, () => {
    const { bed, app, next } = withWindow(isn, 5);
    bed.peer.send({ flags: 'FPA', seq: next, data: 5 });
    bed.advance(500);
    assert.equal(bed.peer.sent().at(-1)?.ack, next + 5);
    assert.equal(app.state, 'ESTABLISHED');
  });
}

/** Brings a connection to each state; null where RST(RCV.NXT) ends it without an error. */
const STATES: Record<string, { reach(bed: Testbed, app: Application): void; error: string | null }> = {
  ESTABLISHED: { reach: () => {}, error: 'ECONNRESET' },
  'FIN-WAIT-1': { reach: (_bed, app) => app.shutdown(), error: 'ECONNRESET' },
  'FIN-WAIT-2': {
    reach: (bed, app) => {
      app.shutdown();
      bed.peer.ack();
    },
    error: 'ECONNRESET',
  },
  'CLOSE-WAIT': { reach: (bed) => bed.peer.send({ flags: 'FA' }), error: 'EPIPE' },
  CLOSING: {
    reach: (bed, app) => {
      app.shutdown();
      bed.peer.send({ flags: 'FA', ack: 1 });
    },
    error: null,
  },
  'LAST-ACK': {
    reach: (bed, app) => {
      bed.peer.send({ flags: 'FA' });
      app.shutdown();
    },
    error: null,
  },
};
for (const [state, { reach, error }] of Object.entries(STATES)) {
  scenario(`EV-11: RST at RCV.NXT in ${state}`, (bed) => {
    const app = bed.peer.handshake('passive');
    reach(bed, app);
    assert.equal(app.state, state);
    bed.peer.sent();
    app.told();
    bed.peer.send({ flags: 'R' });
    assert.deepEqual(app.told(), error === null ? ['closed'] : ['failed', 'closed']);
    assert.equal(app.error, error);
    assert.deepEqual(bed.connections(), []);
    bed.advance(10_000);
    bed.expectSilence();
  });

  scenario(`RFC 9293 §3.10.7.4: a segment without ACK is dropped in ${state}`, (bed) => {
    const app = bed.peer.handshake('passive');
    reach(bed, app);
    bed.advance(50);
    bed.peer.sent();
    const { received } = app;
    bed.peer.send({ flags: 'P', seq: bed.peer.nxt, data: 10 });
    assert.equal(app.state, state);
    assert.equal(app.received, received);
    bed.peer.expectNothing();
  });

  scenario(
    `EV-20: a SYN in ${state} is answered by an ACK, and the reset that follows is believed`,
    (bed) => {
      const app = bed.peer.handshake('passive');
      reach(bed, app);
      bed.advance(50);
      bed.peer.sent();
      const nxt = bed.peer.nxt;
      bed.peer.send({ flags: 'S', seq: nxt + 5000 });
      const { seq } = bed.peer.expect({ flags: 'A', ack: nxt, length: 0 });
      assert.equal(app.state, state);
      assert.equal(seq, bed.peer.rcvNxt);
      bed.peer.send({ flags: 'R', seq: nxt });
      assert.deepEqual(bed.connections(), []);
    },
  );
}

for (const rfc1337 of ['on', 'off']) {
  scenario(
    `EV-11: RST in TIME-WAIT, timeWait.rfc1337=${rfc1337}`,
    (bed) => {
      const app = bed.peer.handshake('passive');
      app.shutdown();
      bed.peer.ack();
      bed.peer.send({ flags: 'FA' });
      bed.peer.sent();
      bed.peer.send({ flags: 'R' });
      assert.equal(bed.connections().length, rfc1337 === 'on' ? 1 : 0);
      bed.expectSilence();
    },
    { config: { 'timeWait.rfc1337': rfc1337 } },
  );
}

scenario(
  'EV-14: an ACK of what was never sent is answered by an ACK, and its text is not delivered',
  (bed) => {
    const app = bed.peer.handshake('passive');
    for (const ack of [2, 1000, 0x40000000]) {
      bed.peer.send({ flags: 'PA', seq: 1, ack, data: 10 });
      bed.peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
    }
    assert.equal(app.received.length, 0);
    assert.equal(app.tcb.unacked, 0);
  },
);

scenario('EV-14: the text of a segment with an old ACK is delivered', (bed) => {
  const app = bed.peer.handshake('passive');
  app.write(100);
  bed.peer.sent();
  bed.peer.ack();
  bed.peer.send({ flags: 'PA', ack: 51, data: 10 });
  assert.deepEqual(app.received, pattern(0, 10));
});

scenario(
  'EV-15: an older segment does not undo a newer window; the same seq and ack with a new window does',
  (bed) => {
    const app = bed.peer.handshake('passive');
    const wnd = (): number => app.tcb.snd.wnd;
    bed.peer.send({ flags: 'PA', data: 10, wnd: 2000 });
    assert.equal(wnd(), 2000);
    bed.peer.send({ flags: 'A', seq: 10, wnd: 9000 });
    assert.equal(wnd(), 2000, 'SEG.SEQ < SND.WL1');
    bed.peer.send({ flags: 'A', wnd: 3000 });
    assert.equal(wnd(), 3000, 'SEG.SEQ > SND.WL1');
    bed.peer.send({ flags: 'A', wnd: 1000 });
    assert.equal(wnd(), 1000, 'equal SEG.SEQ and SEG.ACK');
    app.write(20);
    bed.peer.sent();
    bed.peer.send({ flags: 'A', wnd: 4000, ack: 21 });
    assert.equal(wnd(), 4000);
    bed.peer.send({ flags: 'A', wnd: 5000, ack: 11 });
    assert.equal(wnd(), 4000, 'SEG.ACK < SND.UNA');
  },
);

scenario('EV-16: a FIN counts once all before it is there', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'FPA', seq: 101, data: 50 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.send({ flags: 'PA', seq: 1, data: 100 });
  assert.deepEqual(app.received, pattern(0, 150));
  assert.equal(app.state, 'CLOSE-WAIT');
  assert.deepEqual(app.told(), ['readable', 'peer-closed']);
  bed.advance(500);
  assert.equal(bed.peer.sent().at(-1)?.ack, 152);
  bed.peer.send({ flags: 'FA', seq: 151 });
  bed.peer.expect({ flags: 'A', ack: 152 });
  assert.deepEqual(app.told(), []);
  assert.equal(app.state, 'CLOSE-WAIT');
});

scenario('EV-17: the FINs cross: CLOSING, then TIME-WAIT with its timer', (bed) => {
  const app = bed.peer.handshake('passive');
  app.shutdown();
  bed.peer.expect({ flags: 'FA', seq: 1 });
  bed.peer.send({ flags: 'FA', ack: 1 });
  assert.equal(app.state, 'CLOSING');
  bed.peer.expect({ flags: 'A', seq: 2, ack: 2 });
  bed.peer.ack(2);
  assert.equal(bed.connections()[0]?.state, 'TIME-WAIT');
  bed.advance(59_999);
  assert.equal(bed.connections().length, 1);
  bed.advance(2);
  assert.equal(bed.connections().length, 0);
});

scenario('EV-17: a FIN that also acknowledges ours goes to TIME-WAIT at once', (bed) => {
  const app = bed.peer.handshake('passive');
  app.shutdown();
  bed.peer.expect({ flags: 'FA', seq: 1 });
  bed.peer.send({ flags: 'FA', ack: 2 });
  bed.peer.expect({ flags: 'A', seq: 2, ack: 2 });
  const [record] = bed.connections();
  assert.equal(record?.state, 'TIME-WAIT');
  assert.ok(Math.abs((record?.timers[0]?.remainingMs ?? 0) - 60_000) < 2);
});

scenario('EV-18: LAST-ACK ends with the ACK of our FIN', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'FA' });
  app.shutdown();
  bed.peer.expect({ flags: 'FA', seq: 1, ack: 2 });
  assert.equal(app.state, 'LAST-ACK');
  bed.peer.ack(1);
  assert.equal(app.state, 'LAST-ACK');
  bed.peer.ack(2);
  assert.deepEqual(bed.connections(), []);
  bed.expectSilence();
});

scenario('EV-18: TIME-WAIT: a bare ACK does not restart 2 MSL', (bed) => {
  const app = bed.peer.handshake('passive');
  app.shutdown();
  bed.peer.ack();
  bed.peer.send({ flags: 'FA' });
  bed.peer.sent();
  bed.advance(40_000);
  bed.peer.ack(2);
  bed.advance(20_001);
  assert.deepEqual(bed.connections(), []);
});

scenario('EV-18: text behind the FIN of the peer is not delivered', (bed) => {
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'FA' });
  bed.peer.send({ flags: 'UPA', data: 10, up: 5 });
  assert.equal(app.received.length, 0);
  assert.deepEqual(app.told(), ['peer-closed']);
  assert.equal(app.state, 'CLOSE-WAIT');
  bed.advance(500);
  assert.ok(bed.peer.sent().every(({ ack }) => ack === 2));
});

scenario('EV-19: CLOSE with data queued: everything, through a zero window, then the FIN', (bed) => {
  const app = bed.peer.handshake('passive', { wnd: 0 });
  assert.equal(app.write(100_000), 100_000);
  app.shutdown();
  assert.throws(() => app.write(1), { code: 'EPIPE' });
  bed.advance(20_000);
  assert.ok(bed.peer.sent().every(({ flags }) => !flags.includes('F')));
  let received = 0;
  bed.peer.ack(1, 20_000);
  for (let round = 0; round < 100 && received < 100_002; round++) {
    for (const { seq, length, flags } of bed.peer.sent()) {
      assert.equal(seq, received + 1, 'in order and once');
      received += length + (flags.includes('F') ? 1 : 0);
    }
    if (received > 0) bed.peer.ack(received + 1, 20_000);
  }
  assert.equal(received, 100_001);
  assert.equal(app.state, 'FIN-WAIT-2');
});

test('EV-19: CLOSE in SYN-SENT deletes the connection', () => {
  const bed = testbed();
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  app.close();
  assert.deepEqual(bed.connections(), []);
  bed.advance(60_000);
  bed.expectSilence();
});

test('RFC 9293 §3.10.2: a SEND in SYN-SENT is queued until the connection is open', () => {
  const bed = testbed();
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S', length: 0 });
  app.write(10);
  bed.peer.expectNothing();
  bed.peer.send({ flags: 'SA' });
  const sent = bed.peer.sent();
  assert.deepEqual(sent.at(-1)?.payload, pattern(0, 10));
  assert.ok(sent.length <= 2);
});

for (const isn of EDGE_ISNS) {
  test(`EV-20: with both windows closed, probes one past the edge have their ACK processed [ISN 0x${isn.toString(16)}]`, () => {
    const { bed, app, next } = withWindow(isn, 0);
    bed.peer.window = 100;
    bed.peer.send({ flags: 'A', wnd: 100 });
    app.write(100);
    bed.peer.expect({ flags: 'PA', seq: 1, length: 100 });
    app.write(200);
    // The peer's probe carries one byte beyond our window, and the ACK of our data, its window closed.
    bed.peer.send({ flags: 'A', seq: next, data: 1, ack: 101, wnd: 0 });
    assert.equal(app.tcb.unacked, 0, 'the ACK was processed');
    for (let i = 0; i < 20; i++) {
      bed.advance(5000);
      bed.peer.sent();
      bed.peer.send({ flags: 'A', seq: next, data: 1, ack: 101, wnd: 0 });
      assert.ok(bed.peer.sent().length <= 2, 'no storm');
    }
    bed.peer.send({ flags: 'A', seq: next, data: 1, ack: 101, wnd: 1000 });
    assert.ok(bed.peer.sent().some(({ seq, length }) => seq === 101 && length === 200));
  });
}
