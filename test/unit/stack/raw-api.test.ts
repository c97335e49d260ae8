/** The raw interface as docs/raw-api.md shows it: `fourwave/tcp` over a memory link, without copies of ours. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStack, memoryLink, virtualClock } from '../../../src/index.ts';
import {
  EVENT_CLOSED,
  EVENT_OPENED,
  EVENT_PEER_CLOSED,
  EVENT_READABLE,
  EVENT_WRITABLE,
  type Listener,
  ReceivedPiece,
  type Tcb,
} from '../../../src/tcp/index.ts';
import { parseAddress } from '../../../src/wire/address.ts';

const LENGTH = 3_000_000;
const PIECE = 1 << 18;

test('an echo on borrowed bytes, a client that hands its memory over: the stream comes back whole', async () => {
  const clock = virtualClock();
  const [near, far] = memoryLink({ offload: 'tso4' });
  const server = await createStack({ clock, device: near, address: '10.9.0.2' });
  const client = await createStack({ clock, device: far, address: '10.9.0.1' });
  const piece = new ReceivedPiece();
  const owner = {
    connectionsWaiting(listener: Listener): void {
      while (server.tcp.accept(listener, owner) !== null);
    },
    connectionEvents(tcb: Tcb, events: number): void {
      if ((events & EVENT_CLOSED) !== 0) return;
      while (tcb.writable > 0 && server.tcp.borrow(tcb, piece)) {
        server.tcp.discard(tcb, server.tcp.send(tcb, piece.bytes, piece.start, piece.end));
      }
      if (tcb.peerClosed && tcb.readable === 0) server.tcp.close(tcb);
    },
  };
  server.tcp.listen({ address: 0, port: 7, backlog: 5 }, owner);

  const bytes = Uint8Array.from({ length: LENGTH }, (_, at) => at * 31 + (at >> 9));
  const answer: Uint8Array[] = [];
  let [handedOver, refused, ended] = [0, 0, false];
  const user = {
    connectionEvents(tcb: Tcb, events: number): void {
      if ((events & (EVENT_OPENED | EVENT_WRITABLE)) !== 0) {
        while (handedOver < LENGTH) {
          const end = Math.min(LENGTH, handedOver + PIECE);
          const taken = client.tcp.sendOwned(tcb, bytes, handedOver, end);
          if (taken === 0) {
            refused++;
            break;
          }
          assert.equal(taken, end - handedOver, 'all or nothing');
          handedOver = end;
        }
        if (handedOver === LENGTH && tcb.state === 'ESTABLISHED') client.tcp.shutdown(tcb);
      }
      if ((events & EVENT_READABLE) !== 0) {
        while (client.tcp.borrow(tcb, piece)) {
          answer.push(piece.bytes.slice(piece.start, piece.end));
          client.tcp.discard(tcb, piece.end - piece.start);
        }
      }
      if ((events & EVENT_PEER_CLOSED) !== 0) ended = true;
    },
  };
  const peerAddress = parseAddress('10.9.0.2') as number;
  const tcb = client.tcp.connect({ localAddress: 0, localPort: 0, peerAddress, peerPort: 7 }, user);
  assert.equal(client.tcp.borrow(tcb, piece), false, 'nothing there yet');
  for (let i = 0; i < 2000 && !ended; i++) clock.advanceBy(50_000);

  assert.ok(ended);
  assert.ok(refused > 0, 'the send buffer was full at least once');
  assert.equal(Buffer.compare(Buffer.concat(answer), bytes), 0);
  assert.equal(client.tcp.context.pool.inUse, 0, 'what was handed over has cost the stack no memory');
  await Promise.all([client.close(), server.close()]);
});
