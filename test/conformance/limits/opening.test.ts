import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { ACK, FIN, flagsOf, PSH, SYN, seqOf, type Wire } from '../../support/wire.ts';
import { assertNothingLeft, crowd, crowdWire, endsOf } from './crowd.ts';

const MINUTE = 60_000_000;
const SYN_ACK = SYN | ACK;

/** A SYN of client `index`; its SYN,ACK or null. */
function knock(wire: Wire, index: number, port = 7): Uint8Array | null {
  const [answer] = wire.ask({ ...endsOf(index, port), flags: SYN, seq: 1 });
  return answer !== undefined && flagsOf(answer) === SYN_ACK ? answer : null;
}

/** The third segment of the handshake, with data when `bytes` are given. */
function enter(wire: Wire, index: number, synAck: Uint8Array, bytes = 0, port = 7): void {
  const payload = new Uint8Array(bytes);
  const flags = bytes > 0 ? ACK | PSH : ACK;
  wire.send({ ...endsOf(index, port), flags, seq: 2, ack: (seqOf(synAck) + 1) | 0, payload });
}

for (const synCookies of ['cookies', 'always'] as const) {
  test(`C05, SF-04: a full accept queue (synCookies=${synCookies}): exactly its backlog, newcomers get no answer, and all get in who try again`, () => {
    const wire = crowdWire({ synCookies });
    const listener = wire.listen(7, { backlog: 16, accept: false });
    const waiting = Array.from({ length: 100 }, (_, i) => knock(wire, i) as Uint8Array);
    assert.ok(waiting.every((synAck) => synAck !== null));
    for (const [i, synAck] of waiting.entries()) enter(wire, i, synAck);
    assert.equal(listener.acceptQueue.length, 16);
    assert.equal(wire.counter('TCP_LISTEN_OVERFLOW'), 84);
    assert.equal(listener.overflows, 84);
    assert.equal(knock(wire, 500), null, 'a full queue answers no SYN');
    assert.equal(wire.counter('TCP_LISTEN_OVERFLOW'), 85);
    // The application wakes up; clients whose ACK was dropped say something, or hear our SYN,ACK again.
    const accepted: Tcb[] = [];
    for (let round = 0; round < 20; round++) {
      for (let tcb = wire.stack.tcp.accept(listener, ignore); tcb !== null; ) {
        accepted.push(tcb);
        tcb = wire.stack.tcp.accept(listener, ignore);
      }
      for (const [i, synAck] of waiting.entries()) enter(wire, i, synAck, 10);
      wire.pass(100_000);
    }
    assert.equal(new Set(accepted.map(({ peerPort }) => peerPort)).size, 100);
    wire.stack.tcp.closeListener(listener);
    for (const tcb of accepted) {
      assert.equal(tcb.readable, 10);
      wire.stack.tcp.abort(tcb);
    }
    wire.stack.settle();
    assertNothingLeft(wire);
  });
}

const ignore = { connectionEvents: (): void => {} };

test('C05: an application that never accepts: the backlog and no more for hours, and SYN,ACKs come to an end', () => {
  const wire = crowdWire({ 'buffer.receive': '8K' });
  const listener = wire.listen(7, { backlog: 16, accept: false });
  let synAcks = 0;
  for (let client = 0; client < 3600; client++) {
    const synAck = knock(wire, client);
    // Each says what it wants, and goes away.
    if (synAck !== null) {
      enter(wire, client, synAck, 1000);
      const ends = endsOf(client);
      wire.send({ ...ends, flags: FIN | ACK, seq: 1002, ack: (seqOf(synAck) + 1) | 0 });
    }
    wire.pass(3_000_000);
    synAcks += wire.take().filter((packet) => flagsOf(packet) === SYN_ACK).length;
    assert.ok(listener.acceptQueue.length <= 16);
    assert.ok(wire.stack.tcp.stats.connections <= 16);
    assert.ok(wire.stack.tcp.stats.memory <= 16 * 8192);
  }
  assert.equal(listener.acceptQueue.length, 16);
  assert.equal(wire.counter('TCP_LISTEN_OVERFLOW'), 3600 - 16);
  assert.equal(synAcks, 0, 'no SYN,ACK was sent a second time');
  assert.equal(wire.stack.tcp.stats.synReceived, 0);
  wire.take();
  wire.pass(60 * MINUTE);
  assert.equal(wire.take().length, 0);
  // What it finds when it wakes up: the oldest clients, what they said, and that they are gone.
  const tcb = wire.stack.tcp.accept(listener, ignore);
  assert.deepEqual([tcb?.peerPort, tcb?.readable, tcb?.peerClosed], [10_000, 1000, true]);
  if (tcb !== null) wire.stack.tcp.abort(tcb);
  wire.stack.tcp.closeListener(listener);
  wire.stack.settle();
  assertNothingLeft(wire);
});

test('C05: clients whose third segment the full queue dropped hear six SYN,ACKs at most, and then nothing', () => {
  const wire = crowdWire();
  const listener = wire.listen(7, { backlog: 4, accept: false });
  const waiting = Array.from({ length: 104 }, (_, i) => knock(wire, i) as Uint8Array);
  for (const [i, synAck] of waiting.entries()) enter(wire, i, synAck);
  wire.take();
  wire.pass(5 * MINUTE);
  assert.equal(wire.take().length, 100 * 5, 'the first, and five more');
  wire.pass(60 * MINUTE);
  assert.equal(wire.take().length, 0);
  assert.equal(wire.stack.tcp.stats.synReceived, 0);
  wire.stack.tcp.closeListener(listener);
  wire.stack.settle();
  assertNothingLeft(wire);
});

for (const synCookies of ['cookies', 'drop'] as const) {
  test(`SF-01, C01: half-open connections of all listeners together (synCookies=${synCookies}): four times synQueue, exactly; newcomers are the victims`, () => {
    const wire = crowdWire({ synQueue: 50, synCookies });
    const ports = [1, 2, 3, 4, 5, 6];
    const listeners = ports.map((port) => wire.listen(port));
    for (const port of ports) for (let i = 0; i < 2000; i++) knock(wire, i, port);
    const held = listeners.map((listener) => listener.synQueue);
    assert.ok(
      held.every((count) => count <= 50),
      `${held}`,
    );
    assert.equal(wire.stack.tcp.stats.synReceived, 200);
    assert.equal(wire.stack.tcp.stats.connections, 0);
    const refused = wire.counter('TCP_SYN_QUEUE_FULL') + wire.counter('TCP_SYN_COOKIE');
    assert.equal(refused, 6 * 2000 - 200, 'each of the others is counted');
    // A good client: by its cookie at once, or when it tries again after the flood.
    if (synCookies === 'drop') {
      assert.equal(knock(wire, 40_000, 6), null);
      wire.pass(2 * MINUTE);
    }
    enter(wire, 40_000, knock(wire, 40_000, 6) as Uint8Array, 0, 6);
    assert.equal(wire.accepted.length, 1);
    wire.pass(2 * MINUTE);
    wire.send({ ...endsOf(40_000, 6), flags: 4, seq: 2 });
    assertNothingLeft(wire);
  });
}

test('PT-03, C20: every port toward a peer in use: the open fails after one look at each, and at once works again when one is free', () => {
  const wire = crowdWire({ ports: '40000-42999' });
  const held = Array.from({ length: 3000 }, () => wire.connect(0x0a100001, 80));
  assert.equal(new Set(held.map(({ localPort }) => localPort)).size, 3000);
  const { flows } = wire.stack.tcp.context;
  const find = flows.find.bind(flows);
  let looks = 0;
  flows.find = (...given) => {
    looks++;
    return find(...given);
  };
  for (let i = 0; i < 10; i++) {
    looks = 0;
    assert.throws(() => wire.connect(0x0a100001, 80), { code: 'EADDRNOTAVAIL' });
    assert.ok(looks <= 3000, `${looks} looks`);
  }
  const [, victim] = held;
  assert.ok(victim !== undefined);
  wire.abort(victim);
  assert.equal(wire.connect(0x0a100001, 80).localPort, victim.localPort);
  assert.equal(wire.connect(0x0a100002, 80).state, 'SYN-SENT', 'another peer has all ports to itself');
  wire.pass(30 * MINUTE);
  assertNothingLeft(wire);
});

test('C20: a port to listen on is looked for in bounded time, with 28,000 connections in TIME-WAIT on as many ports', () => {
  const wire = crowdWire({ ports: '32768-60767' });
  for (let i = 0; i < 28_000; i++) {
    const tcb = wire.connect(0x0a100001, 80);
    const from = { source: 0x0a100001, sourcePort: 80, destinationPort: tcb.localPort };
    wire.send({ ...from, flags: SYN_ACK, seq: 1, ack: (tcb.snd.iss + 1) | 0 });
    wire.stack.tcp.close(tcb);
    wire.stack.settle();
    wire.send({ ...from, flags: FIN | ACK, seq: 2, ack: (tcb.snd.iss + 2) | 0 });
  }
  assert.equal(wire.stack.tcp.stats.timeWait, 28_000);
  const { flows } = wire.stack.tcp.context;
  const localPort = flows.localPort.bind(flows);
  let looks = 0;
  flows.localPort = (flow) => {
    looks++;
    return localPort(flow);
  };
  assert.throws(() => wire.listen(0), { code: 'EADDRINUSE' });
  assert.ok(looks <= 10 * 28_000, `${looks} looks at connections`);
  wire.pass(2 * MINUTE);
  assert.equal(wire.listen(0).state, 'LISTEN');
  assertNothingLeft(wire);
});

test('MUST-42, C20: ten thousand connections on one local port do not slow the search for it, nor forbid a second listener elsewhere', () => {
  const wire = crowdWire();
  wire.listen(7);
  const peers = crowd(wire, 10_000);
  assert.throws(() => wire.listen(7), { code: 'EADDRINUSE' });
  assert.equal(wire.listen(8).state, 'LISTEN');
  for (const { ends, seq } of peers) wire.send({ ...ends, flags: 4, seq });
  assertNothingLeft(wire);
});
