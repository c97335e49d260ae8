/** Faults that other stacks' scoreboards had: thresholds, walks over what changes, the order of what is sent again. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.ts';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type Testbed, testbed } from '../../support/peer.ts';

const MSS = 1000;
const PLAIN = { congestion: 'reno', hystart: 'off', pacing: 'off', tlp: 'off', prr: 'off' };

/** A connection with `segments` in flight, numbered from 1, and more waiting to be sent. */
function flight(segments: number, config: Record<string, ConfigValue>): { bed: Testbed; app: Application } {
  const bed = testbed({ config: { ...PLAIN, iw: segments, ...config } });
  const app = bed.peer.handshake('passive', { mss: MSS, sackPermitted: true, wscale: 7 });
  app.write(100 * MSS);
  assert.equal(bed.peer.sent().length, segments);
  return { bed, app };
}

/** An ACK of nothing new that tells of segments `from` … `to` in each block. */
function tell(bed: Testbed, ...blocks: [from: number, to: number][]): number[] {
  const sack = blocks.map(([from, to]) => [1 + (from - 1) * MSS, 1 + to * MSS] as const);
  bed.peer.send({ flags: 'A', ack: 1, options: { sack } });
  return bed.peer.sent().map(({ seq }) => (seq - 1) / MSS + 1);
}

test('S45, SB-01: two pieces above a hole do not make it lost, three do; in one piece more than two segments do', () => {
  const { bed } = flight(20, { rack: 'off' });
  assert.ok(!tell(bed, [3, 3]).includes(1));
  assert.ok(!tell(bed, [5, 5], [3, 3]).includes(1));
  assert.deepEqual(
    tell(bed, [7, 7], [5, 5], [3, 3]).filter((number) => number <= 7),
    [1],
    'the first two are below three pieces, 4 and 6 are not',
  );
  const { bed: other } = flight(20, { rack: 'off' });
  assert.ok(!tell(other, [2, 2]).includes(1));
  assert.ok(!tell(other, [2, 3]).includes(1));
  assert.ok(tell(other, [2, 4]).includes(1));
});

test('S40, SB-03: what is lost goes first, each hole once, then what is new', () => {
  const { bed, app } = flight(10, { rack: 'off' });
  assert.deepEqual(tell(bed, [4, 10], [2, 2]), [1, 3, 11, 12, 13], 'half of what was in flight');
  assert.deepEqual(tell(bed, [4, 10], [2, 2]), [], 'nothing new was told, nothing is sent');
  assert.equal(app.tcb.snd.una - app.tcb.snd.iss, 1);
});

for (const rack of ['on', 'off']) {
  test(`S45: blocks in any order, over, in and beside each other, while the scoreboard is walked: it is what they say, rack=${rack}`, () => {
    const random = new SeededRandom(2019);
    for (let run = 0; run < 30; run++) {
      const { bed, app } = flight(40, { rack });
      const told = new Set<number>();
      for (let step = 0; step < 25; step++) {
        const blocks = Array.from({ length: 1 + random.nextInt(3) }, (): [number, number] => {
          const from = 2 + random.nextInt(38);
          return [from, Math.min(40, from + random.nextInt(6))];
        });
        const resent = tell(bed, ...blocks);
        for (const number of resent)
          assert.ok(!told.has(number), `${number} is sent again, and the peer has it`);
        for (const [from, to] of blocks) for (let number = from; number <= to; number++) told.add(number);
        const { sacked, pipe, lost, total, resent: repeated } = app.tcb.inFlight;
        assert.equal(sacked, told.size * MSS);
        assert.ok(pipe >= 0 && lost >= repeated && repeated >= 0 && sacked + lost <= total);
      }
      bed.peer.ack();
      assert.equal(app.tcb.inFlight.sacked, 0);
    }
  });
}
