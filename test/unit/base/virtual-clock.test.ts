import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NEVER } from '../../../src/base/clock.ts';
import { type ClockUser, VirtualClock, virtualClock } from '../../../src/base/virtual-clock.ts';

/** Fires at the given times and notes when. */
function alarm(clock: VirtualClock, times: number[], log: string[], name: string): ClockUser {
  return {
    nextDeadline: () => times[0] ?? NEVER,
    runDue() {
      times.shift();
      log.push(`${name}@${clock.now}`);
    },
  };
}

describe('VirtualClock', () => {
  it('stops at every deadline of every user in due order, finer than a millisecond', () => {
    const clock = virtualClock(1_000);
    const log: string[] = [];
    clock.register(alarm(clock, [1_002, 1_003.5, 9_000], log, 'a'));
    clock.register(alarm(clock, [1_001, 1_003.25, 20_000], log, 'b'));
    clock.advanceTo(10_000);
    assert.deepEqual(log, ['b@1001', 'a@1002', 'b@1003.25', 'a@1003.5', 'a@9000']);
    assert.equal(clock.now, 10_000);
    assert.equal(clock.nextDeadline(), 20_000);
  });

  it('runs what is due at the very end and what falls due because of another run', () => {
    const clock = virtualClock();
    const log: string[] = [];
    const chained: number[] = [];
    clock.register(alarm(clock, chained, log, 'second'));
    clock.register({
      nextDeadline: () => (log.length === 0 ? 50 : NEVER),
      runDue: () => {
        log.push(`first@${clock.now}`);
        chained.push(clock.now);
      },
    });
    clock.advanceTo(50);
    assert.deepEqual(log, ['first@50', 'second@50']);
  });

  it('keeps on inside a run: settle called there does not nest', () => {
    const clock = virtualClock();
    let depth = 0;
    let left = 3;
    clock.register({
      nextDeadline: () => (left > 0 ? clock.now : NEVER),
      runDue() {
        left--;
        assert.equal(++depth, 1);
        clock.settle();
        depth--;
      },
    });
    clock.settle();
    assert.equal(left, 0);
  });

  it('reports a loop that never lets time pass', () => {
    const clock = virtualClock(7);
    clock.register({ nextDeadline: () => 7, runDue: () => undefined });
    assert.throws(() => clock.settle(), /stands still at 7 µs/);
    assert.throws(() => clock.advanceTo(8), /stands still/, 'and is usable as before');
  });

  it('refuses to go back, to go nowhere, and to be moved from inside', () => {
    const clock = virtualClock(10);
    assert.throws(() => clock.advanceTo(9), RangeError);
    assert.throws(() => clock.advanceTo(Number.NaN), RangeError);
    assert.throws(() => clock.advanceTo(Infinity), RangeError);
    assert.throws(() => virtualClock(-1), RangeError);
    let left = 1;
    clock.register({
      nextDeadline: () => (left > 0 ? 11 : NEVER),
      runDue() {
        left = 0;
        assert.throws(() => clock.advanceTo(12), /inside a turn/);
      },
    });
    clock.advanceTo(11);
    assert.equal(left, 0);
  });

  it('registers once and forgets', () => {
    const clock = new VirtualClock();
    const times = [1, 2, 3];
    const log: string[] = [];
    const user = alarm(clock, times, log, 'x');
    clock.register(user);
    clock.register(user);
    clock.advanceTo(1);
    assert.deepEqual(log, ['x@1']);
    clock.unregister(user);
    clock.advanceTo(10);
    assert.deepEqual(log, ['x@1']);
    assert.equal(clock.nextDeadline(), NEVER);
  });
});
