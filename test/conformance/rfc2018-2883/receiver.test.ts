import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';

const SACK = { sackPermitted: true };
const SEGMENT = 100;

type Block = readonly [number, number];

/** SACK blocks relative to the ISS, or the bytes of an option. */
interface Blocks {
  sack?: readonly Block[];
  raw?: number[];
}

/** Segment `n` of 100 bytes; the first is 1. */
const block = (n: number, last = n): Block => [1 + SEGMENT * (n - 1), 1 + SEGMENT * last];

function segment(bed: Testbed, n: number): void {
  bed.peer.send({ flags: 'A', seq: block(n)[0], data: SEGMENT });
}

/** Sends segment `n`; the blocks of the ACK that follows at once. */
function answer(bed: Testbed, n: number): readonly Block[] | undefined {
  segment(bed, n);
  const ack = bed.peer.expect({ flags: 'A', length: 0 });
  bed.peer.expectNothing();
  return ack.options.sack;
}

test('SK-01: a connection whose SYN had no SACK-permitted sends neither kind 4 nor kind 5', () => {
  for (const kind of ['passive', 'active'] as const) {
    const bed = testbed();
    const app = bed.peer.handshake(kind);
    // SACK-permitted means something in a SYN only.
    bed.peer.send({ flags: 'A', options: SACK });
    for (const n of [3, 5, 5, 7]) segment(bed, n);
    app.write(10);
    for (const n of [1, 1]) segment(bed, n);
    const sent = bed.peer.sent();
    assert.ok(sent.length >= 6, `${sent.length} segments`);
    for (const { kinds, flags } of sent) assert.ok(!kinds.includes(4) && !kinds.includes(5), flags);
  }
});

test('SK-01: SACK-permitted is in the SYN, in the SYN,ACK if the SYN had it, and nowhere else', () => {
  for (const permitted of [true, false]) {
    const bed = testbed();
    bed.listen(7);
    bed.peer.send({
      flags: 'S',
      options: { mss: 1460, sackPermitted: permitted },
    });
    assert.equal(bed.peer.expect({ flags: 'SA' }).options.sackPermitted, permitted || undefined);
  }
  const bed = testbed();
  const app = bed.connect(bed.peer);
  assert.equal(bed.peer.expect({ flags: 'S' }).options.sackPermitted, true);
  bed.peer.send({ flags: 'SA', options: { mss: 1460, ...SACK } });
  for (const n of [3, 1]) segment(bed, n);
  app.write(10);
  app.shutdown();
  const sent = bed.peer.sent();
  assert.ok(sent.some(({ kinds }) => kinds.includes(5)));
  for (const { kinds, flags } of sent) assert.ok(!kinds.includes(4), flags);
});

scenario(
  'SK-02: the first block holds the segment that triggered the ACK, in whatever order they come',
  (bed) => {
    bed.peer.handshake('passive', SACK);
    for (const n of [3, 7, 5, 11, 9]) assert.deepEqual(answer(bed, n)?.[0], block(n));
    // Beside a block: the whole block, not a part of it.
    assert.deepEqual(answer(bed, 6)?.[0], block(5, 7));
    assert.deepEqual(answer(bed, 4)?.[0], block(3, 7));
  },
);

test('SK-02: segments 3, 5, 7 and 5 again: the first block is about 5', () => {
  for (const dsack of ['on', 'off']) {
    const bed = testbed({ config: { dsack } });
    bed.peer.handshake('passive', SACK);
    for (const n of [3, 5, 7, 5]) assert.deepEqual(answer(bed, n)?.[0], block(n), `DSACK ${dsack}`);
  }
});

test('RFC 2018 §4: of six blocks those are sent that fit: four, three beside timestamps', () => {
  for (const [tsVal, most] of [
    [undefined, 4],
    [1000, 3],
  ] as const) {
    const bed = testbed();
    bed.peer.handshake('passive', {
      ...SACK,
      ...(tsVal === undefined ? {} : { tsVal }),
    });
    for (const [i, n] of [3, 5, 7, 9, 11, 13].entries()) {
      segment(bed, n);
      const ack = bed.peer.expect({ flags: 'A', ack: 1, length: 0 });
      assert.ok(ack.headerLength <= 60);
      const wanted = [3, 5, 7, 9, 11, 13]
        .slice(0, i + 1)
        .reverse()
        .slice(0, most);
      assert.deepEqual(
        ack.options.sack,
        wanted.map((each) => block(each)),
      );
    }
  }
});

scenario(
  'SK-04: while data waits behind a hole, every ACK tells of it: on data, FIN and retransmission too',
  (bed) => {
    const app = bed.peer.handshake('passive', SACK);
    for (const n of [3, 5]) segment(bed, n);
    bed.peer.sent();
    app.write(10);
    bed.peer.expect({
      seq: 1,
      length: 10,
      options: { sack: [block(5), block(3)] },
    });
    bed.advance(3000);
    const again = bed.peer.sent();
    assert.ok(again.length > 0);
    for (const { options } of again) assert.deepEqual(options.sack, [block(5), block(3)]);
    bed.peer.ack();
    // In order, but the holes stay.
    segment(bed, 1);
    bed.advance(500);
    bed.peer.expect({ ack: 101, options: { sack: [block(5), block(3)] } });
    app.shutdown();
    const [fin] = bed.peer.sent();
    assert.ok(fin?.flags.includes('F'));
    assert.deepEqual(fin.options.sack, [block(5), block(3)]);
    segment(bed, 2);
    bed.peer.expect({ ack: 301, options: { sack: [block(5)] } });
    segment(bed, 4);
    bed.peer.expect({ ack: 501, options: { sack: undefined } as never });
  },
);

scenario('SK-05: what was only SACKed is kept: the peer may forget it, and gets it again', (bed) => {
  const app = bed.peer.handshake('passive', { ...SACK, mss: 1000 });
  app.write(3000);
  const first = bed.peer.sent();
  bed.peer.send({ flags: 'A', ack: 1, options: { sack: [[1, 3001]] } });
  assert.equal((app.tcb.snd.una - app.tcb.snd.iss) | 0, 1);
  const resent = new Map<number, Uint8Array>();
  for (let i = 0, ack = 1; i < 40 && ack < 3001; i++) {
    bed.advance(2000);
    for (const { seq, payload } of bed.peer.sent()) resent.set(seq, payload);
    for (let next = resent.get(ack); next !== undefined && next.length > 0; next = resent.get(ack))
      ack += next.length;
    bed.peer.ack(ack);
    for (const { seq, payload } of bed.peer.sent()) resent.set(seq, payload);
  }
  for (const { seq, payload } of first) assert.deepEqual(resent.get(seq), payload, `seq ${seq}`);
  assert.equal(app.told().includes('failed'), false);
});

const INVALID: readonly (readonly [string, Blocks])[] = [
  ['reversed', { sack: [[3001, 2001]] }],
  ['empty', { sack: [[2001, 2001]] }],
  ['beyond SND.NXT', { sack: [[9001, 10_001]] }],
  ['ending beyond SND.NXT', { sack: [[4001, 5002]] }],
  ['below SND.UNA', { sack: [[1, 501]] }],
  ['half the circle long', { sack: [[2001, 2001 + 0x7fffffff]] }],
  ['of 9 bytes', { raw: [5, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1] }],
  ['without an edge', { raw: [5, 2, 1, 1] }],
  ['longer than the header', { raw: [5, 34, 0, 0] }],
];

interface Sender {
  bed: Testbed;
  app: Application;
  ack: (blocks: Blocks) => void;
}

/** Five segments of 1000 bytes were sent, the first of them acknowledged with `blocks` beside. */
function acknowledged(blocks: Blocks): Sender {
  const bed = testbed({ config: { iw: 10, tlp: 'off' } });
  const app = bed.peer.handshake('passive', { ...SACK, mss: 1000 });
  app.write(5000);
  assert.equal(bed.peer.sent().length, 5);
  const ack = ({ sack, raw }: Blocks): void =>
    bed.peer.send({
      flags: 'A',
      ack: 1001,
      ...(sack === undefined ? {} : { options: { sack } }),
      ...(raw === undefined ? {} : { rawOptions: raw }),
    });
  ack(blocks);
  return { bed, app, ack };
}

for (const [what, bad] of INVALID) {
  test(`SK-07: a SACK block ${what} is ignored, and its ACK counts`, () => {
    const honest = acknowledged({});
    const { bed, app, ack } = acknowledged(bad);
    const { snd } = app.tcb;
    assert.equal((snd.una - snd.iss) | 0, 1001);
    assert.equal(app.tcb.congestion.cwnd, honest.app.tcb.congestion.cwnd);
    for (let i = 0; i < 5; i++) ack(bad);
    bed.expectSilence();
    assert.equal(app.tcb.congestion.cwnd, honest.app.tcb.congestion.cwnd);
    assert.equal(app.tcb.recovery.state, 'open');
    assert.equal(app.state, 'ESTABLISHED');
  });
}

test('SK-07: sound blocks count, alone and beside one that is not', () => {
  const beside: Block[] = [
    [5001, 2001],
    [9001, 10_001],
    [1, 501],
  ];
  for (const bad of [[], ...beside.map((each) => [each])]) {
    const { bed, app, ack } = acknowledged({});
    for (const right of [3001, 4001, 5001]) ack({ sack: [...bad, [2001, right]] });
    bed.advance(50);
    assert.ok(
      bed.peer.sent().some(({ seq }) => seq === 1001),
      `beside ${bad.join()}`,
    );
    assert.equal(app.tcb.recovery.state, 'recovery');
  }
});

scenario('DS-01: a segment that comes again is reported in the first block, once', (bed) => {
  bed.peer.handshake('passive', SACK);
  segment(bed, 1);
  bed.advance(500);
  bed.peer.sent();
  assert.deepEqual(answer(bed, 1), [block(1)]);
  segment(bed, 2);
  bed.advance(500);
  bed.peer.expect({ ack: 201, options: { sack: undefined } as never });
  assert.deepEqual(answer(bed, 4), [block(4)]);
  // Before the hole: the duplicate first, then what waits.
  assert.deepEqual(answer(bed, 2), [block(2), block(4)]);
  assert.deepEqual(answer(bed, 6), [block(6), block(4)]);
});

test('DS-01: only the part that came before is reported', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', SACK);
  segment(bed, 1);
  bed.advance(500);
  bed.peer.sent();
  bed.peer.send({ flags: 'A', seq: 51, data: 100 });
  bed.advance(500);
  bed.peer.expect({ ack: 151, options: { sack: [[51, 101]] } });
  assert.equal(app.received.length, 150);
});

scenario('DS-02: a duplicate of data behind a hole: its range first, then the block that holds it', (bed) => {
  bed.peer.handshake('passive', SACK);
  for (const n of [3, 4, 5, 8]) segment(bed, n);
  bed.peer.sent();
  assert.deepEqual(answer(bed, 4), [block(4), block(3, 5), block(8)]);
  assert.deepEqual(answer(bed, 8), [block(8), block(8), block(3, 5)]);
  // The report is not repeated.
  assert.deepEqual(answer(bed, 9), [block(8, 9), block(3, 5)]);
});

test('SK-02: a FIN ahead of a hole is reported with its one number, each time that it comes', () => {
  const bed = testbed();
  bed.peer.handshake('passive', SACK);
  const fin = 1 + 2 * SEGMENT;
  for (let times = 1; times <= 2; times++) {
    bed.peer.send({ flags: 'FA', seq: fin });
    const ack = bed.peer.expect({ flags: 'A', ack: 1, length: 0 });
    assert.deepEqual(ack.options.sack, [[fin, fin + 1]], `time ${times}`);
  }
  assert.deepEqual(answer(bed, 2), [[1 + SEGMENT, fin + 1]], 'with the data that it ends');
  segment(bed, 1);
  assert.equal(bed.connections()[0]?.state, 'CLOSE-WAIT');
  bed.advance(100);
  bed.peer.expect({ flags: 'A', ack: fin + 1 });
});

test('SK-03: behind the first block the ones reported last follow, newest first, whatever their place', () => {
  const bed = testbed();
  bed.peer.handshake('passive', SACK);
  for (const n of [9, 3, 11, 5]) answer(bed, n);
  assert.deepEqual(answer(bed, 7), [block(7), block(5), block(11), block(3)]);
  // A block that grows into its neighbour is one block, and once there.
  assert.deepEqual(answer(bed, 6), [block(5, 7), block(11), block(3), block(9)]);
  // What was delivered is reported no more.
  answer(bed, 1);
  assert.deepEqual(answer(bed, 2), [block(5, 7), block(11), block(9)]);
});

test('DS-01, DS-02, RFC 2883 §4.2: a segment that repeats queued data in part reports that part, once', () => {
  const bed = testbed();
  bed.peer.handshake('passive', SACK);
  answer(bed, 3);
  bed.peer.send({ flags: 'A', seq: 251, data: 100 });
  assert.deepEqual(bed.peer.expect({ flags: 'A', length: 0 }).options.sack, [
    [251, 301],
    [201, 351],
  ]);
  bed.peer.send({ flags: 'A', seq: 151, data: 100 });
  assert.deepEqual(bed.peer.expect({ flags: 'A', length: 0 }).options.sack, [
    [201, 251],
    [151, 351],
  ]);
  // In order, and over the edge of what waits.
  bed.peer.send({ flags: 'A', seq: 1, data: 200 });
  const filled = bed.peer.expect({ flags: 'A', length: 0 });
  assert.equal(filled.ack, 351);
  assert.deepEqual(filled.options.sack, [[151, 201]]);
});
