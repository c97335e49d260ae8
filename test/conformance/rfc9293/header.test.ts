/** RFC 9293 §3.1, §3.2, §3.7.1: header, window, checksum, options, maximum segment size. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from '../../support/pattern.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

/** Payload lengths of everything that the stack sends, acknowledged at once, until it is silent. */
function drain(bed: Testbed): number[] {
  const lengths: number[] = [];
  for (;;) {
    const segments = bed.peer.sent();
    if (segments.length === 0) return lengths;
    lengths.push(...segments.map(({ length }) => length).filter((length) => length > 0));
    bed.peer.ack();
  }
}

test('RFC 9293 MUST-1: a window field above 32767 is not negative', () => {
  const bed = testbed({ config: { iw: 100 } });
  const app = bed.peer.handshake('passive', { wnd: 65535 });
  app.write(60_000);
  const last = bed.peer.sent().at(-1);
  assert.ok(
    last !== undefined && last.seq + last.length > 40_000,
    'data past offset 32767 in the first window',
  );
});

scenario(
  'RFC 9293 REC-1: a send window of 2^30 is a window',
  (bed) => {
    const app = bed.peer.handshake('passive', { wscale: 14 });
    assert.equal(app.tcb.snd.wnd, 65535 * 2 ** 14);
    app.write(50_000);
    assert.equal(
      drain(bed).reduce((sum, length) => sum + length, 0),
      50_000,
    );
    assert.equal(app.tcb.snd.wnd, 65535 * 2 ** 14);
  },
  { config: { 'buffer.receive': '1G' } },
);

test('RFC 9293 MUST-2: every segment has a right checksum: data of odd length, resets, all small sizes', () => {
  // The decoder of the testbed verifies each segment; here it gets many different ones.
  const bed = testbed({ config: { nagle: 'off' } });
  const app = bed.peer.handshake('passive');
  let seen = 0;
  for (let size = 1; size < 300; size++) {
    app.write(size);
    seen += bed.peer.sent().length;
    bed.peer.ack();
  }
  assert.ok(seen >= 299);
  app.abort();
  bed.peer.expect({ flags: 'RA' });
  bed.newPeer({ stackPort: 9 }).send({ flags: 'S' });
  bed.newPeer({ stackPort: 9 }).send({ flags: 'A', ack: 77, data: 3 });
});

test('RFC 9293 MUST-2: a sum that folds to zero is sent as it is', () => {
  // Two bytes of payload run through all values, so that every checksum comes up, 0 and 0xffff too.
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const sums = new Set<number>();
  app.write(Uint8Array.of(0, 0));
  const first = bed.peer.expect({ length: 2 });
  const base = new DataView(first.packet.buffer, first.packet.byteOffset).getUint16(20 + 16);
  bed.peer.ack();
  // The next segment differs in SEG.SEQ (by 2) and payload: chosen so that the sum lands on both edges.
  for (let offset = -8; offset <= 8; offset++) {
    const word = (base + offset) & 0xffff;
    app.write(Uint8Array.of(word >> 8, word & 0xff));
    const { packet } = bed.peer.expect({ length: 2 });
    sums.add(new DataView(packet.buffer, packet.byteOffset).getUint16(20 + 16));
    bed.peer.ack();
  }
  assert.ok(sums.has(0), [...sums].map((sum) => sum.toString(16)).join(' '));
});

test('RFC 9293 MUST-3: a segment with any bit flipped is dropped without an answer', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  const good = bed.peer.build({ flags: 'PA', seq: 1, data: 11 });
  // IP has its own checksum: from the first byte of the TCP header on.
  for (let bit = 20 * 8; bit < good.length * 8; bit++) {
    const bad = good.slice();
    bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
    bed.inject(bad);
  }
  bed.advance(1000);
  bed.expectSilence();
  assert.equal(app.received.length, 0);
  assert.equal(bed.counter('TCP_CSUM'), (good.length - 20) * 8 - bed.counter('TCP_HEADER'));
  bed.inject(good);
  assert.equal(app.received.length, 11);
});

const MSS_700 = [2, 4, 700 >> 8, 700 & 0xff];
const ORDERS: Record<string, number[]> = {
  'MSS first': [...MSS_700, 1, 0, 0, 0],
  'NOP first': [1, ...MSS_700, 0, 0, 0],
  'two NOPs': [1, 1, ...MSS_700, 0, 0],
  'three NOPs (MUST-64: any alignment)': [1, 1, 1, ...MSS_700, 0],
  'four NOPs': [1, 1, 1, 1, ...MSS_700],
  'no padding': MSS_700,
};
for (const [name, rawOptions] of Object.entries(ORDERS)) {
  test(`RFC 9293 MUST-4 and MUST-64: EOL, NOP and MSS are understood: ${name}`, () => {
    const bed = testbed();
    bed.listen();
    bed.peer.send({ flags: 'S', rawOptions });
    bed.peer.expect({ flags: 'SA' });
    bed.peer.ack();
    bed.accepted[0]?.write(2000);
    assert.deepEqual(drain(bed), [700, 700, 600]);
  });
}

test('RFC 9293 MUST-4: what follows EOL is no option', () => {
  const bed = testbed();
  bed.listen();
  bed.peer.send({ flags: 'S', rawOptions: [...MSS_700, 0, 2, 4, 0] });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.ack();
  bed.accepted[0]?.write(700);
  assert.deepEqual(drain(bed), [700]);
});

test('RFC 9293 MUST-5: options are accepted in any segment', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 5, rawOptions: [200, 4, 1, 2] });
  bed.advance(500);
  bed.peer.expect({ flags: 'A', ack: 6 });
  bed.peer.send({ flags: 'FA', rawOptions: [1, 1, 254, 2] });
  bed.advance(500);
  bed.peer.expect({ flags: 'A', ack: 7 });
  assert.deepEqual(app.received, pattern(0, 5));
});

test('RFC 9293 MUST-6: unknown options are skipped by their length, and those behind them are read', () => {
  for (let kind = 60; kind <= 250; kind += 10) {
    for (const length of [2, 3, 7, 20]) {
      const bed = testbed();
      bed.listen();
      // 2 4 2 188 inside the unknown option would be read as an MSS by who does not skip it.
      const unknown = [
        kind,
        length,
        ...[2, 4, 0, 100, 2, 4, 0, 100, 2, 4, 0, 100, 2, 4, 0, 100, 1, 1].slice(0, length - 2),
      ];
      bed.peer.send({ flags: 'S', rawOptions: [...unknown, ...MSS_700] });
      bed.peer.expect({ flags: 'SA' });
      bed.peer.ack();
      bed.accepted[0]?.write(701);
      assert.deepEqual(drain(bed), [700, 1], `kind ${kind}, length ${length}`);
    }
  }
});

const ILLEGAL: Record<string, number[]> = {
  'length 0': [99, 0, 1, 1],
  'length 1': [99, 1, 1, 1],
  'beyond the header': [99, 40, 1, 1],
  'one beyond': [99, 5, 1, 1],
  'MSS of 3 bytes': [2, 3, 1, 0],
  'MSS of 40 bytes': [2, 40, 1, 0],
  'length byte missing (MUST-68)': [1, 1, 1, 99],
  'MSS kind at the end': [1, 1, 1, 2],
  'timestamps cut short': [8, 10, 0, 0],
  'SACK of 3 bytes': [5, 3, 0, 0],
};
for (const [name, rawOptions] of Object.entries(ILLEGAL)) {
  test(`RFC 9293 MUST-7 and MUST-68: an illegal option length hurts nobody: ${name}`, () => {
    const bed = testbed();
    bed.listen();
    // The policy: the rest of the options is ignored, the segment is taken, the event is counted.
    bed.peer.send({ flags: 'S', rawOptions: [...MSS_700, ...rawOptions] });
    assert.equal(bed.counter('TCP_OPTION_LENGTH'), 1);
    bed.peer.expect({ flags: 'SA', ack: 1 });
    bed.peer.send({ flags: 'A', rawOptions });
    const app = bed.accepted[0];
    assert.ok(app !== undefined);
    bed.peer.send({ flags: 'PA', data: 9, rawOptions });
    assert.deepEqual(app.received, pattern(0, 9));
    assert.equal(bed.counter('TCP_OPTION_LENGTH'), 3);
    app.write(701);
    assert.ok(
      drain(bed).every((length) => length <= 700),
      'what stood before the illegal option holds',
    );
    bed.checkGuard();
  });
}

for (const kind of ['passive', 'active'] as const) {
  test(`RFC 9293 MUST-14 and SHLD-5 and MAY-3 and MUST-67: every SYN offers the MTU less 40: ${kind}`, () => {
    const bed = testbed();
    if (kind === 'passive') {
      bed.listen();
      bed.peer.send({
        flags: 'S',
        options: { mss: 1460, timestamps: [1, 0], sackPermitted: true, wscale: 7 },
      });
      bed.peer.expect({ flags: 'SA', options: { mss: 1460 } });
    } else {
      bed.connect(bed.peer);
      bed.peer.expect({ flags: 'S', options: { mss: 1460 } });
    }
  });

  test(`RFC 9293 MUST-14: no segment is larger than the peer's MSS: ${kind}`, () => {
    const bed = testbed();
    const app = bed.peer.handshake(kind, { mss: 700 });
    app.write(3000);
    assert.deepEqual(drain(bed), [700, 700, 700, 700, 200]);
  });

  test(`RFC 9293 MUST-15: without an MSS option segments have 536 bytes: ${kind}`, () => {
    const bed = testbed();
    let app = null;
    if (kind === 'passive') {
      bed.listen();
      bed.peer.send({ flags: 'S' });
      bed.peer.expect({ flags: 'SA' });
      bed.peer.ack();
      app = bed.accepted[0];
    } else {
      app = bed.connect(bed.peer);
      bed.peer.expect({ flags: 'S' });
      bed.peer.send({ flags: 'SA' });
      bed.peer.expect({ flags: 'A' });
    }
    app?.write(1200);
    assert.deepEqual(drain(bed), [536, 536, 128]);
  });

  test(`RFC 9293 MUST-16: the options of each segment count against the MSS: ${kind}`, () => {
    const bed = testbed();
    const app = bed.peer.handshake(kind, { mss: 1460, tsVal: 1, timestamps: [1, 0] });
    app.write(3000);
    assert.deepEqual(drain(bed), [1448, 1448, 104]);
  });
}

test('RFC 9293 MUST-16: the MTU of the interface limits what the peer would take', () => {
  const bed = testbed({ mtu: 1200 });
  const app = bed.peer.handshake('passive', { mss: 1460 });
  app.write(2320);
  assert.deepEqual(drain(bed), [1160, 1160]);
});

test('RFC 9293 MUST-16 and RFC 9293 MUST-15: absurd MSS values are survived', () => {
  for (const mss of [0, 1, 12, 65535]) {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { mss, tsVal: 5, timestamps: [5, 0] });
    app.write(3000);
    assert.equal(
      drain(bed).reduce((sum, length) => sum + length, 0),
      3000,
      `MSS ${mss}`,
    );
    bed.checkGuard();
  }
});

test('RFC 9293 MUST-65: the MSS option is sent in SYNs only and ignored elsewhere', () => {
  // That no other segment carries it is checked by the testbed's decoder for every test.
  const bed = testbed();
  const app = bed.peer.handshake('passive', { mss: 1460 });
  bed.peer.send({ flags: 'A', options: { mss: 64 } });
  app.write(1460);
  const { kinds } = bed.peer.expect({ length: 1460 });
  assert.ok(!kinds.includes(2));
});

test('RFC 9293 MUST-67: the advertised MSS follows the MTU, whatever options will be used', () => {
  for (const mtu of [576, 1280, 1500, 9000]) {
    const bed = testbed({ mtu });
    bed.connect(bed.peer);
    bed.peer.expect({ flags: 'S', options: { mss: mtu - 40 } });
  }
});

test('RFC 9293 MUST-69: non-zero bytes after the end of options are ignored', () => {
  // What the stack sends is checked by the decoder of the testbed.
  const bed = testbed();
  const app = bed.peer.handshake('passive');
  bed.peer.send({ flags: 'PA', data: 4, rawOptions: [0, 99, 0, 255] });
  assert.deepEqual(app.received, pattern(0, 4));
  assert.equal(bed.counter('TCP_OPTION_LENGTH'), 0);
});
