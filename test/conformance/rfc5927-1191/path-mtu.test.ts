import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { type Sent, type Testbed, testbed } from '../../support/peer.ts';

const PMTUD = { congestion: 'reno', hystart: 'off', pacing: 'off', sack: 'off', tlp: 'off', rack: 'off' };

/** A connection with ten full segments in flight; returns them. */
function inFlight(): { bed: Testbed; app: Application; sent: Sent[] } {
  const bed = testbed({ config: PMTUD });
  const app = bed.peer.handshake('passive', { mss: 1460 });
  app.write(14_600);
  const sent = bed.peer.sent();
  assert.deepEqual(
    sent.map(({ length }) => length),
    new Array(10).fill(1460),
  );
  return { bed, app, sent };
}

function tooBig(bed: Testbed, about: Sent | undefined, mtu: number): void {
  assert.ok(about !== undefined);
  bed.icmp(3, 4, about.packet, mtu);
}

function longest(segments: readonly Sent[]): number {
  return Math.max(...segments.map(({ packet }) => packet.length));
}

test('PM-01: DF on every packet; a lower next-hop MTU is kept to, with DF still set', () => {
  const { bed, app, sent } = inFlight();
  assert.ok(sent.every(({ dontFragment }) => dontFragment));
  tooBig(bed, sent[0], 1000);
  const again = bed.peer.sent();
  assert.ok(again.length > 0);
  assert.ok(longest(again) <= 1000 && again.every(({ dontFragment }) => dontFragment));
  bed.peer.ack(14_601);
  app.write(20_000);
  assert.equal(longest(bed.peer.sent()), 1000);
  assert.equal(bed.counter('ICMP_PMTU'), 1);
});

for (const mtu of [1, 20, 40, 67, 68, 296, 551]) {
  test(`PM-02, A27: a next-hop MTU of ${mtu} does not go below the floor of 552`, () => {
    const { bed, app, sent } = inFlight();
    tooBig(bed, sent[0], mtu);
    assert.equal(app.tcb.snd.mss, 512);
    assert.equal(longest(bed.peer.sent()), 552);
  });
}

test('PM-03: a larger MTU, or the same, changes nothing', () => {
  const { bed, app, sent } = inFlight();
  for (const mtu of [9000, 65_535, 1500]) tooBig(bed, sent[0], mtu);
  assert.equal(app.tcb.snd.mss, 1460);
  bed.peer.expectNothing();
  tooBig(bed, sent[0], 1000);
  bed.peer.sent();
  tooBig(bed, sent[0], 1400);
  assert.equal(app.tcb.pathMtu, 1000);
});

test('PM-04: an MTU of 0 means the next plateau below the length of the quoted packet', () => {
  const { bed, app, sent } = inFlight();
  tooBig(bed, sent[0], 0);
  assert.equal(app.tcb.pathMtu, 1492);
});

test('PM-05, S27: what was too large is sent again at once, in order, and that is no congestion', () => {
  const { bed, app, sent } = inFlight();
  const { cwnd, ssthresh } = app.tcb.congestion;
  tooBig(bed, sent[0], 1040);
  const again = bed.peer.sent();
  assert.equal(again[0]?.seq, 1);
  assert.equal(again[0]?.length, 1000);
  assert.deepEqual([app.tcb.congestion.cwnd, app.tcb.congestion.ssthresh], [cwnd, ssthresh]);
  assert.equal(app.tcb.retry.retries, 0);
  assert.equal(bed.counter('TCP_RTO'), 0);
  assert.notEqual(app.tcb.recovery.state, 'loss');
  // Everything gets there without a timeout.
  let next = 1;
  let segments = again;
  for (let round = 0; round < 20 && next < 14_601; round++) {
    for (const { seq, length } of segments) if (seq <= next) next = Math.max(next, seq + length);
    bed.advance(10);
    bed.peer.ack(next);
    segments = bed.peer.sent();
  }
  assert.equal(next, 14_601);
  assert.equal(bed.counter('TCP_RTO'), 0);
});

test('PM-06: a quoted number that is not in flight is no message to us', () => {
  const { bed, app, sent } = inFlight();
  const first = sent[0] as Sent;
  bed.peer.ack(1461);
  bed.peer.sent();
  tooBig(bed, first, 1000);
  const future = Uint8Array.from(first.packet);
  new DataView(future.buffer).setUint32(24, (first.rawSeq + 14_600) >>> 0);
  bed.icmp(3, 4, future, 1000);
  assert.equal(app.tcb.snd.mss, 1460);
  assert.equal(bed.counter('ICMP_QUOTE_OUTSIDE'), 2);
  bed.peer.expectNothing();
});

test('PM-06: nor is one with another 4-tuple', () => {
  const { bed, app, sent } = inFlight();
  const first = sent[0] as Sent;
  for (const offset of [20, 22]) {
    const other = Uint8Array.from(first.packet);
    new DataView(other.buffer).setUint16(offset, 999);
    bed.icmp(3, 4, other, 1000);
  }
  assert.equal(app.tcb.snd.mss, 1460);
  assert.equal(bed.counter('ICMP_NO_CONNECTION'), 2);
});

test('PM-06: with nothing in flight no quote can be ours', () => {
  const { bed, app, sent } = inFlight();
  bed.peer.ack();
  for (const segment of sent) tooBig(bed, segment, 1000);
  assert.equal(app.tcb.snd.mss, 1460);
});

test('PM-06: a segment smaller than the MTU that is told cannot have been too big', () => {
  const bed = testbed({ config: PMTUD });
  const app = bed.peer.handshake('passive', { mss: 536 });
  app.write(5000);
  const [first] = bed.peer.sent();
  const before = app.tcb.snd.mss;
  tooBig(bed, first, 1000);
  assert.equal(app.tcb.snd.mss, before);
  bed.peer.expectNothing();
});

test('pmtud=off: DF is clear, and ICMP changes nothing', () => {
  const bed = testbed({ config: { ...PMTUD, pmtud: 'off' } });
  const app = bed.peer.handshake('passive', { mss: 1460 });
  app.write(1460);
  const first = bed.peer.expect({ length: 1460 });
  assert.equal(first.dontFragment, false);
  tooBig(bed, first, 1000);
  assert.equal(app.tcb.snd.mss, 1460);
});

for (const [what, type, code] of [
  ['host unreachable', 3, 1],
  ['protocol unreachable', 3, 2],
  ['port unreachable', 3, 3],
  ['source quench', 4, 0],
  ['time exceeded', 11, 0],
  ['parameter problem', 12, 0],
] as const) {
  test(`RFC 5927 §5, A25: ${what} does not end an established connection`, () => {
    const { bed, app, sent } = inFlight();
    const { cwnd } = app.tcb.congestion;
    bed.icmp(type, code, (sent[0] as Sent).packet);
    assert.equal(app.state, 'ESTABLISHED');
    assert.equal(app.tcb.congestion.cwnd, cwnd);
    bed.peer.ack();
    assert.equal(app.tcb.unacked, 0);
  });
}

test('RFC 5927 §5: port unreachable ends a connection that is being opened, when the SYN is quoted', () => {
  const bed = testbed();
  const app = bed.connect(bed.peer);
  const syn = bed.peer.expect({ flags: 'S' });
  const forged = Uint8Array.from(syn.packet);
  new DataView(forged.buffer).setUint32(24, (syn.rawSeq + 5) >>> 0);
  bed.icmp(3, 3, forged);
  assert.equal(app.state, 'SYN-SENT');
  bed.icmp(3, 3, syn.packet);
  assert.equal(app.state, 'CLOSED');
  assert.equal(app.error, 'ECONNREFUSED');
});
