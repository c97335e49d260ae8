/** The time of events: that of their turn, and never earlier than the event before. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';
import { testbed } from '../../support/peer.ts';

test('events of a turn bear its time; what comes from outside may be later, and what follows is not earlier', () => {
  let looks = 0;
  const real = { time: 1_000_000_000 };
  const clock = {
    get now() {
      looks++;
      return real.time;
    },
  };
  const recorder = new TraceRecorder({ clock });
  const made = testbed({ trace: recorder });
  recorder.keepTimeWith(made.stack.clock);
  const origin = made.clock.now;
  looks = 0;
  const peer = made.newPeer({ port: 1000 });
  peer.handshake('passive');
  assert.equal(looks, 0, 'no look at the clock for any event of a turn');
  assert.equal(recorder.latest?.t, (made.stack.clock.now - origin) / 1e6);
  // A rule hits in the middle of a turn, half a millisecond after it began.
  real.time = made.stack.clock.now + 500;
  recorder.note('lab:step', {});
  const { t } = recorder.latest as LogEvent;
  assert.equal(t, (real.time - origin) / 1e6, 'a rule has its own time');
  peer.send({ flags: 'A', data: 10 });
  const after = recorder.eventsSince(0, 1_000).filter((event) => event.n >= recorder.last - 2);
  for (const event of after) assert.ok(event.t >= t, `${event.ev} at ${event.t}`);
  made.advance(10);
  peer.send({ flags: 'A', data: 10 });
  assert.equal(recorder.latest?.t, (made.stack.clock.now - origin) / 1e6);
});
