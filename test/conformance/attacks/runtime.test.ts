import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_CLOSED, EVENT_READABLE } from '../../../src/tcp/events.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { pattern } from '../../support/pattern.ts';
import { testbed } from '../../support/peer.ts';
import { reach, StateTrace, stateOf } from '../../support/states.ts';

test('N01: a reader that never reads: the window closes, memory stays', () => {
  const bed = testbed({ config: { 'buffer.receive': '64K' } });
  const app = bed.peer.handshake('passive', { autoRead: false });
  for (let i = 0; i < 10_000; i++) {
    bed.peer.send({ flags: 'A', seq: app.tcb.rcv.nxt - app.tcb.rcv.irs, data: 1460 });
  }
  assert.ok(app.tcb.readable <= 65_536);
  assert.ok(bed.stack.tcp.stats.memory <= 131_072);
  assert.equal(bed.peer.sent().at(-1)?.window, 0);
});

test('N02: a writer that ignores what it is told: no more is taken than the buffer holds', () => {
  const bed = testbed({ config: { 'buffer.send': '64K' } });
  const app = bed.peer.handshake('passive', { wnd: 0 });
  let taken = 0;
  for (let i = 0; i < 1000; i++) taken += app.write(65_536);
  assert.equal(taken, 65_536);
  assert.ok(bed.stack.tcp.stats.memory <= 131_072);
  bed.peer.window = 65_535;
  bed.peer.ack(1);
  for (let i = 0; i < 100 && app.tcb.unacked > 0; i++) bed.peer.ack();
  assert.ok(app.events.includes('writable'));
});

test('N07: a packet of any bytes at all is survived, and the next good one is taken', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  let state = 12_345;
  for (let i = 0; i < 5000; i++) {
    const packet = new Uint8Array(i % 120);
    for (let at = 0; at < packet.length; at++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      packet[at] = state >>> 16;
    }
    if (i % 3 === 0) packet[0] = 0x45;
    if (packet.length > 9) packet[9] = 6;
    bed.inject(packet);
  }
  assert.equal(bed.stack.guarded, null);
  assert.equal(bed.counter('PACKET_GUARD'), 0);
  bed.peer.send({ flags: 'PA', data: 10 });
  assert.equal(app.received.length, 10);
});

test('N07: an exception in the midst of a packet is caught, counted and kept to be seen; the next packet is dealt with', () => {
  let poisoned = false;
  class Faulty extends StateTrace {
    override segmentJudged(): void {
      if (poisoned) throw new Error('a bug of ours');
    }
  }
  const bed = testbed({ trace: new Faulty() });
  const app = bed.peer.handshake('passive');
  const good = bed.peer.build({ flags: 'PA', data: 10 });
  poisoned = true;
  for (let i = 0; i < 100; i++) bed.inject(good);
  poisoned = false;
  assert.equal(bed.counter('PACKET_GUARD'), 100);
  assert.match(bed.stack.guarded?.message ?? '', /a bug of ours/);
  bed.inject(good);
  bed.inject(bed.peer.build({ flags: 'PA', data: 10 }));
  assert.deepEqual(app.received, pattern(0, 20));
  assert.equal(app.state, 'ESTABLISHED');
  app.write(100);
  assert.ok(bed.peer.sent().some(({ length }) => length === 100));
});

test('N17: a device that takes nothing more: what waits stays bounded, and everything arrives afterwards', () => {
  const bed = testbed({ config: { congestion: 'reno', hystart: 'off' } });
  const app = bed.peer.handshake('passive');
  bed.device.block();
  const before = bed.packets.length;
  app.write(14_000);
  for (let i = 0; i < 2000; i++) bed.peer.send({ flags: 'A', seq: 2 + i * 10, data: 5 });
  assert.ok(bed.packets.length - before <= 2);
  bed.advance(10);
  bed.device.unblock();
  bed.advance(1000);
  const sent = bed.peer.sent();
  const bytes = new Set<number>();
  for (const { seq, length } of sent) for (let i = 0; i < length; i++) bytes.add(seq + i);
  assert.equal(bytes.size, 14_000);
  const acks = sent.filter(({ length }) => length === 0).length;
  assert.ok(acks <= 512, `${acks} ACKs that nobody waits for any more`);
});

for (const call of ['close', 'abort', 'shutdown', 'write', 'read', 'connect', 'listen'] as const) {
  test(`N18: ${call} from inside of an event handler`, () => {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { autoRead: false });
    let calls = 0;
    const { tcp } = bed.stack;
    app.tcb.owner = {
      connectionEvents(tcb: Tcb, events: number): void {
        if ((events & EVENT_READABLE) === 0 || calls++ > 0) return;
        const bytes = new Uint8Array(100);
        if (call === 'write') tcp.send(tcb, bytes, 0, 100);
        else if (call === 'read') tcp.receiveInto(tcb, bytes, 0, 100);
        else if (call === 'connect')
          tcp.connect(
            { localAddress: 0, localPort: 0, peerAddress: bed.peer.address | 0, peerPort: 99 },
            this,
          );
        else if (call === 'listen')
          tcp.listen({ address: 0, port: 99, backlog: 1 }, { connectionsWaiting: () => undefined });
        else tcp[call](tcb);
      },
    };
    bed.peer.send({ flags: 'PA', data: 10 });
    bed.peer.send({ flags: 'PA', data: 10 });
    bed.advance(1000);
    assert.equal(calls >= 1, true);
    assert.equal(bed.stack.guarded, null);
    bed.peer.send({ flags: 'RA' });
    bed.advance(1_000_000);
    assert.equal(stateOf(bed) === 'CLOSED' || call === 'connect', true);
  });
}

test('N19: after the last event nothing more is told, whatever comes', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'R' });
  assert.deepEqual(app?.told().slice(-2), ['failed', 'closed']);
  for (const flags of ['A', 'PA', 'FA', 'R', 'S', 'SA']) bed.peer.send({ flags, seq: 1, ack: 1, data: 10 });
  bed.advance(1_000_000);
  assert.deepEqual(app?.told(), []);
});

test('N19: late calls on a connection that is over neither throw nor send, but for a write', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'R' });
  app?.shutdown();
  app?.abort();
  app?.close();
  app?.read();
  assert.throws(() => app?.write(1), { code: 'EPIPE' });
  bed.stack.tcp.setNoDelay(app?.tcb as Tcb, true);
  bed.stack.tcp.setKeepAlive(app?.tcb as Tcb, { on: true });
  bed.stack.tcp.setUserTimeout(app?.tcb as Tcb, 5_000_000);
  bed.stack.tcp.setBuffers(app?.tcb as Tcb, 4096, 4096);
  bed.stack.tcp.sendUrgent(app?.tcb as Tcb);
  bed.stack.tcp.setCork(app?.tcb as Tcb, false);
  bed.stack.tcp.setQuickAck(app?.tcb as Tcb);
  bed.advance(20_000);
  bed.expectSilence();
});

for (const state of [
  'SYN-SENT',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const) {
  test(`S32: a write of nothing in ${state} queues nothing`, () => {
    const { bed, app } = reach(state);
    try {
      app?.write(0);
    } catch (error) {
      assert.equal((error as { code: string }).code, 'EPIPE');
    }
    bed.peer.expectNothing();
    bed.advance(3_000_000);
    assert.ok(bed.peer.sent().every(({ length }) => length === 0));
    assert.equal(bed.stack.guarded, null);
  });

  test(`N19, S28: abort and close in ${state}, at every moment of its timers`, () => {
    for (const after of [0, 1, 39, 40, 41, 199, 200, 999, 1000, 59_999, 60_000, 60_001]) {
      for (const how of ['abort', 'close'] as const) {
        const { bed, app } = reach(state);
        bed.stack.tcp.setKeepAlive(app?.tcb as Tcb, {
          on: true,
          idle: 1_000_000,
          interval: 1_000_000,
          count: 2,
        });
        bed.advance(after);
        app?.[how]();
        app?.told();
        bed.advance(2_000_000);
        assert.deepEqual(app?.told(), []);
        assert.equal(bed.stack.tcp.stats.connections, 0, `${how} after ${after} ms`);
        assert.equal(bed.stack.tcp.stats.timers, 0);
        assert.equal(bed.stack.tcp.stats.orphans, 0);
        assert.equal(bed.stack.tcp.stats.memory, 0);
      }
    }
  });
}

test('N20: a handler that throws does not lose the ACK, nor the events of others', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  app.tcb.owner = {
    connectionEvents(_tcb: Tcb, events: number): void {
      if ((events & EVENT_READABLE) !== 0) throw new Error('a handler’s own error');
    },
  };
  assert.throws(() => bed.peer.send({ flags: 'PA', data: 10 }), /a handler’s own error/);
  bed.advance(100);
  bed.peer.expect({ flags: 'A', ack: 11 });
  const other = bed.newPeer();
  const neighbour = other.handshake('passive');
  other.send({ flags: 'PA', data: 5 });
  assert.equal(neighbour.received.length, 5);
  assert.equal(app.tcb.readable, 10);
  assert.equal(bed.counter('PACKET_GUARD'), 0);
});

test('N24: no field of a packet decides how much is allocated', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { mss: 65_535, wscale: 255 });
  bed.peer.ack(1, 65_535);
  bed.peer.send({ flags: 'A', seq: 60_000, data: 1 });
  bed.peer.send({ flags: 'UA', seq: 1, up: 65_535 });
  assert.ok(bed.stack.tcp.stats.memory <= 131_072);
  assert.ok(app.tcb.snd.mss <= 1460);
});

test('N25: all buffers together stay under buffer.total; what is over it is not taken, and told by the window', () => {
  const bed = testbed({ config: { 'buffer.total': '1M', 'buffer.receive': '128K' } });
  bed.listen(7, { autoRead: false });
  for (let i = 0; i < 40; i++) {
    const peer = bed.newPeer({ port: 1000 + i });
    const app = peer.handshake('passive', { autoRead: false });
    for (let k = 0; k < 45; k++)
      peer.send({ flags: 'A', seq: app.tcb.rcv.nxt - app.tcb.rcv.irs, data: 1460 });
  }
  assert.ok(bed.stack.tcp.stats.memory <= 1024 * 1024, `${bed.stack.tcp.stats.memory} bytes`);
  assert.ok(bed.counter('TCP_MEMORY') > 0);
  assert.equal(bed.stack.guarded, null);
});

test('N25: memory comes back when the connections end', () => {
  const bed = testbed({ config: { 'buffer.total': '1M' } });
  bed.listen(7, { autoRead: false });
  for (let i = 0; i < 40; i++) {
    const peer = bed.newPeer({ port: 1000 + i });
    peer.handshake('passive', { autoRead: false });
    for (let k = 0; k < 45; k++) peer.send({ flags: 'A', data: 1000 });
    peer.send({
      flags: 'R',
      seq: (bed.accepted[i]?.tcb.rcv.nxt as number) - (bed.accepted[i]?.tcb.rcv.irs as number),
    });
  }
  for (const app of bed.accepted) app.close();
  assert.equal(bed.stack.tcp.stats.memory, 0);
});

test('EVENT_CLOSED is the last bit that an owner sees', () => {
  const { bed, app } = reach('LAST-ACK');
  let last = 0;
  assert.ok(app !== null);
  app.tcb.owner = { connectionEvents: (_tcb, events) => (last = events) };
  bed.peer.ack();
  assert.ok((last & EVENT_CLOSED) !== 0);
});
