import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Testbed, testbed } from '../../support/peer.ts';

function issOf(bed: Testbed, port: number, peerAddress = '10.9.0.1', peerPort = 80): number {
  const peer = bed.newPeer({ address: peerAddress, port: peerPort });
  bed.connect(peer, { localPort: port });
  return peer.expect({ flags: 'S' }).rawSeq;
}

test('IS-01: the ISN moves 250,000 a second for the same 4-tuple', () => {
  const first = issOf(testbed({ start: 1_000_000_000 }), 5000);
  const later = issOf(testbed({ start: 1_001_000_000 }), 5000);
  assert.equal((later - first) | 0, 250_000);
});

test('IS-01: a SYN sent again has the same ISN', () => {
  const bed = testbed();
  bed.connect(bed.peer);
  bed.advance(8000);
  const sent = bed.peer.sent();
  assert.ok(sent.length >= 3);
  assert.equal(new Set(sent.map(({ rawSeq }) => rawSeq)).size, 1);
});

test('IS-01, D07: ISNs of neighbouring 4-tuples and of two boots are unrelated', () => {
  const values: number[] = [];
  for (const seed of [1, 2]) {
    const bed = testbed({ seed });
    for (const port of [5000, 5001, 5002, 5003]) values.push(issOf(bed, port));
  }
  const steps = values.slice(1).map((value, i) => (value - (values[i] as number)) | 0);
  assert.equal(new Set(steps).size, steps.length);
  assert.ok(steps.every((step) => Math.abs(step) > 100_000));
});

test('IS-01, D07: each part of the 4-tuple counts', () => {
  const bed = testbed();
  const base = issOf(bed, 5000);
  for (const other of [issOf(bed, 5001), issOf(bed, 5000, '10.9.0.3'), issOf(bed, 5000, '10.9.0.1', 81)]) {
    assert.ok(Math.abs((other - base) | 0) > 1000);
  }
});

test('IS-01: both bits at the top of the ISN are used', () => {
  const bed = testbed();
  const tops = new Set<number>();
  for (let port = 2000; port < 2200; port++) tops.add(issOf(bed, port) >>> 29);
  assert.equal(tops.size, 8);
});

test('IS-02: a 4-tuple opened again in TIME-WAIT starts above the old SND.NXT, though the ISN clock is behind it', () => {
  const bed = testbed({ config: { 'buffer.send': '4M', 'buffer.autoTuning': 'off', congestion: 'reno' } });
  const app = bed.peer.handshake('passive', { wscale: 10 });
  const size = 1_000_000;
  for (let written = 0; written < size; ) {
    written += app.write(Math.min(100_000, size - written));
    bed.advance(1);
    for (let guard = 0; guard < 50 && app.tcb.unacked > 0; guard++) bed.peer.ack();
    bed.peer.sent();
  }
  assert.equal(bed.peer.rcvNxt, size + 1);
  app.shutdown();
  bed.peer.expect({ flags: 'FA' });
  bed.peer.send({ flags: 'FA' });
  bed.peer.expect({ flags: 'A' });
  const oldNext = ((bed.peer.iss as number) + bed.peer.rcvNxt) >>> 0;
  bed.peer.send({ flags: 'S', seq: bed.peer.nxt + 100 });
  const { rawSeq } = bed.peer.expect({ flags: 'SA' });
  assert.ok(((rawSeq - oldNext) | 0) > 0);
});

test('PT-01: ephemeral ports stay in their range, spread over it, and leave listeners alone', () => {
  const bed = testbed({ config: { ports: '2000-2999' } });
  for (let port = 2000; port < 2500; port++) bed.listen(port);
  const seen = new Set<number>();
  for (let i = 0; i < 400; i++) seen.add(bed.connect(bed.newPeer({ port: 80 + i })).tcb.localPort);
  for (const port of seen) assert.ok(port >= 2500 && port <= 2999, `${port}`);
  assert.ok(seen.size > 150, `${seen.size} different ports`);
});

test('PT-02, D08: the ports toward two destinations begin at unrelated places', () => {
  const starts: number[] = [];
  for (let i = 0; i < 8; i++) {
    const bed = testbed();
    starts.push(bed.connect(bed.newPeer({ address: `10.9.0.${10 + i}`, port: 80 })).tcb.localPort);
  }
  const sorted = [...starts].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((port, i) => port - (sorted[i] as number));
  assert.ok(gaps.filter((gap) => gap > 100).length >= 5, `${sorted.join(' ')}`);
});

test('PT-02: two boots choose differently', () => {
  const ports = [1, 2, 3, 4]
    .map((seed) => testbed({ seed }))
    .map((bed) => bed.connect(bed.peer).tcb.localPort);
  assert.equal(new Set(ports).size, 4);
});

test('PT-02: one local port may serve several peers', () => {
  const bed = testbed({ config: { ports: '4000-4000' } });
  assert.equal(bed.connect(bed.newPeer({ port: 80 })).tcb.localPort, 4000);
  assert.equal(bed.connect(bed.newPeer({ port: 81 })).tcb.localPort, 4000);
});

test('PT-03, C20: when every port toward a peer is taken the open fails, and the search has an end', () => {
  const bed = testbed({ config: { ports: '4000-4099' } });
  const peer = bed.newPeer({ port: 80 });
  for (let i = 0; i < 100; i++) bed.connect(peer);
  assert.throws(() => bed.connect(peer), { code: 'EADDRNOTAVAIL' });
  assert.equal(bed.stack.tcp.stats.connections, 100);
  bed.connect(bed.newPeer({ port: 81 }));
});

test('PT-03, C20: ports in TIME-WAIT are taken, too', () => {
  const bed = testbed({ config: { ports: '4000-4001' } });
  for (let i = 0; i < 2; i++) {
    const peer = bed.newPeer({ port: 80 });
    const app = bed.connect(peer);
    const used = bed.peer.port;
    assert.notEqual(used, 0);
    peer.stackPort = app.tcb.localPort;
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'SA' });
    app.shutdown();
    peer.sent();
    peer.send({ flags: 'FA' });
    peer.sent();
  }
  assert.equal(bed.stack.tcp.stats.timeWait, 2);
  assert.throws(() => bed.connect(bed.newPeer({ port: 80 })), { code: 'EADDRNOTAVAIL' });
});
