/** What several workers say, as one stack says it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stats } from '../../../src/cli/render/stats.ts';
import { mergeConnections, mergeRules, mergeStats } from '../../../src/cli/up/queues/merge.ts';
import { secretsFrom } from '../../../src/cli/up/queues/siblings.ts';
import type { RuleInfo } from '../../../src/faults/faults.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';

const record = (id: string, local: string, more: Partial<ConnectionRecord> = {}): ConnectionRecord =>
  ({
    id,
    local,
    peer: 'x',
    state: 'ESTABLISHED',
    recvQ: 0,
    sendQ: 0,
    ...more,
  }) as unknown as ConnectionRecord;
const listener = (synQueue: number, acceptQueue: number): ConnectionRecord =>
  record('l0', '0.0.0.0:7', {
    state: 'LISTEN',
    recvQ: acceptQueue,
    sendQ: 511,
    backlog: 511,
    synQueue,
    acceptQueue,
  });

test('a listener of all is one, its queues are sums; connections come in the order of their names', () => {
  const merged = mergeConnections([
    [listener(1, 2), record('c1', 'a'), record('c11', 'b')],
    [listener(3, 4), record('c2', 'c'), record('c10', 'd')],
  ]);
  assert.deepEqual(
    merged.map(({ id }) => id),
    ['l0', 'c1', 'c2', 'c10', 'c11'],
  );
  const [one] = merged;
  assert.deepEqual(
    [one?.synQueue, one?.acceptQueue, one?.recvQ, one?.sendQ, one?.backlog],
    [4, 6, 6, 511, 511],
  );
});

test('counters are sums, and listeners are counted once', () => {
  const part = (count: number): Stats => ({
    totals: { turns: count },
    tables: { connections: count, listeners: 15 },
    reasons: [{ name: 'ACCEPTED', count, layer: 'tcp', rfc: '', text: '' }],
  });
  const { totals, tables, reasons } = mergeStats([part(3), part(4)]);
  assert.deepEqual([totals, tables, reasons[0]?.count], [{ turns: 7 }, { connections: 7, listeners: 15 }, 7]);
});

test('a rule has the hits of all, and is over when it is over for one', () => {
  const rule = (number: number, hits: number, more: Partial<RuleInfo> = {}): RuleInfo => ({
    ...{ number, rule: 'drop in', hits, left: null, over: null },
    ...more,
  });
  const merged = mergeRules([
    [rule(1, 2), rule(2, 1, { left: 0 })],
    [rule(1, 3), rule(2, 2, { left: 0, over: 'times' })],
  ]);
  assert.deepEqual(merged, [rule(1, 5), rule(2, 3, { left: 0, over: 'times' })]);
});

test('one secret gives the same bytes to all, another gives others', () => {
  const bytes = (secret: number, lengths: readonly number[]): number[] => {
    const random = secretsFrom(new Uint8Array(32).fill(secret));
    return lengths.flatMap((length) => {
      const into = new Uint8Array(length);
      random.fill(into);
      return [...into];
    });
  };
  assert.deepEqual(bytes(1, [16, 8, 40]), bytes(1, [40, 24]));
  assert.notDeepEqual(bytes(1, [16]), bytes(2, [16]));
  assert.ok(new Set(bytes(1, [4096])).size > 250);
});
