/** The heap of deadlines, beside a plain map. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEVER } from '../../../src/base/clock.ts';
import { DeadlineHeap } from '../../../src/base/deadline-heap.ts';
import { SeededRandom } from '../../../src/base/random.ts';

test('the first item is the one with the earliest deadline, whatever was set, moved and removed', () => {
  const random = new SeededRandom(7);
  const heap = new DeadlineHeap(4);
  const model = new Map<number, number>();
  for (let step = 0; step < 5000; step++) {
    const item = random.nextInt(40);
    if (random.nextInt(4) === 0) {
      heap.remove(item);
      model.delete(item);
    } else {
      const deadline = random.nextInt(1000);
      heap.set(item, deadline);
      model.set(item, deadline);
    }
    assert.equal(heap.earliest, Math.min(NEVER, ...model.values()));
    assert.equal(heap.deadlineOf(item), model.get(item) ?? NEVER);
    if (model.size > 0) assert.equal(model.get(heap.first), heap.earliest);
    else assert.equal(heap.first, -1);
  }
});
