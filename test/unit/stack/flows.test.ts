/** The table of flows beside a plain map: also while it is moving into a larger one, step by step. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '../../../src/base/random.ts';
import { FlowTable } from '../../../src/tcp/flows.ts';

const LOCAL = 0x0a090002;
const PEER = 0x0a090001;

class Bed {
  readonly table: FlowTable;
  /** Peer's port → flow. */
  readonly model = new Map<number, number>();
  constructor(seed: number) {
    this.table = new FlowTable(new SeededRandom(seed));
  }

  private find(port: number): number {
    return this.table.find(LOCAL, PEER, 7, port);
  }

  add(port: number): void {
    if (this.model.has(port)) return;
    const flow = this.table.add(LOCAL, PEER, 7, port);
    assert.ok(![...this.model.values()].includes(flow), 'a flow is one connection’s');
    this.model.set(port, flow);
  }

  remove(port: number): void {
    const flow = this.model.get(port);
    if (flow === undefined) return;
    this.table.remove(flow);
    this.model.delete(port);
    assert.equal(this.find(port), -1);
  }

  check(): void {
    assert.equal(this.table.count, this.model.size);
    for (const [port, flow] of this.model) {
      assert.equal(this.find(port), flow);
      assert.equal(this.table.peerPort(flow), port);
    }
  }
}

const port = fc.integer({ min: 1, max: 400 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('add' as const), port }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('remove' as const), port }) },
);

test('who is in is found, who is not is not, whatever came and went while the table grew', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(130), fc.array(step, { maxLength: 120 }), (seed, begun, steps) => {
      const bed = new Bed(seed);
      // Growing begins at 64 and at 128: the steps come before, within and behind it.
      for (let i = 0; i < begun; i++) bed.add(1000 + i);
      for (const { what, port: at } of steps) {
        bed[what](at);
        bed[what](1000 + (at % 140));
        bed.check();
      }
    }),
    { numRuns: 200 },
  );
});

test('20,000 come, every third goes meanwhile, others take their flows: all are found', () => {
  const table = new FlowTable(new SeededRandom(3));
  const flows = new Map<number, number>();
  for (let i = 0; i < 20_000; i++) {
    flows.set(i, table.add(LOCAL, PEER + (i >> 14), 7, 1 + (i & 0x3fff)));
    if (i % 3 === 2) {
      const gone = i - 2 * (i % 7);
      const flow = flows.get(gone);
      if (flow !== undefined) table.remove(flow);
      flows.delete(gone);
    }
  }
  for (let i = 0; i < 20_000; i++)
    assert.equal(table.find(LOCAL, PEER + (i >> 14), 7, 1 + (i & 0x3fff)), flows.get(i) ?? -1);
  assert.equal(table.count, flows.size);
});
