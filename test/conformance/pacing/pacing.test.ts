/** `pacing=on`: a window leaves spread over the round trip, not in one burst, and no slower for it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigValue } from '../../../src/stack/config.ts';
import { SackSender } from '../rfc8985-9937/support.ts';

const RTT = 100;

/** Most segments at one instant, and all within one round trip, of a window of `segments`. */
function spread(segments: number, config: Record<string, ConfigValue>): { most: number; all: number } {
  const sender = new SackSender(config);
  const { tcb } = sender.app;
  tcb.congestion.cwnd = segments * sender.size;
  tcb.congestion.ssthresh = segments * sender.size;
  let most = 0;
  let all = 0;
  sender.app.write(segments * sender.size);
  for (let ms = 0; ms < RTT; ms++) {
    const { length } = sender.sent();
    most = Math.max(most, length);
    all += length;
    sender.bed.advance(1);
  }
  return { most, all };
}

test('pacing: a window of 50 segments takes its round trip; without pacing it leaves at once', () => {
  assert.deepEqual(spread(50, {}), { most: 50, all: 50 });
  const { most, all } = spread(50, { pacing: 'on' });
  assert.equal(all, 50);
  assert.ok(most <= 4, `${most} at once`);
});

test('pacing: small windows and single writes do not wait', () => {
  const sender = new SackSender({ pacing: 'on' });
  sender.app.write(10);
  assert.equal(sender.bed.peer.sent().length, 1);
});

test('pacing: a FIN behind paced data goes when that has gone, and nothing is left armed', () => {
  const sender = new SackSender({ pacing: 'on' });
  sender.app.write(20 * sender.size);
  sender.app.shutdown();
  let fin = false;
  for (let ms = 0; ms < 3 * RTT && !fin; ms++) {
    fin = sender.bed.peer.sent().some(({ flags }) => flags.includes('F'));
    if (ms % 20 === 19) sender.ackAll();
    sender.bed.advance(1);
  }
  assert.ok(fin);
  assert.equal(sender.app.tcb.unsent, 0);
});
