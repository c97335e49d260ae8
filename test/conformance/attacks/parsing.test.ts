import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf } from '../../support/budget.ts';
import { pattern } from '../../support/pattern.ts';
import { EDGE_ISNS, testbed } from '../../support/peer.ts';
import { scenario } from '../../support/scenario.ts';
import { ALL_STATES, reach, type Scene, stateOf } from '../../support/states.ts';

const SYN = { mss: 1460 };

test('B05, B06: a tiny MSS costs us no more than its floor, also with timestamps and SACK blocks', () => {
  for (const mss of [0, 1, 20, 47, 48]) {
    const bed = testbed();
    const app = bed.peer.handshake('passive', { mss, tsVal: 1, sackPermitted: true });
    bed.peer.send({ flags: 'A', seq: 5001, data: 1 });
    bed.peer.send({ flags: 'A', seq: 6001, data: 1 });
    bed.peer.send({ flags: 'A', seq: 7001, data: 1 });
    bed.peer.sent();
    app.write(1000);
    const data = bed.peer.sent().filter(({ length }) => length > 0);
    assert.ok(data.length > 0 && data.length <= 30, `${data.length} segments`);
  }
});

test('B07: of two MSS and two window scale options the first counts', () => {
  const bed = testbed();
  bed.listen(7);
  const rawOptions = [2, 4, 2, 0, 3, 3, 5, 2, 4, 4, 0, 3, 3, 9];
  bed.peer.send({ flags: 'S', rawOptions });
  bed.peer.expect({ flags: 'SA' });
  bed.peer.send({ flags: 'A', wnd: 1000 });
  const [app] = bed.accepted;
  assert.equal(app?.tcb.snd.wnd, 32_000);
  app?.write(5000);
  assert.ok(bed.peer.sent().every(({ length }) => length <= 512));
});

test('B08, E07: corrupt SACK blocks change nothing but the ACK that carries them counts', () => {
  const bed = testbed();
  const app = bed.peer.handshake('passive', { mss: 1000, sackPermitted: true });
  app.write(5000);
  bed.peer.sent();
  for (const sack of [
    [[3001, 2001]],
    [[2001, 2001]],
    [[4001, 90_000]],
    [[-5000, -4000]],
    [[2001, -2001]],
  ] as [number, number][][]) {
    bed.peer.send({ flags: 'A', ack: 1, options: { sack } });
    assert.equal(app.state, 'ESTABLISHED');
  }
  for (const length of [0, 1, 2, 3, 9, 11, 35]) {
    bed.peer.send({ flags: 'A', ack: 1, rawOptions: [5, length, 0, 0] });
  }
  bed.peer.send({ flags: 'A', ack: 5001, options: { sack: [[9001, 8001]] } });
  assert.equal(app.tcb.unacked, 0);
});

for (const flags of [
  '',
  'F',
  'P',
  'U',
  'FPU',
  'FSRPAU',
  'SF',
  'SFA',
  'SR',
  'SRA',
  'FP',
  'PU',
  'E',
  'C',
  'EC',
]) {
  test(`B11: flags "${flags}" to a listener make no connection and no FIN comes early`, () => {
    const bed = testbed();
    bed.listen(7);
    bed.peer.send({ flags, seq: 0, ack: 5, data: 10 });
    const answers = bed.peer.sent();
    assert.ok(answers.length <= 1);
    if (flags.includes('R')) assert.deepEqual(answers, []);
    else if (flags.includes('A')) assert.equal(answers[0]?.flags, 'R');
    else assert.deepEqual(answers, []);
    assert.equal(bed.accepted.length, 0);
    // The listener has not been hurt.
    bed.newPeer().handshake('passive');
  });

  test(`B11: flags "${flags}" at RCV.NXT of an established connection`, () => {
    const { bed, app } = reach('ESTABLISHED');
    bed.peer.send({ flags, seq: bed.peer.nxt });
    bed.advance(100);
    const answers = bed.peer.sent();
    assert.ok(answers.length <= 1);
    if (flags.includes('R')) assert.equal(app?.state, 'CLOSED');
    else if (flags.includes('S')) assert.deepEqual([app?.state, answers[0]?.flags], ['ESTABLISHED', 'A']);
    else if (!flags.includes('A')) assert.deepEqual([app?.state, answers.length], ['ESTABLISHED', 0]);
  });
}

test('B11: synFin=syn opens on SYN,FIN, and the FIN is not believed', () => {
  const bed = testbed({ config: { synFin: 'syn' } });
  bed.listen(7);
  bed.peer.send({ flags: 'SF', seq: 0, options: SYN });
  bed.peer.expect({ flags: 'SA', ack: 1 });
  bed.peer.nxt = 1;
  bed.peer.send({ flags: 'A' });
  assert.equal(bed.accepted[0]?.state, 'ESTABLISHED');
});

test('B12: reserved bits and the ninth flag are ignored', () => {
  const bed = testbed();
  bed.listen(7);
  const packet = bed.peer.build({ flags: 'S', options: SYN });
  packet[32] = (packet[32] as number) | 0x0f;
  const view = new DataView(packet.buffer);
  const sum = view.getUint16(36) - 0x0f00;
  view.setUint16(36, sum < 0 ? sum + 0xffff : sum);
  bed.inject(packet);
  bed.peer.expect({ flags: 'SA', ack: 1 });
});

/** What the application has read so far, wherever the connection came from. */
function readSoFar({ bed, app }: Scene): Uint8Array {
  return (app ?? bed.accepted[0])?.received ?? new Uint8Array(0);
}

for (const state of ALL_STATES) {
  test(`B13: urgent pointers of every kind in ${state}: no harm, no byte lost`, () => {
    const scene = reach(state);
    const { bed } = scene;
    const reads = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'].includes(state);
    let given = 0;
    const cost = costOf(bed, () => {
      for (const up of [0, 1, 2, 10, 11, 1000, 0x7fff, 0xffff]) {
        for (const data of reads ? [0, 10] : [0]) {
          if (data === 0) bed.peer.send({ flags: 'UA', seq: bed.peer.nxt, up });
          else bed.peer.send({ flags: 'UA', data, up });
          given += data;
        }
      }
    });
    assert.deepEqual(readSoFar(scene), pattern(0, given), 'urgent bytes stay in line');
    assert.ok(cost.sent <= 16 && cost.grown.memory <= 0, `${cost.sent} packets`);
  });
}

scenario('B13: urgent data stays in line and its pointer never moves back', (bed) => {
  const app = bed.peer.handshake('passive', { autoRead: false });
  bed.peer.send({ flags: 'PAU', data: 10, up: 60_000 });
  const far = bed.stack.tcp.urgentRemaining(app.tcb);
  assert.equal(far, 60_000);
  bed.peer.send({ flags: 'PAU', data: 10, up: 1 });
  bed.peer.send({ flags: 'PAU', data: 10, up: 0 });
  assert.equal(bed.stack.tcp.urgentRemaining(app.tcb), far);
  assert.equal(app.read().length, 30);
  assert.equal(bed.stack.tcp.urgentRemaining(app.tcb), far - 30);
});

test('B14: port 0 at either end is dropped', () => {
  const bed = testbed();
  bed.listen(7);
  for (const flags of ['S', 'A', 'SA', 'F', 'R']) {
    bed.peer.send({ flags, seq: 0, sourcePort: 0 });
    bed.peer.send({ flags, seq: 0, destinationPort: 0 });
  }
  bed.expectSilence();
  assert.equal(bed.counter('TCP_HEADER'), 10);
});

test('B15: LAND: a SYN from ourselves to ourselves is dropped by IP', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'S', seq: 0, source: '10.9.0.2', sourcePort: 7 });
  bed.expectSilence();
  assert.equal(bed.stack.tcp.stats.flows, 0);
  assert.equal(bed.counter('IP_LOCAL_SOURCE'), 1);
});

test('B16: connecting to oneself is refused, or ends; it never runs for ever', () => {
  const bed = testbed();
  bed.listen(7);
  const self = bed.newPeer({ address: '10.9.0.2', port: 7 });
  try {
    bed.connect(self, { localPort: 7 });
  } catch (error) {
    assert.match((error as { code: string }).code, /^E/);
  }
  bed.advance(1_000_000);
  assert.equal(bed.stack.tcp.stats.connections, 0);
  assert.ok(bed.packets.length <= 10, `${bed.packets.length} packets`);
});

for (const isn of [...EDGE_ISNS, 0xffffffff, 0xfffffffe]) {
  test(`B17: data and FIN both ways across the peer's ISN ${isn}`, () => {
    const bed = testbed({ isn });
    const app = bed.peer.handshake('passive');
    for (let i = 0; i < 5; i++) bed.peer.send({ flags: 'PA', data: 100 });
    assert.equal(app.received.length, 500);
    bed.peer.send({ flags: 'FA' });
    bed.advance(100);
    assert.equal(app.state, 'CLOSE-WAIT');
    app.close();
    bed.peer.sent();
    bed.peer.ack();
    assert.equal(stateOf(bed), 'CLOSED');
  });

  test(`B17: an ISS of ours at ${isn}: data, FIN and their ACKs`, () => {
    const bed = testbed({ start: 4_000_000_000 });
    bed.listen(7);
    // The same 4-tuple has the same offset at each time: wait until the ISN clock brings it round.
    bed.peer.send({ flags: 'S', options: SYN });
    const { rawSeq } = bed.peer.expect({ flags: 'SA' });
    const ticks = (isn - rawSeq) >>> 0;
    const later = testbed({ start: 4_000_000_000 + ticks * 4 });
    const app = later.peer.handshake('passive');
    assert.equal(later.peer.iss, isn >>> 0);
    app.write(3000);
    later.peer.ack();
    app.shutdown();
    later.peer.ack();
    assert.equal(app.state, 'FIN-WAIT-2');
    assert.equal(later.peer.rcvNxt, 3002);
  });
}

test('B18: a segment exactly 2^31 away is unacceptable both ways', () => {
  const { bed, app } = reach('ESTABLISHED');
  bed.peer.send({ flags: 'PA', seq: bed.peer.nxt + 2 ** 31, data: 10 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  bed.peer.send({ flags: 'PA', seq: bed.peer.nxt, ack: 1 + 2 ** 31, data: 10 });
  bed.peer.expect({ flags: 'A', ack: 1 });
  assert.equal(app?.received.length, 0);
});
