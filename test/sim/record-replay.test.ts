import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Host } from '../../src/sim/host.ts';
import { Link } from '../../src/sim/link.ts';
import { World } from '../../src/sim/world.ts';
import { replay } from '../../src/stack/replay.ts';
import { RecordingTape } from '../../src/stack/tape.ts';
import { EVENT_CLOSED, EVENT_OPENED, EVENT_PEER_CLOSED, EVENT_WRITABLE } from '../../src/tcp/events.ts';
import type { Tcb } from '../../src/tcp/tcb.ts';
import { parseAddress } from '../../src/wire/address.ts';

/** A server that is recorded answers a client over a bad link; returns what it sent and its tape. */
function recordedRun(seed: number): { sent: Uint8Array[]; tape: RecordingTape; echoed: number } {
  const world = new World({ seed });
  const impairments = {
    delay: 5_000,
    loss: 0.1,
    duplication: 0.1,
    reordering: 0.1,
    reorderDelay: 9_000,
    stall: 0.1,
  };
  const link = new Link(world, { impairments: { ...impairments, stallTime: 300 } });
  const tape = new RecordingTape();
  const sent: Uint8Array[] = [];
  const client = new Host(world, link.a, { name: 'client', address: '10.9.0.1/24' });
  const server = new Host(world, link.b, { name: 'server', address: '10.9.0.2/24', record: tape });
  link.b.onSent = (packet) => sent.push(packet.bytes);
  const buffer = new Uint8Array(4096);

  const echo = (tcb: Tcb, events: number): void => {
    const { tcp } = server.stack;
    if ((events & EVENT_CLOSED) !== 0) return;
    for (;;) {
      const count = tcp.receiveInto(tcb, buffer, 0, Math.min(buffer.length, tcb.writable));
      if (count === 0) break;
      tcp.send(tcb, buffer, 0, count);
    }
    if (tcb.peerClosed && tcb.readable === 0) tcp.shutdown(tcb);
  };
  server.stack.tcp.listen(
    { address: 0, port: 7, backlog: 5 },
    { connectionsWaiting: (listener) => void server.stack.tcp.accept(listener, { connectionEvents: echo }) },
  );

  let written = 0;
  let echoed = 0;
  const total = 30_000;
  const talk = (tcb: Tcb, events: number): void => {
    const { tcp } = client.stack;
    if ((events & EVENT_CLOSED) !== 0) return;
    if (written < total && (events & (EVENT_OPENED | EVENT_WRITABLE)) !== 0) {
      written += tcp.send(tcb, new Uint8Array(total - written).fill(seed), 0, total - written);
      if (written === total) tcp.shutdown(tcb);
    }
    for (let count = 1; count > 0; echoed += count) count = tcp.receiveInto(tcb, buffer, 0, buffer.length);
    if ((events & EVENT_PEER_CLOSED) !== 0 && tcb.readable === 0) tcp.close(tcb);
  };
  const peerAddress = parseAddress('10.9.0.2') as number;
  client.stack.tcp.connect(
    { localAddress: 0, localPort: 0, peerAddress, peerPort: 7 },
    { connectionEvents: talk },
  );
  world.run(200_000_000);
  return { sent, tape, echoed };
}

for (const seed of [1, 2, 3]) {
  it(`a recorded run sends the same bytes again, seed ${seed}`, () => {
    const { sent, tape, echoed } = recordedRun(seed);
    assert.equal(echoed, 30_000);
    assert.ok(sent.length > 20);
    const again: Uint8Array[] = [];
    replay(tape.recording, { onPacket: (packet) => again.push(packet) });
    assert.equal(again.length, sent.length);
    again.forEach((packet, index) => {
      assert.deepEqual(packet, sent[index], `packet ${index}`);
    });
  });
}
