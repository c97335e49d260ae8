/** `stats --prometheus` in the text exposition format, with names as its users expect them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from '../../../src/base/counters.ts';
import { REASON, REASONS } from '../../../src/base/reasons.ts';
import { statsPrometheus } from '../../../src/cli/render/prometheus.ts';
import { statsOf } from '../../../src/cli/render/stats.ts';
import { testbed } from '../../support/peer.ts';

const SAMPLE = /^(fourwave_[a-z0-9_]+)(\{reason="([A-Z0-9_]+)",layer="[a-z]+"\})? (\d+)$/;

function metrics(): string[] {
  const counters = new Counters();
  counters.count(REASON.TCP_CSUM);
  counters.count(REASON.TCP_CSUM);
  counters.bytesReceived = 40;
  const { stats } = testbed().stack.tcp;
  return statsPrometheus(statsOf(counters, { ...stats })).split('\n');
}

test('every sample follows the help and the type of its family; only counters end in _total', () => {
  const types = new Map<string, string>();
  let helped = '';
  for (const line of metrics()) {
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge)$/.exec(line);
    if (help !== null) {
      assert.match(help[2] as string, /\.$/, 'every number of the stack has its sentence');
      helped = help[1] as string;
    } else if (type !== null) {
      assert.equal(type[1], helped);
      assert.ok(!types.has(helped), `${helped} twice`);
      types.set(helped, type[2] as string);
    } else {
      const name = SAMPLE.exec(line)?.[1];
      assert.ok(name !== undefined, line);
      assert.equal(name, helped);
      assert.equal(name.endsWith('_total'), types.get(name) === 'counter', name);
    }
  }
  assert.ok(types.size > 10);
});

test('one counter for each reason, in base units', () => {
  const lines = metrics();
  const reasons = lines.map((line) => SAMPLE.exec(line)?.[3]).filter((name) => name !== undefined);
  assert.deepEqual(
    reasons,
    REASONS.map(({ name }) => name),
  );
  assert.ok(lines.includes('fourwave_verdicts_total{reason="TCP_CSUM",layer="tcp"} 2'));
  assert.ok(lines.includes('fourwave_received_bytes_total 40'));
  assert.ok(lines.includes('fourwave_tcp_buffer_bytes 0'));
});
