/** RFC 6298, the retransmission timer, as RFC 9293 §3.8.1 requires it. Times are ms. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

/** The letter of the RFC: RTO = SRTT + max (G, 4·RTTVAR), at least 1 s. */
const STRICT = { profile: 'strict' } as const;

/** A passive open whose SYN,ACK is acknowledged after `rtt`: the first sample. */
function openWithRtt(bed: Testbed, rtt: number): Application {
  bed.listen();
  bed.peer.send({ flags: 'S', options: { mss: 1460 } });
  bed.peer.expect({ flags: 'SA' });
  bed.advance(rtt);
  bed.peer.send({ flags: 'A' });
  return bed.accepted[0] as Application;
}

/** One write that is acknowledged after `rtt`. */
function roundTrip(bed: Testbed, app: Application, rtt: number): void {
  app.write(100);
  bed.peer.sent();
  bed.advance(rtt);
  bed.peer.ack();
}

/** When, from now on, `app`'s next segments come while nothing is answered; ms each. */
function gaps(bed: Testbed, count: number): number[] {
  let last = bed.now;
  const found: number[] = [];
  for (let waited = 0; found.length < count && waited < 4_000_000; waited += 100) {
    bed.advance(100);
    for (const { at } of bed.peer.sent()) {
      found.push(at - last);
      last = at;
    }
  }
  return found.slice(0, count);
}

function assertNear(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length, actual.join(' '));
  actual.forEach((value, i) => {
    assert.ok(
      Math.abs(value - (expected[i] as number)) < 1,
      `${actual.join(' ')}, not ${expected.join(' ')}`,
    );
  });
}

test('RTO-01: before any sample the RTO is 1 s: a SYN is sent again after 1, 2, 4 s', () => {
  const bed = testbed(STRICT);
  bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  assertNear(gaps(bed, 4), [1000, 2000, 4000, 8000]);
});

test('RTO-01: so is a SYN,ACK', () => {
  const bed = testbed(STRICT);
  bed.listen();
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA' });
  assertNear(gaps(bed, 3), [1000, 2000, 4000]);
});

scenario(
  'RTO-02 and RFC 9293 MUST-18: the first sample R: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4·RTTVAR',
  (bed) => {
    const app = openWithRtt(bed, 600);
    assert.equal(app.tcb.rtt.srtt, 600_000);
    assert.equal(app.tcb.rtt.rttvar, 300_000);
    assert.equal(app.tcb.rtt.rto, 1_800_000);
    app.write(10);
    bed.peer.expect({ length: 10 });
    assertNear(gaps(bed, 2), [1800, 3600]);
  },
  STRICT,
);

test('RTO-02: an active open takes its sample from the SYN,ACK', () => {
  const bed = testbed(STRICT);
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.advance(600);
  bed.peer.send({ flags: 'SA' });
  assert.equal(app.tcb.rtt.srtt, 600_000);
});

scenario(
  'RTO-03: RTTVAR with the old SRTT first, then SRTT',
  (bed) => {
    const app = openWithRtt(bed, 600);
    roundTrip(bed, app, 1000);
    const { srtt, rttvar, rto } = app.tcb.rtt;
    assert.deepEqual([srtt, rttvar, rto], [650_000, 325_000, 1_950_000]);
  },
  STRICT,
);

test('RTO-04: the floor is 1 s by the letter', () => {
  const bed = testbed(STRICT);
  const app = openWithRtt(bed, 1);
  assert.equal(app.tcb.rtt.rto, 1_000_000);
  app.write(10);
  bed.peer.expect({ length: 10 });
  assertNear(gaps(bed, 2), [1000, 2000]);
});

test('RTO-04: the default floor is above the longest delayed ACK', () => {
  const bed = testbed();
  const app = openWithRtt(bed, 1);
  const { rtt, config } = app.tcb;
  assert.equal(rtt.rto, 201_000);
  assert.ok(rtt.rto > config.ackDelay);
});

test('RTO-05: backing off ends at the ceiling, which is 60 s or more', () => {
  const bed = testbed(STRICT);
  const app = openWithRtt(bed, 100);
  app.write(10);
  bed.peer.expect({ length: 10 });
  assertNear(
    gaps(bed, 9),
    [1, 2, 4, 8, 16, 32, 64, 120, 120].map((s) => s * 1000),
  );
});

scenario(
  'RTO-06: Karn: no sample from what was sent twice',
  (bed) => {
    const app = openWithRtt(bed, 100);
    const { srtt } = app.tcb.rtt;
    app.write(100);
    bed.peer.expect({ length: 100 });
    bed.advance(1050);
    bed.peer.expect({ length: 100 });
    bed.peer.ack();
    assert.equal(app.tcb.rtt.srtt, srtt);
    assert.equal(app.tcb.rtt.samples, 1);
  },
  STRICT,
);

scenario(
  'RTO-06: with timestamps the echo tells which copy was acknowledged',
  (bed) => {
    const app = bed.peer.handshake('passive', { tsVal: 100, timestamps: [100, 0] });
    const { samples } = app.tcb.rtt;
    app.write(100);
    bed.peer.expect({ length: 100 });
    bed.advance(1050);
    bed.peer.expect({ length: 100 });
    bed.advance(20);
    bed.peer.ack();
    assert.equal(app.tcb.rtt.samples, samples + 1);
  },
  STRICT,
);

test('RTO-07: at least one sample for each round trip', () => {
  const bed = testbed();
  const app = openWithRtt(bed, 50);
  app.write(20_000);
  for (let round = 0; round < 100; round++) {
    const { samples } = app.tcb.rtt;
    app.write(5000);
    bed.advance(50);
    bed.peer.sent();
    bed.peer.ack();
    assert.ok(app.tcb.rtt.samples > samples, `round ${round}`);
  }
});

scenario(
  'RTO-08: the timer starts with the first segment of a burst, and duplicate ACKs do not restart it',
  (bed) => {
    const app = openWithRtt(bed, 100);
    const start = bed.now;
    app.write(100);
    bed.advance(300);
    app.call((tcb) => bed.stack.tcp.setNoDelay(tcb, true));
    app.write(100);
    bed.advance(300);
    bed.peer.sent();
    bed.peer.ack(1);
    bed.advance(200);
    bed.peer.ack(1);
    bed.advance(1000);
    const [again] = bed.peer.sent();
    assert.equal(again?.seq, 1);
    assertNear([(again?.at ?? 0) - start], [1000]);
  },
  STRICT,
);

scenario(
  'RTO-08: an ACK of new data restarts it, and the ACK of all stops it',
  (bed) => {
    const app = openWithRtt(bed, 100);
    app.call((tcb) => bed.stack.tcp.setNoDelay(tcb, true));
    app.write(100);
    app.write(100);
    bed.peer.sent();
    bed.advance(900);
    bed.peer.ack(101);
    const restarted = bed.now;
    const rto = app.tcb.rtt.rto / 1000;
    bed.advance(rto - 1);
    bed.peer.expectNothing();
    bed.advance(2);
    const { at } = bed.peer.expect({ seq: 101 });
    assertNear([at - restarted], [rto]);
    bed.peer.ack();
    bed.advance(600_000);
    bed.peer.expectNothing();
  },
  STRICT,
);

scenario(
  'RTO-09: on expiry the earliest segment is sent again, alone, and the RTO doubles',
  (bed) => {
    const app = openWithRtt(bed, 100);
    app.write(3 * 1460);
    bed.peer.sent();
    const start = bed.now;
    bed.advance(16_000);
    const again = bed.peer.sent();
    assert.ok(again.every(({ seq, length }) => seq === 1 && length === 1460));
    assertNear(
      again.map(({ at }) => at - start),
      [1000, 3000, 7000, 15_000],
    );
  },
  STRICT,
);

for (const kind of ['passive', 'active'] as const) {
  scenario(
    `RTO-10: a SYN that was lost makes the first RTO of data 3 s: ${kind}`,
    (bed) => {
      let app: Application;
      if (kind === 'passive') {
        bed.listen();
        bed.peer.send({ flags: 'S' });
        bed.advance(1100);
        assert.equal(bed.peer.sent().length, 2);
        bed.peer.send({ flags: 'A', ack: 1 });
        app = bed.accepted[0] as Application;
      } else {
        app = bed.connect(bed.peer);
        bed.advance(1100);
        assert.equal(bed.peer.sent().length, 2);
        bed.peer.send({ flags: 'SA', ack: 1 });
        bed.peer.expect({ flags: 'A' });
      }
      app.write(10);
      bed.peer.expect({ length: 10 });
      assertNear(gaps(bed, 1), [3000]);
    },
    STRICT,
  );
}

scenario(
  'RTO-11: the back-off lasts until a new sample: the ACK of a retransmission is none',
  (bed) => {
    const app = openWithRtt(bed, 100);
    app.write(100);
    bed.peer.expect({ length: 100 });
    bed.advance(1000 + 2000 + 4000 + 10);
    assert.equal(bed.peer.sent().length, 3);
    bed.peer.ack();
    assert.equal(app.tcb.rtt.samples, 1);
    app.write(100);
    bed.peer.expect({ length: 100 });
    assertNear(gaps(bed, 1), [8000]);
    bed.peer.ack();
    // A segment sent once: its sample ends the back-off.
    app.write(100);
    bed.peer.expect({ length: 100 });
    bed.advance(100);
    bed.peer.ack();
    assert.equal(app.tcb.rtt.samples, 2);
    app.write(100);
    bed.peer.expect({ length: 100 });
    const [gap] = gaps(bed, 1);
    assert.ok((gap as number) < 1100, `after ${gap} ms`);
  },
  STRICT,
);

test('RTO-11: with a constant round-trip time the RTO stays above it by the clock granularity', () => {
  const bed = testbed({ config: { 'rto.min': '1ms', 'rto.floor': 'whole' } });
  const app = openWithRtt(bed, 50);
  for (let round = 0; round < 200; round++) roundTrip(bed, app, 50);
  assert.ok(app.tcb.rtt.rto >= 50_000 + 1000);
  assert.equal(app.tcb.tally.retransmissions, 0);
});
