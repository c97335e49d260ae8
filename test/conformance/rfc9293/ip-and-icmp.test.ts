/** RFC 9293 §3.9.1.8, §3.9.1.9, §3.9.2: type of service, IP options, ICMP errors. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Testbed, testbed } from '../../support/peer.ts';

test('RFC 9293 MUST-48 and SHLD-22: the DSCP is in every segment of the connection, retransmissions, ACKs and FIN too', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.call((tcb) => bed.stack.tcp.setTos(tcb, 0xb8));
  app.write(10);
  bed.advance(3000);
  bed.peer.ack();
  bed.peer.send({ flags: 'PA', data: 10 });
  bed.advance(1000);
  app.shutdown();
  const sent = bed.peer.sent();
  assert.ok(sent.length > 4);
  for (const { flags, tos } of sent) assert.equal(tos & 0xfc, 0xb8, flags);
  assert.ok(
    sent.every(({ tos }) => (tos & 3) === 0),
    'without ECN the ECN bits are clear',
  );
});

test('RFC 9293 SHLD-21: the DSCP may change during the connection', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  for (const tos of [0, 0x28, 0xb8, 0]) {
    app.call((tcb) => bed.stack.tcp.setTos(tcb, tos));
    app.write(10);
    bed.peer.expect({ length: 10, tos });
    bed.peer.ack();
  }
});

const IGNORED: Record<string, number[]> = {
  'router alert': [0x94, 4, 0, 0],
  'an unknown one': [0x1e, 8, 1, 2, 3, 4, 5, 6],
  NOPs: [1, 1, 1, 1],
  'end of list': [0, 0, 0, 0],
  security: [0x82, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
};
for (const [name, ipOptions] of Object.entries(IGNORED)) {
  test(`RFC 9293 MUST-50: TCP ignores IP options that it does not know: ${name}`, () => {
    const bed = testbed();
    bed.listen();
    bed.peer.send({ flags: 'S', ipOptions });
    bed.peer.expect({ flags: 'SA' });
    bed.peer.send({ flags: 'A', ipOptions });
    bed.peer.send({ flags: 'PA', data: 5, ipOptions });
    assert.equal(bed.accepted[0]?.received.length, 5);
  });
}

for (const [name, kind] of [
  ['loose', 0x83],
  ['strict', 0x89],
] as const) {
  test(`RFC 9293 §3.9.2.1: a segment with a ${name} source route is dropped and counted`, () => {
    const bed = testbed();
    bed.listen();
    bed.peer.send({ flags: 'S', ipOptions: [kind, 7, 8, 10, 9, 0, 9, 0] });
    bed.peer.expectNothing();
    assert.deepEqual(bed.connections(), []);
    assert.equal(bed.counter('IP_SOURCE_ROUTE'), 1);
  });
}

/** The last packet that the stack sent: an ICMP error quotes it. */
function lastPacket(bed: Testbed): Uint8Array {
  return bed.packets.at(-1) as Uint8Array;
}

const SOFT = [
  [3, 0],
  [3, 1],
  [3, 5],
  [3, 9],
  [3, 13],
  [11, 0],
  [11, 1],
  [12, 0],
  [12, 1],
] as const;

for (const [type, code] of SOFT) {
  test(`RFC 9293 MUST-47 and MUST-54 and SHLD-25 and MUST-56: ICMP ${type}/${code} is told and aborts nothing`, () => {
    const bed = testbed();
    const app = bed.peer.handshake('passive');
    const other = bed.newPeer();
    const untouched = other.handshake('passive');
    app.write(10);
    bed.peer.expect({ length: 10 });
    app.told();
    bed.icmp(type, code, lastPacket(bed));
    assert.deepEqual(app.told(), ['soft-error']);
    assert.notEqual(app.tcb.softError, null);
    assert.equal(app.state, 'ESTABLISHED');
    assert.ok(!untouched.told().includes('soft-error'), 'only the connection that is quoted');
    bed.advance(1500);
    assert.ok(
      bed.peer.sent().some(({ seq, length }) => seq === 1 && length === 10),
      'retransmission goes on',
    );
    bed.peer.ack();
    assert.equal(app.tcb.unacked, 0);
  });

  test(`RFC 9293 MUST-56: ICMP ${type}/${code} does not end an active open`, () => {
    const bed = testbed();
    const app = bed.connect(bed.peer);
    bed.peer.expect({ flags: 'S' });
    bed.icmp(type, code, lastPacket(bed));
    assert.equal(app.state, 'SYN-SENT');
    bed.peer.send({ flags: 'SA' });
    assert.equal(app.state, 'ESTABLISHED');
  });
}

test('RFC 9293 SHLD-20: soft errors that nobody asks about hurt nobody', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(10);
  const packet = lastPacket(bed);
  app.close();
  bed.icmp(3, 1, packet);
  bed.checkGuard();
  assert.equal(bed.connections().length, 1);
});

for (const [code, error] of [
  [2, 'ECONNREFUSED'],
  [3, 'ECONNREFUSED'],
] as const) {
  test(`RFC 9293 SHLD-26: a hard error, ICMP 3/${code}, ends an active open`, () => {
    const bed = testbed();
    const app = bed.connect(bed.peer);
    bed.peer.expect({ flags: 'S' });
    bed.icmp(3, code, lastPacket(bed));
    assert.deepEqual(app.told(), ['failed', 'closed']);
    assert.equal(app.error, error);
  });

  test(`RFC 9293 SHLD-26: ICMP 3/${code} is soft once synchronized, unless icmp.hard says otherwise`, () => {
    for (const config of [{}, { 'icmp.hard': 'rfc1122' }]) {
      const bed = testbed({ config });
      const app = bed.peer.handshake('passive');
      app.write(10);
      bed.icmp(3, code, lastPacket(bed));
      assert.equal(app.state, 'icmp.hard' in config ? 'CLOSED' : 'ESTABLISHED');
    }
  });
}

test('RFC 9293 MUST-54: errors about unknown connections and about data not in flight are ignored', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(10);
  bed.peer.expect({ length: 10 });
  const quoted = lastPacket(bed);
  bed.peer.ack();
  app.told();
  bed.icmp(3, 1, quoted);
  assert.deepEqual(app.told(), [], 'what it quotes is acknowledged already');
  const unknown = quoted.slice();
  unknown[20] = 99;
  bed.icmp(3, 3, unknown);
  bed.checkGuard();
  assert.equal(app.state, 'ESTABLISHED');
  bed.expectSilence();
});

test('RFC 9293 MUST-55: Source Quench is ignored without a word', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(10);
  const { cwnd, ssthresh } = app.tcb.congestion;
  app.told();
  bed.icmp(4, 0, lastPacket(bed));
  assert.deepEqual(app.told(), []);
  assert.deepEqual([app.tcb.congestion.cwnd, app.tcb.congestion.ssthresh], [cwnd, ssthresh]);
  assert.equal(app.tcb.softError, null);
});
