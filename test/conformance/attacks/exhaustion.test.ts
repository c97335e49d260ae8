import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Listener } from '../../../src/tcp/listener.ts';
import { type Peer, testbed } from '../../support/peer.ts';
import { reach, stateOf } from '../../support/states.ts';

const SYN = { mss: 1460 };

test('C03: resets for a flood to closed ports are limited, but not to none, and a reset earns none', () => {
  const bed = testbed();
  for (let i = 0; i < 20_000; i++) bed.peer.send({ flags: 'S', seq: i, destinationPort: 9 });
  const answered = bed.packets.length;
  assert.ok(answered > 0);
  for (let i = 0; i < 1000; i++) bed.peer.send({ flags: 'RA', seq: i, destinationPort: 9 });
  assert.equal(bed.packets.length, answered);
  assert.ok(answered < 20_000, `${answered} resets for 20,000 segments within one moment`);
  assert.equal(bed.counter('TCP_RST_LIMIT'), 20_000 - answered);
});

test('C06: an idle connection holds no buffers', () => {
  const bed = testbed();
  bed.listen(7);
  for (let i = 0; i < 500; i++) {
    const peer = bed.newPeer({ port: 1000 + i });
    const app = peer.handshake('passive');
    peer.send({ flags: 'PA', data: 100 });
    app.write(100);
    peer.ack();
  }
  assert.equal(bed.stack.tcp.stats.connections, 500);
  assert.equal(bed.stack.tcp.stats.memory, 0);
});

test('C06: the table of connections has a cap; what is over it does not open', () => {
  const bed = testbed({ config: { 'connections.max': 3 } });
  bed.listen(7);
  for (let i = 0; i < 3; i++) bed.newPeer().handshake('passive');
  bed.peer.send({ flags: 'S', options: SYN });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'A' });
  assert.equal(bed.stack.tcp.stats.connections, 3);
  assert.equal(bed.counter('TCP_CONNECTION_LIMIT'), 1);
});

test('C07: a window of zero for ever: the connection lives while probes are answered, pinning no more than its buffer', () => {
  const bed = testbed({ config: { 'buffer.send': '64K' } });
  const app = bed.peer.handshake('passive', { wnd: 0 });
  assert.equal(app.write(1_000_000), 65_536);
  const held = bed.stack.tcp.stats.memory;
  for (let i = 0; i < 200; i++) {
    bed.advance(10_000);
    if (bed.peer.sent().length > 0) bed.peer.ack(1, 0);
  }
  assert.equal(app.state, 'ESTABLISHED');
  assert.equal(app.write(1000), 0);
  assert.ok(bed.stack.tcp.stats.memory <= held);
});

test('C08: a window that opens by four bytes is not used four bytes at a time', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { mss: 1460 });
  app.write(10_000);
  bed.peer.sent();
  bed.peer.ack(10_001, 0);
  app.write(50_000);
  for (let wnd = 4; wnd < 400; wnd += 4) {
    bed.peer.ack(10_001, wnd);
    bed.advance(5);
  }
  assert.ok(bed.peer.sent().length <= 3, 'the override timer alone lets something go');
});

test('C09: closed with data that is never acknowledged, window zero: over after the retries of an orphan', () => {
  const { bed, app } = reach('ESTABLISHED');
  app?.write(1000);
  bed.peer.sent();
  bed.peer.ack(1, 0);
  app?.close();
  assert.equal(stateOf(bed), 'FIN-WAIT-1');
  assert.equal(bed.stack.tcp.stats.orphans, 1);
  bed.advance(3_600_000);
  assert.equal(stateOf(bed), 'CLOSED');
  assert.equal(bed.stack.tcp.stats.orphans, 0);
  assert.equal(bed.stack.tcp.stats.memory, 0);
});

test('C07, C09: closed, and the peer answers every probe with a window of zero: it has an end', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.ack(1, 0);
  app?.write(1000);
  app?.close();
  const until = bed.now + 3_600_000;
  while (stateOf(bed) !== 'CLOSED' && bed.now < until) {
    bed.advance(1000);
    if (bed.peer.sent().some(({ flags }) => !flags.includes('R'))) bed.peer.ack(1, 0);
  }
  assert.equal(stateOf(bed), 'CLOSED', 'nobody is left to care for this connection');
});

test('C10: FIN-WAIT-2 without a reader lasts 60 s', () => {
  const { bed, app } = reach('FIN-WAIT-2');
  app?.close();
  bed.advance(59_900);
  assert.equal(stateOf(bed), 'FIN-WAIT-2');
  bed.advance(200);
  assert.equal(stateOf(bed), 'CLOSED');
});

test('C10: FIN-WAIT-2 with a reader has no limit', () => {
  const { bed, app } = reach('FIN-WAIT-2');
  bed.advance(3_600_000);
  assert.equal(app?.state, 'FIN-WAIT-2');
  bed.peer.send({ flags: 'PA', data: 10 });
  assert.equal(app?.received.length, 10);
});

for (const state of ['CLOSING', 'LAST-ACK', 'FIN-WAIT-1'] as const) {
  test(`C11, S52: in ${state} a FIN that is never acknowledged is sent again, and then given up`, () => {
    const { bed, app } = reach(state);
    app?.close();
    bed.advance(1500);
    assert.ok(bed.peer.sent().some(({ flags }) => flags === 'FA'));
    bed.advance(3_600_000);
    assert.equal(stateOf(bed), 'CLOSED');
    assert.equal(bed.stack.tcp.stats.flows, 0);
    assert.equal(bed.stack.tcp.stats.timers, 0);
  });
}

test('C12: CLOSE-WAIT that the application forgets is there to be seen', () => {
  const { bed } = reach('CLOSE-WAIT');
  bed.advance(3_600_000);
  const [record] = bed.connections();
  assert.deepEqual([record?.state, record?.closedFirst], ['CLOSE-WAIT', 'peer']);
  assert.ok((record?.ageMs ?? 0) >= 3_600_000);
});

test('C16 split handshake: the server answers our SYN with a bare ACK, then its own SYN', () => {
  const bed = testbed();
  bed.listen(7);
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'A', seq: 0, ack: 1 });
  bed.peer.expectNothing();
  assert.equal(app.state, 'SYN-SENT');
  bed.peer.send({ flags: 'S', options: SYN });
  bed.peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  assert.equal(app.state, 'SYN-RECEIVED');
  bed.peer.send({ flags: 'A', ack: 1 });
  assert.equal(app.state, 'ESTABLISHED');
  assert.equal(bed.accepted.length, 0);
  app.write(10);
  bed.peer.expect({ seq: 1, length: 10 });
});

test('C16 split handshake: a bare SYN is a simultaneous open, one connection, options agreed once', () => {
  const bed = testbed();
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  bed.peer.send({ flags: 'S', options: { mss: 700 } });
  bed.peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  bed.peer.send({ flags: 'SA', seq: 0, ack: 1, options: { mss: 1460, wscale: 3 } });
  assert.equal(app.state, 'ESTABLISHED');
  bed.peer.sent();
  app.write(3000);
  assert.ok(bed.peer.sent().every(({ length }) => length <= 700));
  assert.equal(bed.connections().length, 1);
});

test('C17: SYN-SENT: a wrong ACK earns a reset, a bare reset and data without SYN nothing, and the true answer opens', () => {
  const { bed, app } = reach('SYN-SENT');
  bed.peer.send({ flags: 'SA', seq: 0, ack: 5 });
  bed.peer.expect({ flags: 'R', seq: 5 });
  bed.peer.send({ flags: 'SA', seq: 0, ack: 0 });
  bed.peer.expect({ flags: 'R', seq: 0 });
  bed.peer.rcvNxt = 1;
  for (const out of [
    { flags: 'R', seq: 0 },
    { flags: 'R', seq: 1 },
    { flags: 'RA', seq: 0, ack: 5 },
    { flags: 'PA', seq: 1, ack: 1, data: 100 },
    { flags: 'FA', seq: 1, ack: 1 },
  ]) {
    bed.peer.send(out);
    bed.peer.expectNothing();
    assert.equal(app?.state, 'SYN-SENT');
  }
  bed.peer.nxt = 0;
  bed.peer.send({ flags: 'SA', ack: 1, options: SYN });
  bed.peer.expect({ flags: 'A', seq: 1, ack: 1 });
  assert.equal(app?.state, 'ESTABLISHED');
});

test('C18: data on a SYN is not kept: the peer sends it again, and it is delivered once', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'S', seq: 0, data: 1400, options: SYN });
  bed.peer.expect({ flags: 'SA', ack: 1 });
  assert.equal(bed.stack.tcp.stats.memory, 0);
  bed.peer.nxt = 1;
  bed.peer.send({ flags: 'A' });
  assert.equal(bed.accepted[0]?.received.length, 0);
  bed.peer.send({ flags: 'PA', data: 1400 });
  assert.equal(bed.accepted[0]?.received.length, 1400);
});

test('C19: connections opened inside of close handlers do not keep one turn going', () => {
  const bed = testbed();
  const peer = bed.newPeer({ port: 9999 });
  let opened = 0;
  const owner = {
    connectionEvents(): void {
      if (opened >= 50) return;
      opened++;
      bed.stack.tcp.connect(
        { localAddress: 0, localPort: 0, peerAddress: peer.address | 0, peerPort: 9999 },
        owner,
      );
    },
  };
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'S' });
  app.tcb.owner = owner;
  const turns = bed.stack.counters.turns;
  bed.peer.send({ flags: 'RA', seq: 0, ack: 1 });
  assert.equal(opened, 1);
  assert.ok(bed.stack.counters.turns - turns <= 3);
});

test('C05: the accept queue holds no more than its backlog, however many clients come', () => {
  const bed = testbed();
  const listener: Listener = bed.listen(7, { backlog: 8, accept: false });
  for (let i = 0; i < 200; i++) {
    const peer: Peer = bed.newPeer({ port: 2000 + i });
    peer.send({ flags: 'S', seq: 0, options: SYN });
    peer.send({ flags: 'A', seq: 1, ack: 1 });
  }
  assert.equal(listener.acceptQueue.length, 8);
  assert.equal(bed.stack.tcp.stats.connections, 8);
  assert.ok(bed.counter('TCP_LISTEN_OVERFLOW') > 0, 'a counter tells of it');
});

test('C22: two ends that find each other’s ACKs unacceptable do not answer for ever', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.write(1000);
  bed.peer.sent();
  bed.peer.ack();
  let answers = 0;
  // What a desynchronised peer does: every ACK of ours is unacceptable to it, and earns one of its own.
  for (let i = 0; i < 10_000; i++) {
    bed.peer.send({ flags: 'A', seq: bed.peer.nxt - 5000, ack: 1001 });
    answers += bed.peer.sent().length;
  }
  assert.ok(answers <= 20, `${answers} answers in one moment`);
  assert.equal(app.state, 'ESTABLISHED');
});

test('C23: close with unread data resets, so that the peer knows of the loss', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { autoRead: false });
  bed.peer.send({ flags: 'PA', data: 100 });
  bed.peer.sent();
  app.close();
  bed.peer.expect({ flags: 'RA', seq: 1, ack: 101 });
  assert.equal(stateOf(bed), 'CLOSED');
});
