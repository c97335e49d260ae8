/** The search for the path's size by probes among the data: RFC 4821 §7, RFC 8899 §5. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';

const RTT = 20;

interface Path {
  bed: Testbed;
  app: Application;
  /** Sizes of the packets that carried text, in order. */
  sizes: number[];
  /** Of these, larger than all that the path takes: they were lost. */
  lost: number[];
}

function connected(): Path {
  const bed = testbed({ config: { congestion: 'reno', hystart: 'off' } });
  const app = bed.peer.handshake('passive', { mss: 1460, sackPermitted: true, wscale: 7 });
  return { bed, app, sizes: [], lost: [] };
}

/** Adds a range to sorted, disjoint ones. */
function keep(ranges: [number, number][], left: number, right: number): void {
  ranges.push([left, right]);
  ranges.sort(([a], [b]) => a - b);
  for (let i = ranges.length - 1; i > 0; i--) {
    const [before, range] = [ranges[i - 1], ranges[i]] as [[number, number], [number, number]];
    if (before[1] < range[0]) continue;
    before[1] = Math.max(before[1], range[1]);
    ranges.splice(i, 1);
  }
}

/** All that is out arrives, and then nothing happens for ten minutes. */
function rest(path: Path, most: number): void {
  pass(path, most, 10_000, false);
  path.bed.advance(601_000);
}

/** For `ms` the peer acknowledges, with SACK, what the path lets through: packets of up to `most` bytes. */
function pass({ bed, app, sizes, lost }: Path, most: number, ms: number, writing = true): void {
  const have: [number, number][] = [];
  let acked = app.tcb.snd.una - app.tcb.snd.iss;
  for (let waited = 0; waited < ms; waited += RTT) {
    if (writing) app.write(Math.max(0, 30_000 - app.tcb.unsent));
    else if (app.tcb.unacked === 0) return;
    const sent = bed.peer.sent().filter(({ length }) => length > 0);
    bed.advance(RTT);
    for (const { seq, length, packet } of sent) {
      sizes.push(packet.length);
      if (packet.length > most) {
        lost.push(packet.length);
        continue;
      }
      if (seq <= acked) acked = Math.max(acked, seq + length);
      else keep(have, seq, seq + length);
      while (have[0] !== undefined && have[0][0] <= acked)
        acked = Math.max(acked, (have.shift() as number[])[1] as number);
      const above = have.slice(0, 3);
      // No two at the same instant: what was sent first is told by the clock (RFC 8985 §6.2).
      bed.advance(0.01);
      bed.peer.send({ flags: 'A', ack: acked, options: above.length > 0 ? { sack: above } : {} });
    }
  }
}

test('PM-07, PM-10, RFC 4821 §7.3: behind a black hole the search finds what the path takes, within 32 bytes', () => {
  const path = connected();
  const { bed, app } = path;
  pass(path, 1280, 8000);
  assert.equal(bed.counter('TCP_PMTU_BLACK_HOLE'), 1);
  assert.ok(app.tcb.pathMtu > 1280 - 32 && app.tcb.pathMtu <= 1280, `${app.tcb.pathMtu}`);
  // The search rests: no more is lost for ten minutes, and then it begins again.
  const before = path.lost.length;
  pass(path, 1280, 2000);
  assert.equal(path.lost.length, before);
  rest(path, 1280);
  pass(path, 1500, 2000);
  assert.equal(app.tcb.pathMtu, 1500);
  assert.equal(app.tcb.pathSearch, null);
});

test('PM-10: a size is given up after three probes, and none is larger than what the link and the peer take', () => {
  const path = connected();
  pass(path, 1280, 8000);
  const tried = new Map<number, number>();
  const probes = path.lost.slice(path.lost.lastIndexOf(1064) + 1).filter((size) => size > 1064);
  for (const size of probes) tried.set(size, (tried.get(size) ?? 0) + 1);
  assert.ok(Math.max(...tried.keys()) <= 1500);
  for (const [size, times] of tried) if (size < 1500) assert.ok(times <= 3, `${size} bytes: ${times} times`);
});

test('PM-08, RFC 4821 §7.6: a lost probe is repaired at once in smaller pieces, and changes neither cwnd nor ssthresh', () => {
  const path = connected();
  const { bed, app } = path;
  pass(path, 1064, 8000);
  assert.equal(app.tcb.pathMtu, 1064);
  const { ssthresh } = app.tcb.congestion;
  const repairs = bed.counter('TCP_FAST_RETRANSMIT');
  const timeouts = bed.counter('TCP_RTO');
  rest(path, 1064);
  const before = path.lost.length;
  pass(path, 1064, 2000);
  assert.ok(path.lost.length > before, 'probes were lost');
  assert.equal(bed.counter('TCP_FAST_RETRANSMIT'), repairs, 'no recovery');
  assert.equal(bed.counter('TCP_RTO'), timeouts);
  assert.equal(app.tcb.congestion.ssthresh, ssthresh);
});

test('PM-09: silence that was not about size costs little: full size again with the first probe', () => {
  const path = connected();
  const { bed, app } = path;
  pass(path, 1500, 200);
  pass(path, 0, 4000);
  assert.equal(bed.counter('TCP_PMTU_BLACK_HOLE'), 1);
  pass(path, 1500, 5000);
  assert.equal(app.tcb.pathMtu, 1500);
});

test('PM-10, RFC 8899 §4.6: ICMP about a probe ends it: the search goes on below, the others stay as large', () => {
  const path = connected();
  const { bed, app } = path;
  pass(path, 1064, 8000);
  rest(path, 1064);
  app.write(30_000);
  let probe: Uint8Array | undefined;
  for (let round = 0; round < 20 && probe === undefined; round++) {
    const sent = bed.peer.sent();
    probe = sent.find(({ packet }) => packet.length > 1064)?.packet;
    if (probe === undefined) bed.peer.ack();
  }
  assert.ok(probe !== undefined);
  bed.icmp(3, 4, probe, 1200);
  assert.equal(app.tcb.pathMtu, 1064);
  assert.equal(app.tcb.pathSearch?.high, 1200);
  assert.ok(bed.peer.sent().length > 0, 'its text goes again at once');
});

test('PM-09, RFC 4821 §7.7: a silent black hole, however narrow, lets a transfer through in smaller segments', () => {
  for (const most of [1280, 1064, 1000, 600]) {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { mss: 1460, sackPermitted: true });
    app.write(20_000);
    let acked = 1;
    for (let waited = 0; waited < 60_000 && app.tcb.unacked > 0; waited += 100) {
      for (const { seq, length, packet } of bed.peer.sent()) {
        if (packet.length > most || seq !== acked) continue;
        acked = seq + length;
        bed.peer.ack(acked);
      }
      bed.advance(100);
    }
    assert.equal(acked, 20_001, `${most} bytes`);
  }
});
