/** Cookies of TCP Fast Open: whose they are, and how long they are good. RFC 7413 §4.1.2. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Testbed, testbed } from '../../support/peer.ts';

const HOUR = 3600 * 1000;
const FAST_OPEN = 34;

/** The cookie that the SYN,ACK to a peer brings which asks for one. */
function cookieFor(bed: Testbed, address: string): number[] {
  const peer = bed.newPeer({ address });
  peer.send({ flags: 'S', options: { mss: 1460 }, rawOptions: [FAST_OPEN, 2, 1, 1] });
  const packet = bed.packets.at(-1) as Uint8Array;
  const at = packet.indexOf(FAST_OPEN, 40);
  assert.ok(at > 0, 'the SYN,ACK has a cookie');
  const length = packet[at + 1] as number;
  assert.ok(length >= 6 && length <= 18 && length % 2 === 0);
  return [...packet.subarray(at + 2, at + length)];
}

/** What of the 100 bytes in a SYN with this cookie the SYN,ACK acknowledges, and if it brings a new one. */
function opensWith(bed: Testbed, address: string, cookie: number[]): { taken: number; renewed: boolean } {
  const peer = bed.newPeer({ address });
  const rawOptions = [FAST_OPEN, cookie.length + 2, ...cookie, 1, 1];
  peer.send({ flags: 'S', data: 100, options: { mss: 1460 }, rawOptions });
  const synAck = peer.expect({ flags: 'SA' });
  return { taken: synAck.ack - 1, renewed: synAck.kinds.includes(FAST_OPEN) };
}

test('FO-02: a cookie is good for the address that got it, from any port, and for no other', () => {
  const bed = testbed({ config: { tfo: 'server' } });
  bed.listen(7);
  const cookie = cookieFor(bed, '10.9.0.20');
  assert.deepEqual(opensWith(bed, '10.9.0.20', cookie), { taken: 100, renewed: false });
  assert.deepEqual(opensWith(bed, '10.9.0.20', cookie), { taken: 100, renewed: false });
  assert.deepEqual(opensWith(bed, '10.9.0.21', cookie), { taken: 0, renewed: true });
  for (let bit = 0; bit < cookie.length * 8; bit++) {
    const wrong = cookie.slice();
    wrong[bit >> 3] = (wrong[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(opensWith(bed, '10.9.0.20', wrong).taken, 0, `bit ${bit}`);
  }
});

test('FO-02: after half a day cookies are made with another key; the old are good for as long again, and renewed', () => {
  const bed = testbed({ config: { tfo: 'server' } });
  bed.listen(7);
  const first = cookieFor(bed, '10.9.0.20');
  bed.advance(13 * HOUR);
  assert.notDeepEqual(cookieFor(bed, '10.9.0.20'), first);
  assert.deepEqual(opensWith(bed, '10.9.0.20', first), { taken: 100, renewed: true });
  bed.advance(12 * HOUR);
  cookieFor(bed, '10.9.0.20');
  assert.deepEqual(opensWith(bed, '10.9.0.20', first), { taken: 0, renewed: true });
});

test('FO-03: with tfo client or off a cookie of ours, got before, opens nothing', () => {
  const bed = testbed({ config: { tfo: 'server' } });
  bed.listen(7);
  const cookie = cookieFor(bed, '10.9.0.20');
  for (const tfo of ['client', 'off']) {
    bed.stack.configure({ tfo });
    bed.listen(tfo === 'off' ? 8 : 9);
    const peer = bed.newPeer({ address: '10.9.0.20', stackPort: tfo === 'off' ? 8 : 9 });
    peer.send({
      flags: 'S',
      data: 100,
      options: { mss: 1460 },
      rawOptions: [FAST_OPEN, 10, ...cookie, 1, 1],
    });
    assert.ok(!peer.expect({ flags: 'SA', ack: 1 }).kinds.includes(FAST_OPEN));
  }
});
