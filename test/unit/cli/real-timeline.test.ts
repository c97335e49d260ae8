/** What real time does for faults: nothing runs before it is due. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realTimeline } from '../../../src/cli/up/real-timeline.ts';
import { Agenda } from '../../../src/faults/agenda.ts';
import { systemClock } from '../../../src/stack/driver.ts';

/** Timeouts are whole milliseconds between whole milliseconds: at some of these phases one fires early. */
const PHASES = 20;
const PHASE = 137;
/** µs */
const WAIT = 5_000;

/** ms after which what has not run is lost. */
const PATIENCE = 2000;

/** The timeline's own timers keep no process alive. False: the time is up. */
async function happens(begin: (done: () => void) => void): Promise<boolean> {
  let patience: NodeJS.Timeout | undefined;
  const happened = await new Promise<boolean>((resolve) => {
    patience = setTimeout(() => resolve(false), PATIENCE);
    begin(() => resolve(true));
  });
  clearTimeout(patience);
  return happened;
}

function occupy(time: number): void {
  const until = systemClock.now + time;
  while (systemClock.now < until);
}

test('nothing runs before its time', async () => {
  const timeline = realTimeline(systemClock);
  const early: number[] = [];
  for (let i = 0; i < PHASES; i++) {
    occupy(PHASE);
    const due = timeline.now() + WAIT;
    assert.ok(await happens((done) => timeline.at(due, done)));
    if (timeline.now() < due) early.push(due - timeline.now());
  }
  assert.deepEqual(early, []);
});

test('a delayed packet comes out without another one behind it', async () => {
  const agenda = new Agenda(realTimeline(systemClock));
  for (let i = 0; i < PHASES; i++) {
    occupy(PHASE);
    assert.ok(await happens((done) => agenda.push(systemClock.now + WAIT, done)));
    assert.equal(agenda.size, 0);
  }
});

test('what is past runs soon', async () => {
  const timeline = realTimeline(systemClock);
  assert.ok(await happens((done) => timeline.at(timeline.now() - 1_000_000, done)));
});
