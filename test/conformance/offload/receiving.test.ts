/**
 * Super-packets from the kernel, and checksums that it vouches for or has left out: each stands for the
 * segments that it was made of. Virtual I/O Device 1.2, §5.1.6.4.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InjectedPacketInfo } from '../../../src/device/packet-device.ts';
import type { Application } from '../../support/application.ts';
import { pattern } from '../../support/pattern.ts';
import { type HandshakeOptions, type Outgoing, type Testbed, testbed } from '../../support/peer.ts';

const MSS = 1460;

function opened(options: HandshakeOptions & { config?: Record<string, string> } = {}): {
  bed: Testbed;
  app: Application;
} {
  const { config = {}, ...agreed } = options;
  const bed = testbed({ offload: 'tso4', config });
  const app = bed.peer.handshake('passive', agreed);
  return { bed, app };
}

/** One packet as the device hands it over. */
function deliver(bed: Testbed, out: Outgoing, info: InjectedPacketInfo = { gsoSize: MSS }): void {
  bed.device.inject(bed.peer.build(out), info);
  bed.checkGuard();
}

/** What was read is the peer's stream up to here. */
function assertRead(app: Application, length: number): void {
  assert.equal(app.received.length, length);
  assert.deepEqual(app.received, pattern(0, length));
}

/** Damages the last byte. */
function damaged(packet: Uint8Array): Uint8Array {
  const bytes = packet.slice();
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 0x55;
  return bytes;
}

test('NEEDS_CSUM and DATA_VALID are believed, anything else is summed: one wrong byte is found (MUST-3)', () => {
  for (const [checksum, taken] of [
    ['unverified', false],
    ['partial', true],
    ['valid', true],
  ] as const) {
    for (const gsoSize of [0, MSS]) {
      const { bed, app } = opened();
      const length = gsoSize === 0 ? 100 : 3 * MSS;
      bed.device.inject(damaged(bed.peer.build({ flags: 'PA', seq: 1, data: length })), {
        gsoSize,
        checksum,
      });
      assert.equal(app.received.length, taken ? length : 0, `${checksum}, gso_size ${gsoSize}`);
      assert.equal(bed.counter('TCP_CSUM'), taken ? 0 : 1);
      deliver(bed, { flags: 'PA', seq: 1, data: length }, { gsoSize, checksum: 'unverified' });
      assert.equal(app.received.length, length);
    }
  }
});

test('NEEDS_CSUM holds for the transport checksum alone: the IP header’s is verified all the same', () => {
  const { bed, app } = opened();
  const packet = bed.peer.build({ flags: 'PA', data: 100 });
  packet[8] = (packet[8] as number) - 1;
  bed.device.inject(packet, { checksum: 'partial' });
  assert.equal(app.received.length, 0);
  assert.equal(bed.counter('IP_CSUM'), 1);
});

test('a super-packet counts as its segments, in statistics and where every second one is acknowledged (SHLD-19)', () => {
  const { bed, app } = opened({ config: { 'ack.policy': 'delay', 'ack.stretch': '2' } });
  deliver(bed, { flags: 'A', data: MSS });
  bed.peer.expectNothing();
  bed.advance(1000);
  bed.peer.expect({ flags: 'A', ack: 1 + MSS });
  const before = app.tcb.tally.dataSegmentsReceived;
  deliver(bed, { flags: 'A', data: 2 * MSS + 1 });
  bed.peer.expect({ flags: 'A', ack: 2 + 3 * MSS, length: 0 });
  bed.peer.expectNothing();
  assert.equal(app.tcb.tally.dataSegmentsReceived - before, 3);
  assertRead(app, 3 * MSS + 1);
});

test('out of order, each of its segments earns a duplicate ACK: a peer without SACK must count three (RFC 5681 §4.2)', () => {
  const { bed, app } = opened();
  deliver(bed, { flags: 'A', seq: 1 + MSS, data: 3 * MSS });
  assert.deepEqual(
    bed.peer.sent().map(({ ack, length }) => [ack, length]),
    [
      [1, 0],
      [1, 0],
      [1, 0],
    ],
  );
  deliver(bed, { flags: 'A', seq: 1, data: MSS }, { gsoSize: 0 });
  bed.peer.expect({ ack: 1 + 4 * MSS });
  assertRead(app, 4 * MSS);
});

test('out of order with SACK: one block says all of it (RFC 2018 §3)', () => {
  const { bed } = opened({ sackPermitted: true });
  deliver(bed, { flags: 'A', seq: 1 + MSS, data: 3 * MSS });
  const sent = bed.peer.sent();
  assert.equal(sent.length, 3);
  for (const { options } of sent) assert.deepEqual(options.sack, [[1 + MSS, 1 + 4 * MSS]]);
});

test('half old: the new half is taken, the old half is reported once as a duplicate (RFC 2883 §4)', () => {
  const { bed, app } = opened({ sackPermitted: true });
  deliver(bed, { flags: 'A', data: 2 * MSS });
  bed.peer.sent();
  deliver(bed, { flags: 'A', seq: 1, data: 4 * MSS });
  const sent = bed.peer.sent();
  const dsacks = sent.filter(({ options }) => options.sack !== undefined);
  assert.equal(sent.at(-1)?.ack, 1 + 4 * MSS);
  assert.deepEqual(
    dsacks.map(({ options }) => options.sack),
    [[[1, 1 + 2 * MSS]]],
  );
  assertRead(app, 4 * MSS);
});

test('wholly old: acknowledged, and not delivered twice', () => {
  const { bed, app } = opened();
  deliver(bed, { flags: 'A', data: 4 * MSS });
  bed.peer.sent();
  deliver(bed, { flags: 'A', seq: 1, data: 4 * MSS });
  const sent = bed.peer.sent();
  assert.ok(sent.length >= 1 && sent.length <= 4);
  for (const { ack } of sent) assert.equal(ack, 1 + 4 * MSS);
  assertRead(app, 4 * MSS);
});

/** A connection that reads nothing, with a window of some segments. */
function narrow(): { bed: Testbed; app: Application; window: number } {
  const { bed, app } = opened({
    autoRead: false,
    config: { 'buffer.receive': '8K', 'buffer.autoTuning': 'off' },
  });
  return { bed, app, window: app.tcb.rcv.wnd };
}

test('straddling the window’s right edge: what fits is taken, no byte beyond, and the window is closed (RFC 9293 §3.10.7.4)', () => {
  const { bed, app, window } = narrow();
  deliver(bed, { flags: 'PA', seq: 1, data: window + 2 * MSS });
  assert.equal(app.tcb.readable, window);
  assert.equal(bed.peer.sent().at(-1)?.ack, 1 + window);
  assert.equal(app.tcb.rcv.wnd, 0);
  app.read();
  assertRead(app, window);
});

test('out of order and straddling the right edge: kept up to the edge', () => {
  const { bed, app, window } = narrow();
  deliver(bed, { flags: 'PA', seq: 1 + MSS, data: window });
  bed.peer.sent();
  deliver(bed, { flags: 'A', seq: 1, data: MSS }, { gsoSize: 0 });
  assert.equal(bed.peer.sent().at(-1)?.ack, 1 + window);
  app.read();
  assertRead(app, window);
});

test('wholly beyond the window, or beginning before it and ending behind it', () => {
  const { bed, app, window } = narrow();
  deliver(bed, { flags: 'A', seq: 1 + window, data: 3 * MSS });
  assert.equal(app.tcb.readable, 0);
  assert.ok(bed.peer.sent().length >= 1, 'an ACK says where we are');
  deliver(bed, { flags: 'A', seq: 1, data: 100 }, { gsoSize: 0 });
  bed.peer.sent();
  deliver(bed, { flags: 'A', seq: 1, data: window + 3 * MSS });
  app.read();
  assertRead(app, window);
});

test('PSH, FIN and URG of a super-packet are those of its last byte', () => {
  const { bed, app } = opened();
  deliver(bed, { flags: 'FPUA', data: 3 * MSS, up: 3 * MSS });
  assertRead(app, 3 * MSS);
  assert.equal(app.state, 'CLOSE-WAIT');
  bed.advance(1000);
  assert.equal(bed.peer.sent().at(-1)?.ack, 2 + 3 * MSS);
});

test('a FIN on a super-packet that lies out of order closes only when the hole is filled', () => {
  const { bed, app } = opened();
  deliver(bed, { flags: 'FPA', seq: 1 + MSS, data: 3 * MSS });
  assert.equal(app.state, 'ESTABLISHED');
  deliver(bed, { flags: 'A', seq: 1, data: MSS }, { gsoSize: 0 });
  assert.equal(app.state, 'CLOSE-WAIT');
  assertRead(app, 4 * MSS);
});

const ECT = 0x02;
const CE = 0x03;

/** ECN agreed upon: RFC 3168 §6.1.1. */
function openedWithEcn(): { bed: Testbed; app: Application } {
  const bed = testbed({ offload: 'tso4', config: { ecn: 'on' } });
  bed.listen(7);
  bed.peer.send({ flags: 'SEC', options: { mss: MSS } });
  bed.peer.expect({ flags: 'SAE' });
  bed.peer.send({ flags: 'A' });
  return { bed, app: bed.accepted[0] as Application };
}

test('CE on a super-packet: each of its segments was marked, ECE goes back until CWR comes (RFC 3168 §6.1.3)', () => {
  const { bed } = openedWithEcn();
  deliver(bed, { flags: 'A', data: 3 * MSS, tos: CE });
  bed.peer.expect({ flags: 'AE', ack: 1 + 3 * MSS });
  deliver(bed, { flags: 'A', data: 3 * MSS, tos: ECT });
  assert.equal(bed.peer.sent().at(-1)?.flags, 'AE');
  // The kernel lets CWR stand on a super-packet whose first segment had it.
  deliver(bed, { flags: 'AC', data: 3 * MSS, tos: ECT });
  bed.advance(1000);
  assert.equal(bed.peer.sent().at(-1)?.flags, 'A');
});

test('CWR stands on the first segment of a super-packet, and on no other frame (RFC 3168 §6.1.2)', () => {
  const { bed, app } = openedWithEcn();
  app.write(6 * MSS);
  bed.peer.sent();
  bed.advance(20);
  bed.peer.send({ flags: 'AE', ack: 1 + 3 * MSS });
  bed.peer.send({ flags: 'AE', ack: 1 + 6 * MSS });
  app.write(20 * MSS);
  const sent = bed.peer.sent();
  assert.ok(sent.length >= 3 && bed.frames.some(({ gsoSize }) => gsoSize > 0));
  assert.deepEqual(
    sent.map(({ flags }) => flags.includes('C')),
    sent.map((_, index) => index === 0),
  );
});

test('a device that lies about gso_size, or wrongly about the rest, does no harm', () => {
  for (const gsoSize of [0, 1, 7, MSS - 1, 3 * MSS, 65_535]) {
    for (const checksum of ['unverified', 'partial', 'valid'] as const) {
      const { bed, app } = opened({ sackPermitted: true });
      deliver(bed, { flags: 'A', seq: 1 + MSS, data: 3 * MSS }, { gsoSize, checksum });
      assert.ok(bed.peer.sent().length <= 256, 'the answers to one packet have a bound');
      deliver(bed, { flags: 'PA', seq: 1, data: 4 * MSS }, { gsoSize, checksum });
      assert.equal(bed.peer.sent().at(-1)?.ack, 1 + 4 * MSS);
      assertRead(app, 4 * MSS);
    }
  }
});

test('gso_size on what is no data: SYN, RST, a pure ACK, ICMP', () => {
  const { bed, app } = opened();
  deliver(bed, { flags: 'A' });
  bed.peer.expectNothing();
  const stranger = bed.newPeer();
  bed.device.inject(stranger.build({ flags: 'S' }), { gsoSize: 1, checksum: 'partial' });
  stranger.expect({ flags: 'SA' });
  deliver(bed, { flags: 'R' });
  assert.equal(app.state, 'CLOSED');
  bed.checkGuard();
});
