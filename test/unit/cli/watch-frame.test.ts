/** Pictures of `watch`: as wide as the terminal at most, whatever is in them, and bars that say what is left. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, type View } from '../../../src/cli/watch/frame.ts';
import { Model } from '../../../src/cli/watch/model.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';

const WIDEST = '255.255.255.255:65535';

function record(more: object): ConnectionRecord {
  return {
    ...{ id: 'c1', inc: 1, state: 'TIME-WAIT', local: WIDEST, peer: WIDEST, recvQ: 123_456, sendQ: 123_456 },
    ...{ ageMs: 5, closedFirst: null, closeReason: null, path: ['LISTEN'], snd: null, rcv: null, rtt: null },
    ...{ options: null, caState: null, timers: [timer('time-wait', 60_000)] },
    ...more,
  } as ConnectionRecord;
}

function timer(name: string, remainingMs: number): object {
  return { name, remainingMs, count: 3, restarts: 0 };
}

function picture(model: Model, columns: number, more: Partial<View> = {}): string[] {
  const view = { rows: model.current, now: 0, details: false, ascii: false, scroll: 0, prompt: '', ...more };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal does not show
  return frame(view, { columns, rows: 12 }).map((line) => line.replace(/\u001b\[\d*m/g, ''));
}

test('80 columns hold the longest addresses, queues and state; any width holds what it can', () => {
  const model = new Model();
  model.update(
    [record({}), record({ id: 'c1234567', timers: [timer('rto', 5), timer('keepalive', 7e6)] })],
    0,
  );
  for (const columns of [1, 20, 40, 80, 200]) {
    for (const details of [false, true]) {
      const lines = picture(model, columns, { details });
      assert.equal(lines.length, 12);
      for (const line of lines) assert.ok(line.length <= columns, `${columns}: ${line}`);
    }
  }
  const line = picture(model, 80)[2] as string;
  assert.ok(line.includes(`${WIDEST} ${WIDEST} c1`), line);
});

test('a bar is what is left of the time that the timer had when it was set; set again, it is full again', () => {
  const model = new Model();
  const short = (remaining: number): ConnectionRecord =>
    record({ local: '10.9.0.2:7', peer: '10.9.0.1:1', timers: [timer('time-wait', remaining)] });
  const bar = (now: number): number => picture(model, 100, { now })[2]?.match(/▓/g)?.length ?? 0;
  model.update([short(60_000)], 0);
  assert.equal(bar(0), 12);
  assert.equal(bar(30_000), 6, 'also between two answers');
  model.update([short(15_000)], 45_000);
  assert.equal(bar(45_000), 3);
  assert.equal(bar(70_000), 0);
  model.update([short(60_000)], 50_000);
  assert.equal(bar(50_000), 12);
});

test('changed cells only, and time that passes is no change', () => {
  const model = new Model();
  const changed = (): string[] => [...(model.current[0]?.changed ?? [])];
  model.update([record({})], 0);
  assert.deepEqual(changed(), []);
  model.update([record({ timers: [timer('time-wait', 59_000)] })], 1_000);
  assert.deepEqual(changed(), []);
  model.update([record({ recvQ: 1, timers: [] })], 2_000);
  assert.deepEqual(changed(), ['recvQ', 'timer']);
});

test('what came from outside moves no cursor', () => {
  const evil = '\u001b[2J\n\u202e\u4e2d';
  const model = new Model();
  model.update([record({ id: evil, state: evil, local: evil, peer: evil, timers: [timer(evil, 1)] })], 0);
  for (const details of [false, true]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    assert.doesNotMatch(picture(model, 120, { details }).join(''), /[\u0000-\u001f\u202e]/);
  }
});
