/** The states of the kernel's end, as its own socket diagnosis tells them, in our event log. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { eventually, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

describe('what the kernel says of itself', { skip: skipWithout('nc') }, () => {
  let stack: RunningStack;
  let file: string;
  before(async () => {
    stack = new RunningStack();
    file = join(stack.folder, 'run.jsonl');
    await stack.startUp('--log', file);
  });
  after(() => stack?.close());

  const observed = (): string[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"observed"'))
      .map((line) => (JSON.parse(line) as LogEvent).data['state'] as string);

  test('ESTABLISHED and FIN-WAIT-2 of nc are observed, without privileges, within bounds of time', async () => {
    const nc = stack.start('nc', '-N', STACK, '2002');
    await eventually(
      () => observed().includes('ESTABLISHED'),
      () => observed().join(),
    );
    nc.endInput();
    // The service never closes.
    await eventually(
      () => observed().includes('FIN-WAIT-2'),
      () => observed().join(),
    );
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((one) => one.includes('"observed"')) as string;
    const { t, data } = JSON.parse(line) as LogEvent;
    const [asked, told] = data['between'] as [number, number];
    assert.ok(asked <= told && told <= t, line);
    await nc.kill();
  });
});
