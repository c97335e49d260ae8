/** A peer that lies with selective acknowledgments, duplicates and marks of congestion. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { costOf, processorTime, slowdown } from '../../support/budget.ts';
import { pattern } from '../../support/pattern.ts';
import { type Sent, type Testbed, testbed } from '../../support/peer.ts';

const MSS = 1000;
const PLAIN: Record<string, ConfigValue> = { congestion: 'reno', hystart: 'off', pacing: 'off', tlp: 'off' };

interface Sender {
  bed: Testbed;
  app: Application;
}

/** A connection that has agreed on SACK. */
function sender(config: Record<string, ConfigValue> = {}, mss = MSS): Sender {
  const bed = testbed({ config: { ...PLAIN, ...config } });
  return { bed, app: bed.peer.handshake('passive', { mss, sackPermitted: true, wscale: 7 }) };
}

/** A sender with `segments` in flight, none of them acknowledged. */
function inFlight(segments: number, mss: number): Sender {
  const sending = sender({ 'buffer.send': '16M' }, mss);
  const { bed, app } = sending;
  const size = app.tcb.snd.mss;
  app.tcb.congestion.cwnd = segments * size;
  app.write(segments * size);
  assert.equal(bed.peer.sent().length, segments);
  return sending;
}

/** ACKs whose blocks each tell of one segment in `step`, all over what is in flight. */
function alternating({ bed, app }: Sender, count: number, step: number): Uint8Array[] {
  const una = app.tcb.snd.una - app.tcb.snd.iss;
  const size = app.tcb.snd.mss;
  const segments = app.tcb.unacked / size;
  const packets: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const sack = [0, 1, 2, 3].map((block) => {
      const left = una + (1 + ((step * (4 * i + block)) % (segments - 1))) * size;
      return [left, left + size] as const;
    });
    packets.push(bed.peer.build({ flags: 'A', ack: una, options: { sack } }));
  }
  return packets;
}

test('E04: with the least MSS and a queue of megabytes, no count of segments overflows, sacked or sent again', () => {
  const { bed, app } = inFlight(70_000, 48);
  const una = app.tcb.snd.una;
  const cost = costOf(bed, () => {
    for (const packet of alternating({ bed, app }, 20_000, 2)) bed.inject(packet);
    for (let i = 0; i < 5; i++) bed.advance(2000);
  });
  const { pipe, sacked, lost, resent, total, count } = app.tcb.inFlight;
  assert.equal(app.state, 'ESTABLISHED');
  assert.equal(app.tcb.snd.una, una);
  assert.ok(count >= 70_000 && total === app.tcb.unacked);
  for (const sum of [pipe, sacked, lost, resent]) assert.ok(sum >= 0 && sum <= total, `${sum} of ${total}`);
  assert.ok(cost.grown.memory <= 0 && cost.grown.timers <= 0);
});

test('E04: one segment sent again as often as the options allow is still given up in the end', () => {
  const { bed, app } = sender({ 'retries.data': 255, 'rto.max': '1s', 'rto.initial': '1s' });
  app.write(MSS);
  const cost = costOf(bed, () => bed.advance(400_000));
  assert.ok(cost.sent >= 255 && cost.sent <= 257, `${cost.sent} packets`);
  assert.deepEqual([app.state, app.error], ['CLOSED', 'ETIMEDOUT']);
  assert.equal(bed.stack.tcp.stats.memory, 0);
});

test('E05, S40: the price of an ACK does not grow with what is in flight, whatever its SACK blocks say', () => {
  const few = inFlight(500, MSS);
  const many = inFlight(8000, MSS);
  const flood = (sending: Sender): (() => void) => {
    const packets = alternating(sending, 400, 2);
    return () => {
      for (let i = 0; i < 8000; i++) sending.bed.inject(packets[i % packets.length] as Uint8Array);
    };
  };
  const ratio = slowdown(flood(few), flood(many));
  assert.ok(ratio < 6, `sixteen times as much in flight makes an ACK ${ratio.toFixed(1)} times as dear`);
  assert.equal(many.app.state, 'ESTABLISHED');
});

test('E05: the last segment SACKed and ACKs that creep: each looks at a few records, not at all', () => {
  const creep = (segments: number): number => {
    const { bed, app } = inFlight(segments, 48);
    const una = app.tcb.snd.una - app.tcb.snd.iss;
    const size = app.tcb.snd.mss;
    const last = una + segments * size;
    const sack = [[last - size, last]] as const;
    bed.advance(5);
    bed.device.onPacket(null);
    const packets = Array.from({ length: 1500 }, (_, i) =>
      bed.peer.build({ flags: 'A', ack: una + i * size, options: { sack } }),
    );
    return processorTime(() => {
      for (const packet of packets) bed.inject(packet);
    });
  };
  const least = (segments: number): number => Math.min(...[1, 2, 3].map(() => creep(segments)));
  creep(2000);
  // The first of them may look at all that was sent before; to do so each time would be twenty times the work.
  const ratio = least(40_000) / least(2000);
  assert.ok(ratio < 8, `twenty times as much in flight makes an ACK ${ratio.toFixed(1)} times as dear`);
});

test('E05, S40: four hundred thousand SACK blocks of alternating segments: few segments go, and no memory', () => {
  const sending = inFlight(2000, MSS);
  const { bed, app } = sending;
  const packets = alternating(sending, 1000, 2);
  const cost = costOf(bed, () => {
    for (let i = 0; i < 100_000; i++) bed.inject(packets[i % packets.length] as Uint8Array);
  });
  assert.ok(cost.sent <= 2000, `${cost.sent} segments`);
  assert.deepEqual({ ...cost.grown, memory: 0 }, { ...cost.grown, memory: 0, timers: 0, flows: 0 });
  assert.ok(cost.grown.memory <= 0);
  assert.ok(app.tcb.inFlight.count <= 2 * 2000, `${app.tcb.inFlight.count} records`);
});

test('E06: a peer that has told of data by SACK and forgets it gets all of it again', () => {
  const { bed, app } = sender({ iw: 10 });
  app.write(10 * MSS);
  bed.peer.sent();
  for (let right = 2; right <= 10; right++) {
    bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[MSS + 1, right * MSS + 1]] } });
  }
  // From here on nothing of what was told is true.
  const received = new Uint8Array(10 * MSS);
  let next = 1;
  bed.peer.sent();
  for (let round = 0; round < 60 && next <= 10 * MSS; round++) {
    bed.advance(1000);
    for (const { seq, length, payload } of bed.peer.sent()) {
      if (seq > next || seq + length <= next) continue;
      received.set(payload, seq - 1);
      next = seq + length;
    }
    bed.peer.ack(next);
  }
  assert.equal(next, 10 * MSS + 1);
  assert.deepEqual(received, pattern(0, 10 * MSS));
  assert.equal(app.tcb.unacked, 0);
});

/** Loses the first segment of a flight, has it repaired, and returns what was sent again. */
function repair({ bed, app }: Sender): Sent[] {
  app.write(10 * MSS);
  bed.advance(50);
  const start = app.tcb.snd.una - app.tcb.snd.iss;
  bed.peer.sent();
  for (let right = 2; right <= 6; right++) {
    bed.peer.send({
      flags: 'A',
      ack: start,
      options: { sack: [[start + MSS, start + right * MSS]] },
    });
  }
  // At once, or after a reordering window, which is never wider than a round trip (RFC 8985 §6.2).
  const again = bed.peer.sent();
  bed.advance(50);
  again.push(...bed.peer.sent());
  bed.peer.ack();
  // RFC 6582 §3.2 step 2: an ACK above `recover` before the next fast retransmit.
  app.write(MSS);
  bed.advance(50);
  bed.peer.ack();
  bed.peer.sent();
  return again;
}

test('E08: DSACKs that are lies neither undo the answer to a loss again and again nor blind us to the next one', () => {
  const sending = sender({ iw: 10 });
  const { bed, app } = sending;
  bed.advance(50);
  repair(sending);
  const { cwnd } = app.tcb.congestion;
  const una = app.tcb.snd.una - app.tcb.snd.iss;
  const cost = costOf(bed, () => {
    for (let i = 0; i < 1000; i++) {
      const left = 1 + ((i * MSS) % (una - 1));
      bed.peer.send({ flags: 'A', ack: una, options: { sack: [[left, left + MSS]] } });
    }
  });
  assert.equal(cost.sent, 0);
  assert.ok(app.tcb.congestion.cwnd <= Math.max(cwnd, 10 * MSS), 'no more than before the loss');
  const again = repair(sending);
  assert.ok(
    again.some(({ seq, length }) => seq === una && length === MSS),
    'the next loss is found by its SACK blocks',
  );
});

/** A sender that has agreed on ECN, and always has more to send. */
function marking(): Sender {
  const bed = testbed({ config: { ...PLAIN, iw: 10, 'buffer.send': '16M' } });
  bed.listen(7);
  bed.peer.send({ flags: 'SEC', options: { mss: MSS, sackPermitted: true, wscale: 7 } });
  bed.peer.expect({ flags: 'SAE' });
  bed.peer.send({ flags: 'A' });
  const [app] = bed.accepted;
  assert.ok(app);
  app.write(1000 * MSS);
  return { bed, app };
}

test('E09: ECE on every ACK, with ECN agreed: one reduction for each window, never below a segment for each time-out', () => {
  const { bed, app } = marking();
  const { congestion } = app.tcb;
  const windows: number[] = [];
  let received = 1;
  const begin = bed.now;
  for (let turn = 0; turn < 2000 && windows.length < 40; turn++) {
    bed.advance(10);
    const sent = bed.peer.sent();
    for (const { seq, length } of sent) {
      assert.equal(seq, received, 'in order, and nothing twice');
      received = seq + length;
      for (let i = 0; i < 20; i++) bed.peer.send({ flags: 'AE', ack: received, tos: 3 });
    }
    if (sent.length > 0) windows.push(congestion.cwnd);
  }
  assert.deepEqual(windows.slice(0, 4), [5000, 2500, 1000, 1000]);
  assert.ok(windows.every((window) => window >= MSS));
  assert.equal(bed.counter('TCP_ECN_REDUCTION'), windows.length);
  assert.equal(bed.counter('TCP_RETRANSMIT'), 0);
  // A segment for each RTO of 200 ms, no backing off: the connection is slow and goes on.
  const rtos = (bed.now - begin) / 200;
  assert.ok(received >= MSS * rtos * 0.8, `${received} bytes in ${rtos} RTOs`);
  for (let round = 0; round < 30; round++) {
    bed.advance(20);
    bed.peer.ack();
  }
  assert.ok(congestion.cwnd > 5 * MSS, `and fast again when the spam ends: ${congestion.cwnd}`);
  assert.equal(app.state, 'ESTABLISHED');
});

test('E09: marks on all that the peer sends, and CWR, cost an ACK each at most, and change nothing of ours', () => {
  const { bed, app } = marking();
  bed.advance(50);
  bed.peer.sent();
  const { cwnd } = app.tcb.congestion;
  const packets = Array.from({ length: 500 }, (_, i) =>
    bed.peer.build({ flags: ['PA', 'PAC'][i % 2] as string, data: 10, tos: 3, ack: 1 }),
  );
  const cost = costOf(bed, () => {
    for (const packet of packets) bed.inject(packet);
  });
  assert.equal(app.received.length, 5000);
  assert.ok(cost.sent <= 500, `${cost.sent} packets`);
  assert.ok(cost.grown.memory <= 0 && cost.grown.timers <= 1);
  assert.equal(app.tcb.congestion.cwnd, cwnd);
});

test('E09: ECE on every ACK of a connection without ECN changes nothing, and CE is not echoed', () => {
  const windows = ['A', 'AE', 'ACE'].map((flags) => {
    const { bed, app } = sender({ iw: 10, ecn: 'off' });
    for (let round = 0; round < 20; round++) {
      app.write(10 * MSS);
      for (const { seq, length } of bed.peer.sent()) bed.peer.send({ flags, ack: seq + length, tos: 3 });
      bed.peer.send({ flags: flags === 'A' ? 'PA' : `P${flags}`, data: 10, tos: 3 });
      bed.advance(50);
      for (const segment of bed.peer.sent()) {
        assert.ok(!/[EC]/.test(segment.flags), segment.flags);
        assert.equal(segment.tos & 3, 0, 'no segment claims to be of an ECN-capable transport');
      }
      bed.peer.send({ flags, ack: bed.peer.rcvNxt });
    }
    const { cwnd, ssthresh } = app.tcb.congestion;
    return [cwnd, ssthresh, app.received.length];
  });
  assert.deepEqual(windows[1], windows[0]);
  assert.deepEqual(windows[2], windows[0]);
});

test('S34: the first hole is sent again once, though time and the third duplicate both call for it', () => {
  for (const wait of [0, 5, 20, 60, 150]) {
    const sending = sender({ iw: 10 });
    const { bed, app } = sending;
    bed.advance(50);
    repair(sending);
    const start = app.tcb.snd.una - app.tcb.snd.iss;
    app.write(4 * MSS);
    bed.advance(50);
    bed.peer.sent();
    let times = 0;
    for (let right = 2; right <= 4; right++) {
      bed.peer.send({ flags: 'A', ack: start, options: { sack: [[start + MSS, start + right * MSS]] } });
      bed.advance(right === 3 ? wait : 1);
      times += bed.peer.sent().filter(({ seq }) => seq === start).length;
    }
    assert.equal(times, 1, `${wait} ms between the second and the third`);
  }
});

test('S25, CU-02: with CUBIC an ACK of new data never lowers cwnd, whatever the time since the last loss', () => {
  for (const pause of [0, 1, 50, 200, 700, 5000]) {
    const sending = sender({ congestion: 'cubic', iw: 10 });
    const { bed, app } = sending;
    for (let losses = 0; losses < 4; losses++) {
      repair(sending);
      for (let round = 0; round < 12; round++) {
        bed.advance(pause);
        app.write(40 * MSS);
        for (const { seq, length } of bed.peer.sent()) {
          bed.advance(3);
          const { cwnd } = app.tcb.congestion;
          bed.peer.ack(seq + length);
          assert.ok(app.tcb.congestion.cwnd >= cwnd, `${cwnd} became ${app.tcb.congestion.cwnd}`);
        }
        bed.peer.ack();
      }
    }
    assert.equal(app.state, 'ESTABLISHED');
  }
});
