/** RFC 9293 §3.4.1, §3.5, §3.9.1.1, §3.9.2.3: initial sequence numbers and opening. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Testbed, type TestbedOptions, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';
import { address } from '../../support/segment.ts';

/** ISS of an active open from `localPort` at `seconds` after the start. */
function iss(localPort: number, seconds: number, options: TestbedOptions = {}): number {
  const bed = testbed(options);
  bed.advance(seconds * 1000);
  bed.connect(bed.peer, { localPort });
  return bed.peer.expect({ flags: 'S' }).rawSeq;
}

test('RFC 9293 MUST-8: the ISN of one four-tuple advances by one every 4 µs', () => {
  assert.equal((iss(5000, 1) - iss(5000, 0)) >>> 0, 250_000);
  assert.equal((iss(5000, 3600) - iss(5000, 0)) >>> 0, 900_000_000);
});

test('RFC 9293 MUST-8: the ISN clock runs through all 2^32 numbers in 4.77 h and goes on', () => {
  const period = (2 ** 32 * 4) / 1e6;
  assert.equal((iss(5000, period) - iss(5000, 0)) >>> 0, 0);
  assert.equal((iss(5000, period + 1) - iss(5000, 0)) >>> 0, 250_000);
});

test('RFC 9293 SHLD-1 and MUST-9: ISNs of different four-tuples and of different secrets are unrelated', () => {
  const byPort = Array.from({ length: 64 }, (_, i) => iss(5000 + i, 0));
  const bySecret = Array.from({ length: 64 }, (_, i) => iss(5000, 0, { seed: 100 + i }));
  for (const isns of [byPort, bySecret]) {
    assert.equal(new Set(isns).size, isns.length);
    const steps = isns.slice(1).map((isn, i) => (isn - (isns[i] as number)) >>> 0);
    assert.equal(new Set(steps).size, steps.length, 'no constant step');
    const ones = isns.reduce((sum, isn) => sum + isn.toString(2).replaceAll('0', '').length, 0) / isns.length;
    assert.ok(ones > 13 && ones < 19, `${ones} of 32 bits are set on average`);
  }
});

test('RFC 9293 SHLD-1: a passive open uses the same generator', () => {
  const bed = testbed();
  const other = testbed();
  for (const one of [bed, other]) {
    one.listen();
    one.peer.send({ flags: 'S' });
  }
  const first = bed.peer.expect({ flags: 'SA' }).rawSeq;
  assert.equal(other.peer.expect({ flags: 'SA' }).rawSeq, first, 'keyed, not random');
  const later = testbed();
  later.advance(10);
  later.listen();
  later.peer.send({ flags: 'S' });
  assert.equal((later.peer.expect({ flags: 'SA' }).rawSeq - first) >>> 0, 2500);
});

scenario('RFC 9293 MUST-10: simultaneous open, completed by the SYN,ACK of the peer', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'S', options: { mss: 1000 } });
  bed.peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  assert.equal(app.state, 'SYN-RECEIVED');
  bed.peer.send({ flags: 'SA', seq: 0, ack: 1, options: { mss: 1000 } });
  assert.equal(app.state, 'ESTABLISHED');
  assert.deepEqual(app.told(), ['opened']);
  assert.equal(bed.connections().length, 1);
  bed.advance(100);
  for (const segment of bed.peer.sent())
    assert.deepEqual([segment.flags, segment.seq, segment.ack], ['A', 1, 1]);
  app.write(5);
  bed.peer.expect({ flags: 'PA', seq: 1, ack: 1, length: 5 });
});

scenario('RFC 9293 MUST-10: simultaneous open, completed by a bare ACK', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  bed.peer.send({ flags: 'A', ack: 1 });
  assert.equal(app.state, 'ESTABLISHED');
  assert.equal(bed.connections().length, 1);
  bed.peer.expectNothing();
});

scenario(
  'RFC 9293 MUST-11: a reset in SYN-RECEIVED: who listened goes on listening and hears nothing',
  (bed) => {
    bed.listen();
    bed.peer.send({ flags: 'S' });
    bed.peer.expect({ flags: 'SA' });
    assert.equal(bed.connections()[0]?.state, 'SYN-RECEIVED');
    bed.peer.send({ flags: 'R' });
    assert.deepEqual(bed.connections(), []);
    assert.deepEqual(bed.accepted, []);
    bed.newPeer().handshake('passive');
    bed.advance(60_000);
    bed.expectSilence();
  },
);

scenario('RFC 9293 MUST-11: a reset in SYN-RECEIVED: who opened actively is refused', (bed) => {
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'R' });
  assert.deepEqual(app.told(), ['failed', 'closed']);
  assert.equal(app.error, 'ECONNREFUSED');
  assert.deepEqual(bed.connections(), []);
});

test('RFC 9293 MUST-41: a passive OPEN leaves existing connections alone, and a second one is an error', () => {
  const bed = testbed();
  const app = bed.peer.handshake('active', { port: 7 });
  bed.listen(7);
  assert.equal(app.state, 'ESTABLISHED');
  app.write(3);
  bed.peer.expect({ flags: 'PA', length: 3 });
  bed.newPeer().handshake('passive');
  assert.throws(() => bed.listen(7), { code: 'EADDRINUSE' });
  assert.equal(app.state, 'ESTABLISHED');
});

test('RFC 9293 MUST-42: LISTEN on a port from which an active OPEN is under way', () => {
  const bed = testbed();
  const app = bed.connect(bed.peer, { localPort: 7 });
  bed.peer.expect({ flags: 'S' });
  bed.listen(7);
  bed.newPeer().handshake('passive');
  bed.peer.send({ flags: 'SA' });
  bed.peer.expect({ flags: 'A' });
  assert.equal(app.state, 'ESTABLISHED');
});

const TWO = { addresses: ['10.9.0.2/24', '10.9.0.3/24'] };

test('RFC 9293 MUST-43: a passive OPEN takes a local address', () => {
  const bed = testbed(TWO);
  bed.listen(7, { address: '10.9.0.3' });
  bed.peer.send({ flags: 'S' });
  bed.peer.expect({ flags: 'RA', ack: 1 });
  bed.newPeer({ stackAddress: '10.9.0.3' }).handshake('passive');
  assert.throws(() => bed.listen(8, { address: '10.9.0.77' }), { code: 'EADDRNOTAVAIL' });
});

test('RFC 9293 MUST-43 and MUST-44: an active OPEN takes a local address, or asks IP for one', () => {
  const bed = testbed(TWO);
  bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  const other = bed.newPeer({ stackAddress: '10.9.0.3' });
  bed.connect(other, { localAddress: address('10.9.0.3') | 0 });
  other.expect({ flags: 'S' });
  assert.throws(() => bed.connect(bed.peer, { localAddress: address('10.9.0.77') | 0 }), {
    code: 'EADDRNOTAVAIL',
  });
});

test('RFC 9293 MUST-44: IP chooses the address of the subnet of the destination', () => {
  const bed = testbed({ addresses: ['192.168.5.1/24', '10.9.0.2/24'] });
  bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
});

test('RFC 9293 MUST-45: a connection keeps the local address that its SYN was sent to', () => {
  const bed = testbed(TWO);
  const peer = bed.newPeer({ stackAddress: '10.9.0.3' });
  const app = peer.handshake('passive');
  app.write(10);
  peer.expect({ length: 10 });
  app.shutdown();
  peer.expect({ flags: 'FA' });
  bed.peer.expectNothing();
});

for (const destination of [
  '224.0.0.1',
  '239.255.255.255',
  '255.255.255.255',
  '10.9.0.255',
  '0.0.0.0',
  '240.0.0.1',
]) {
  test(`RFC 9293 MUST-46: an OPEN to ${destination} is refused`, () => {
    const bed = testbed();
    assert.throws(
      () => bed.connect(bed.newPeer({ address: destination })),
      (error: { code?: string }) =>
        ['EINVAL', 'ENETUNREACH', 'EACCES', 'EADDRNOTAVAIL'].includes(error.code ?? ''),
    );
    bed.advance(5000);
    bed.expectSilence();
    assert.deepEqual(bed.packets, []);
  });
}

/** Nothing is sent, nothing is kept. */
function expectIgnored(bed: Testbed): void {
  bed.advance(5000);
  bed.expectSilence();
  assert.deepEqual(bed.packets, []);
  assert.deepEqual(bed.connections(), []);
}

for (const destination of ['255.255.255.255', '224.0.0.1', '10.9.0.255', '10.9.0.0']) {
  test(`RFC 9293 MUST-57: segments to ${destination} are dropped without a word`, () => {
    const bed = testbed();
    bed.listen();
    bed.peer.send({ flags: 'S', seq: 0, destination });
    bed.peer.send({ flags: 'S', seq: 0, destination, destinationPort: 9 });
    bed.peer.send({ flags: 'A', seq: 0, ack: 5, destination, data: 3 });
    expectIgnored(bed);
  });
}

for (const source of [
  '0.0.0.0',
  '127.0.0.1',
  '224.0.0.9',
  '255.255.255.255',
  '10.9.0.255',
  '10.9.0.2',
  '240.0.0.1',
]) {
  test(`RFC 9293 MUST-63: a SYN from ${source} is ignored`, () => {
    const bed = testbed();
    bed.listen();
    bed.peer.send({ flags: 'S', seq: 0, source });
    bed.peer.send({ flags: 'S', seq: 0, source, destinationPort: 9 });
    expectIgnored(bed);
  });
}
