import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testbed } from '../support/peer.ts';

const HOUR_MS = 3_600_000;

test('RFC 9293 §3.8.3: a user timeout ends an orphan whose FIN waits behind a closed window', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { wnd: 0 });
  bed.stack.refreshClock();
  bed.stack.tcp.setUserTimeout(app.tcb, 5_000_000);
  bed.stack.tcp.close(app.tcb);
  bed.stack.settle();
  assert.equal(app.tcb.state, 'FIN-WAIT-1');
  bed.advance(HOUR_MS);
  assert.equal(app.tcb.state, 'CLOSED');
  assert.equal(bed.stack.tcp.stats.orphans, 0);
});

test('RFC 9293 §3.10.5: every peer is told when the stack closes, however many they are', async () => {
  const bed = testbed();
  const count = 1500;
  bed.listen(7);
  for (let i = 0; i < count; i++) bed.newPeer({ port: 2000 + i }).handshake('passive');
  assert.equal(bed.stack.tcp.stats.connections, count);
  const before = bed.packets.length;
  await bed.stack.close();
  assert.equal(bed.packets.length - before, count);
  assert.equal(bed.stack.tcp.stats.connections, 0);
});
