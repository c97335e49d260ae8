/** Long event logs, read where they are asked for: the same answers as from all of their events. */

import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { EventFile } from '../../../src/cli/event-file/event-file.ts';
import { FileSource } from '../../../src/cli/event-file/source.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { explain } from '../../../src/trace/why.ts';
import { Timeline } from '../../../src/trace/world/timeline.ts';
import { HEADER, manyEvents, writeLog } from '../../support/big-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'fourwave-event-file-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function logOf(events: Iterable<LogEvent>, every: number | null): EventFile {
  const path = join(folder, `${++files}.jsonl`);
  writeLog(path, events, every);
  return EventFile.open(path);
}

function sample(list: readonly LogEvent[], count: number): LogEvent[] {
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)] as LogEvent);
}

const EVENTS = [...manyEvents(9_000, [2, 4, 6, 7, 8])];

describe('an event log as a file', () => {
  for (const every of [500, null]) {
    it(`every question has the answer that the whole log gives, ${every === null ? 'without' : 'with'} keyframes`, () => {
      const file = logOf(EVENTS, every);
      const timeline = new Timeline(EVENTS);
      assert.equal(file.header?.['title'], HEADER.title);
      assert.equal(file.hasKeyframes, every !== null);
      assert.deepEqual([file.first?.event, file.last?.event], [EVENTS[0], EVENTS.at(-1)]);
      assert.deepEqual([...file.from()], EVENTS);
      assert.deepEqual([...file.back()].reverse(), EVENTS);
      for (const event of sample(EVENTS, every === null ? 5 : 30)) {
        const place = file.find(event.n);
        assert.ok(place !== null);
        assert.deepEqual(place.event, event);
        assert.deepEqual(file.worldAt(place), timeline.at(event.n), `the world at event ${event.n}`);
        assert.equal(file.atTime(event.t)?.event.t, event.t);
        assert.deepEqual(file.from(place.end).next().value, EVENTS[event.n]);
        const { n } = event;
        assert.deepEqual(
          [...file.having('cause', n)],
          EVENTS.filter(({ cause }) => cause === n),
        );
      }
      assert.deepEqual(
        [...file.having('seg', 40)],
        EVENTS.filter(({ seg }) => seg === 40),
      );
      assert.deepEqual(
        [...file.ofConnection('c9')],
        EVENTS.filter(({ conn }) => conn === 'c9'),
      );
      assert.equal(file.find(0), null);
      assert.equal(file.find(EVENTS.length + 1), null);
      assert.equal(file.atTime(1e9), null);
      file.close();
    });
  }

  it('numbers that are not in order, as of several queues, are found too', () => {
    // Two queues: one has odd numbers, one even ones; they are not equally busy.
    const events = EVENTS.slice(0, 6_000).map((event, i) => ({
      ...event,
      n: i % 10 === 0 ? 2 * (i / 10) + 2 : 2 * (i - Math.ceil(i / 10)) + 1,
    }));
    const file = logOf(events, 500);
    for (const event of sample(events, 40)) assert.deepEqual(file.find(event.n)?.event, event);
    file.close();
  });

  it('a line that is not written to its end yet is left alone; one that is no event is named', () => {
    const path = join(folder, 'cut.jsonl');
    writeLog(path, EVENTS.slice(0, 3_000), 500);
    appendFileSync(path, '{"t":1,"n":30');
    const cut = EventFile.open(path);
    assert.equal(cut.last?.event.n, 3_000);
    assert.equal(cut.find(3_000)?.event.n, 3_000);
    cut.close();
    appendFileSync(path, ' rubbish\n');
    const spoilt = EventFile.open(path);
    assert.throws(() => spoilt.last, /the line at byte \d+ of .* is no event of a log/);
    assert.equal(spoilt.find(17)?.event.n, 17, 'what is before it can be read');
    spoilt.close();
  });

  it('a keyframe that the end of the file cuts is not used', () => {
    const path = join(folder, 'half.jsonl');
    writeLog(path, EVENTS.slice(0, 2_000), 500);
    const text = readFileSync(path, 'utf8');
    const lastKeyframe = text.lastIndexOf('"ev":"log:keyframe"');
    truncateSync(path, text.indexOf('\n', lastKeyframe) + 20);
    const file = EventFile.open(path);
    const { last } = file;
    assert.ok(last !== null && last.event.n <= 2_000);
    assert.deepEqual(file.worldAt(last), new Timeline(EVENTS).at(last.event.n));
    file.close();
  });

  it('no file, a folder, a pipe, something else, nothing: each has its sentence', () => {
    assert.throws(() => EventFile.open(join(folder, 'none')), /cannot be read: there is no such file/);
    assert.throws(() => EventFile.open(folder), /no file that can be read at any place/);
    assert.throws(() => EventFile.open('/dev/null'), /no file that can be read at any place/);
    const other = join(folder, 'other');
    writeFileSync(other, 'hello\n');
    assert.throws(() => EventFile.open(other), /the line at byte 0 of .* is no event of a log/);
    const empty = join(folder, 'empty');
    writeFileSync(empty, '');
    const file = EventFile.open(empty);
    assert.deepEqual([file.first, file.last, file.find(1), file.header], [null, null, null, null]);
    file.close();
  });

  it('an event that no stack has written ends the question with a sentence', () => {
    const path = join(folder, 'foreign');
    const foreign = EVENTS.slice(0, 200).map((event) => ({ ...event, data: { flags: null } }));
    writeFileSync(path, foreign.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const world = (): unknown =>
      EventFile.read(path, (file) => file.worldAt(file.find(200) ?? assert.fail('it is there')));
    assert.throws(world, /has an event that is not as docs\/event-log\.md says: /);
  });

  it('of 200,000 events each answer reads what it needs: no more at the end of the log than at its beginning', () => {
    const file = logOf(manyEvents(200_000, [2, 4, 6, 7, 8]), 8_192);
    const cost = (act: () => void): number => {
      const before = file.bytesRead;
      act();
      return file.bytesRead - before;
    };
    assert.ok(file.size > 40_000_000);
    for (const n of [1, 777, 60_000, 130_001, 199_999, 200_000]) {
      const place = file.find(n);
      assert.ok(place !== null);
      assert.ok(cost(() => file.find(n)) < 1e6, `finding event ${n}`);
      const world = cost(() => assert.equal(file.worldAt(place).events, n));
      assert.ok(world < 12e6, `the world at event ${n}: ${world} bytes`);
      const why = cost(() => explain(new FileSource(file), place.event as LogEvent));
      assert.ok(why < 40e6, `why ${n}: ${why} bytes`);
    }
    file.close();
  });

  it('lines of any length, also beyond what is read at once', () => {
    const long = (n: number): LogEvent => ({
      ...{ t: n, n, ev: 'lab:step' },
      data: { text: 'x'.repeat(n % 7 === 0 ? 3_000_000 : n % 5 === 0 ? 20_000 : 10) },
    });
    const events = Array.from({ length: 30 }, (_, i) => long(i + 1));
    const file = logOf(events, null);
    assert.deepEqual(
      [...file.from()].map(({ n }) => n),
      events.map(({ n }) => n),
    );
    assert.deepEqual(
      [...file.back()].map(({ n }) => n).reverse(),
      events.map(({ n }) => n),
    );
    for (const { n } of events) assert.equal(file.find(n)?.event.n, n);
    file.close();
  });
});
