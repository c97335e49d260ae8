/** A short piece of what `npm run sim -- --hours N` does by the hour, and proof that it would notice. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seqAdd } from '../../src/base/seq.ts';
import { InvariantError } from '../../src/sim/invariants.ts';
import { MODES } from './support/busy-plan.ts';
import { type BusyResult, runBusySeed } from './support/busy-world.ts';

/** The eighth goes through `memoryLink`, the others through a link with mishaps. */
const SEEDS = [1, 3, 5, 8, 9, 16];
const SEGMENTS = 2500;
const SECOND = 1_000_000;

describe('worlds full of connections: streams whole, invariants kept, nothing left', () => {
  const results: BusyResult[] = [];
  for (const mode of MODES) {
    test(`${mode}: seeds ${SEEDS.join(', ')}`, () => {
      for (const seed of SEEDS) results.push(runBusySeed(seed, mode, { segments: SEGMENTS }));
    });
  }

  test('they are what they are meant to be: many connections, most of them checked to the last byte', () => {
    const sum = (of: (result: BusyResult) => number): number => results.reduce((all, it) => all + of(it), 0);
    assert.ok(sum(({ segments }) => segments) > MODES.length * SEEDS.length * SEGMENTS * 0.8);
    assert.ok(sum(({ connections }) => connections) > 20 * results.length);
    assert.ok(sum(({ whole }) => whole) > 5 * results.length);
  });
});

describe('what they would notice', () => {
  test('SND.NXT one too far in one connection', () => {
    const run = (): BusyResult =>
      runBusySeed(1, 'plain', {
        segments: SEGMENTS,
        prepared: (world, a) => {
          let spoilt = false;
          world.afterEveryEvent(() => {
            a.stack.tcp.forEachConnection((tcb) => {
              if (spoilt || tcb.state !== 'ESTABLISHED') return;
              tcb.snd.nxt = seqAdd(tcb.snd.nxt, 1);
              spoilt = true;
            });
          });
        },
      });
    assert.throws(run, InvariantError);
  });

  test('a timer that was missed', () => {
    const run = (): BusyResult =>
      runBusySeed(1, 'plain', {
        segments: SEGMENTS,
        prepared: (world, a) => {
          world.after(SECOND, () => {
            a.stack.tcp.expire = () => undefined;
          });
        },
      });
    assert.throws(run);
  });

  test('a byte that changes on its way through the receive buffer', () => {
    const run = (): BusyResult =>
      runBusySeed(8, 'super-packets', {
        segments: SEGMENTS,
        prepared: (_world, _a, b) => {
          const { tcp } = b.stack;
          const receive = tcp.receiveInto.bind(tcp);
          tcp.receiveInto = (tcb, into, start, end) => {
            const count = receive(tcb, into, start, end);
            if (count > 100) into[start + 100] = (into[start + 100] as number) ^ 1;
            return count;
          };
        },
      });
    assert.throws(run, /byte \d+ of the stream is wrong/);
  });
});
