import assert from 'node:assert/strict';
import { test } from 'node:test';
import pino from 'pino';
import { pinoSink } from '../../../src/cli/up/pino-sink.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';

function lines(level: string, events: readonly LogEvent[]): Record<string, unknown>[] {
  const written: Record<string, unknown>[] = [];
  const log = pino(
    { level, base: null, timestamp: false },
    { write: (line: string) => void written.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const sink = pinoSink(log);
  for (const event of events) sink(event);
  return written;
}

const EVENTS: LogEvent[] = [
  { t: 1, n: 1, ev: 'stack:started', data: {} },
  { t: 1, n: 2, ev: 'conn:state', conn: 'c1', inc: 2, cause: 1, data: { old: 'A', new: 'B', trigger: 'x' } },
  { t: 1, n: 3, ev: 'timer:cancel', conn: 'c1', inc: 2, data: { timer: 'rto', by: '' } },
  { t: 1, n: 4, ev: 'buf:rcv', conn: 'c1', inc: 2, data: { used: 1, limit: 2 } },
];

test('core is info, base debug, extra trace; a connection is in the fields of its own logger', () => {
  const at = (level: string): unknown[] => lines(level, EVENTS).map(({ n }) => n);
  assert.deepEqual(at('warn'), []);
  assert.deepEqual(at('info'), [1, 2]);
  assert.deepEqual(at('debug'), [1, 2, 3]);
  assert.deepEqual(at('trace'), [1, 2, 3, 4]);
  const { conn, inc, ev, cause, level, msg } = lines('info', EVENTS)[1] as Record<string, unknown>;
  assert.deepEqual(
    { conn, inc, ev, cause, level },
    { conn: 'c1', inc: 2, ev: 'conn:state', cause: 1, level: 30 },
  );
  assert.equal(msg, 'c1 A → B (x)');
  assert.equal(lines('info', EVENTS)[0]?.['conn'], undefined);
});
