/**
 * Keyframes of random runs: the world that goes on from one is the world that began at the beginning,
 * after every event; each of their lines is one that the published schema takes.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compile } from 'typebox/compile';
import type { LogEvent } from '../../src/trace/log-event.ts';
import { EVENT_SCHEMAS } from '../../src/trace/schema.ts';
import { KeyframeReader, Keyframes } from '../../src/trace/world/keyframe.ts';
import { WorldBuilder } from '../../src/trace/world/reduce.ts';
import { eventsOfSeed } from '../support/big-log.ts';

const SEEDS = 12;
const EVERY = 23;
/** Events that each keyframe is followed for. */
const FOLLOWED = 60;

const head = Compile(EVENT_SCHEMAS['log:keyframe']);
const connection = Compile(EVENT_SCHEMAS['log:connection']);

/** A builder that goes on from the keyframe, read from its text. */
function fromLines(lines: Iterable<string>): WorldBuilder {
  const reader = new KeyframeReader();
  let complete = false;
  for (const line of lines) {
    const event = JSON.parse(line) as LogEvent;
    const [schema, name] = event.ev === 'log:keyframe' ? [head, 'head'] : [connection, event.conn];
    assert.ok(
      schema.Check(event),
      `${name}: ${[...schema.Errors(event)].map((e) => e.message).join()}\n${line}`,
    );
    complete = reader.take(event);
  }
  assert.ok(complete && reader.complete !== null);
  return new WorldBuilder(reader.complete);
}

test('from a keyframe as from the beginning: every world behind it is the same', () => {
  let compared = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const beginning = new WorldBuilder();
    const keyframes = new Keyframes(EVERY);
    let followers: { builder: WorldBuilder; left: number }[] = [];
    for (const event of eventsOfSeed(seed)) {
      beginning.add(event);
      // Their share of the log is looked at elsewhere: here there are many.
      keyframes.add(event, 1e6);
      for (const follower of followers) {
        follower.builder.add(event);
        follower.left--;
        assert.deepEqual(follower.builder.world, beginning.world, `seed ${seed}, event ${event.n}`);
        compared++;
      }
      followers = followers.filter(({ left }) => left > 0);
      if (keyframes.due) followers.push({ builder: fromLines(keyframes.take().lines), left: FOLLOWED });
    }
  }
  assert.ok(compared > 1000, `${compared} worlds`);
});

test('a keyframe that is cut short is none, and the one before it stays', () => {
  const keyframes = new Keyframes(1);
  const [event] = eventsOfSeed(2) as [LogEvent];
  keyframes.add({ ...event, conn: 'c1', inc: 1 }, 100);
  const lines = [...keyframes.take().lines].map((line) => JSON.parse(line) as LogEvent);
  assert.equal(lines.length, 2);
  const reader = new KeyframeReader();
  assert.equal(reader.take(lines[0] as LogEvent), false);
  assert.equal(reader.complete, null);
  assert.equal(reader.take(event), false, 'an event is no part of it');
  assert.equal(reader.take(lines[1] as LogEvent), true);
});

test('where there are many connections keyframes are rare: at most a fifth of the log', () => {
  const keyframes = new Keyframes(100);
  let [events, own] = [0, 0];
  const app = { ev: 'app:write', inc: 1, data: { bytes: 1 } } as const;
  for (let n = 1; n <= 60_000; n++) {
    const event: LogEvent = { t: n / 1e3, n, conn: `c${n % 500}`, ...app };
    const { length } = JSON.stringify(event);
    events += length;
    keyframes.add(event, length);
    if (keyframes.due) for (const line of keyframes.take().lines) own += line.length;
  }
  assert.ok(own > 0);
  assert.ok(own / (own + events) < 0.21, `${own} of ${own + events}`);
});
