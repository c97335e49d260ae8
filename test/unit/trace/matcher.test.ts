import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { Matcher, matches } from '../../../src/trace/matcher.ts';

function event(n: number, ev: LogEvent['ev'], data: Record<string, unknown> = {}, conn = 'c1'): LogEvent {
  return { t: n / 1e3, n, ev, conn, inc: 1, data };
}

test('a pattern looks at what it names, at any depth', () => {
  const judged = event(3, 'seg:judged', { verdict: 'dropped', acts: ['ack-now'], checks: [{ ok: false }] });
  assert.ok(matches(judged, { ev: 'seg:judged' }));
  assert.ok(matches(judged, { ev: 'seg:judged', conn: 'c1', data: { verdict: 'dropped' } }));
  assert.ok(matches(judged, { ev: 'seg:judged', data: { checks: [{ ok: false }] } }));
  assert.ok(matches(judged, { ev: 'seg:judged', data: { acts: (acts: string[]) => acts.length === 1 } }));
  assert.ok(!matches(judged, { ev: 'seg:judged', conn: 'c2' }));
  assert.ok(!matches(judged, { ev: 'seg:sent' }));
  assert.ok(!matches(judged, { ev: 'seg:judged', data: { acts: [] } }));
  assert.ok(!matches(judged, { ev: 'seg:judged', data: { acts: ['ack-now', 'fin'] } }));
  assert.ok(!matches(judged, { ev: 'seg:judged', data: { reason: undefined, verdict: 'accepted' } }));
});

test('a sequence is found in its order, whatever comes between', async () => {
  const matcher = new Matcher();
  const wanted = matcher.sequence([
    { ev: 'conn:state', data: { new: 'FIN-WAIT-2' } },
    { ev: 'conn:state', data: { new: 'TIME-WAIT' } },
  ]);
  const closed = matcher.next({ ev: 'conn:closed' });
  matcher.take(event(1, 'conn:state', { new: 'TIME-WAIT' }, 'c2'));
  matcher.take(event(2, 'conn:state', { new: 'FIN-WAIT-2' }));
  matcher.take(event(3, 'seg:received'));
  matcher.take(event(4, 'conn:state', { new: 'TIME-WAIT' }));
  matcher.take(event(5, 'conn:closed', { reason: 'timewait-done' }));
  assert.deepEqual(
    (await wanted).map(({ n }) => n),
    [2, 4],
  );
  assert.equal((await closed).n, 5);
});

test('what never comes is named when patience ends', async () => {
  const matcher = new Matcher();
  const patience = new AbortController();
  const never = matcher.sequence(
    [{ ev: 'conn:opened' }, { ev: 'rst:why', data: { reason: 'x' } }],
    patience.signal,
  );
  matcher.take(event(1, 'conn:opened'));
  patience.abort();
  await assert.rejects(never, /never came: .*rst:why.*x/);
});
