/**
 * The ladder of random connections over random networks: no line is wider than the terminal, none holds
 * what a terminal could take for a command, in ASCII all is ASCII, every segment is drawn or counted, and
 * the states in our margin are those of the log, in order. Also of logs whose events are lost, shuffled,
 * or filled with anything.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printable } from '../../src/cli/printable.ts';
import type { EventLine } from '../../src/cli/render/event.ts';
import { drawLadder, type LadderOptions } from '../../src/cli/render/ladder.ts';
import { eventsOfSeed } from '../support/big-log.ts';

const LOGS = 8;
/** Where our bar is in 132 columns. */
const RIGHT_BAR = 81;
const logs: EventLine[][] = [];
/** Long runs are cut: what comes later is of the same kind. */
const MOST = 4000;

function logOf(index: number): EventLine[] {
  logs[index] ??= (eventsOfSeed(index + 1) as readonly EventLine[]).slice(0, MOST);
  return logs[index];
}

const options = fc.record({
  width: fc.integer({ min: 1, max: 200 }),
  ascii: fc.boolean(),
  raw: fc.boolean(),
  since: fc.constantFrom(Number.NEGATIVE_INFINITY, 0.5, 10),
  connections: fc.constantFrom(null, new Set(['c1'])),
});

/** What JSON can hold; also objects that no number and no text can be made of. */
const anything = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.constantFrom({ toString: false, valueOf: 0 }, [{ toString: null }]) },
);

function isFit(lines: readonly string[], { width = 80, ascii = false }: LadderOptions): void {
  for (const line of lines) {
    assert.ok(line.length <= width, `${line.length} columns: ${line}`);
    assert.equal(printable(line), line);
    assert.equal(line, line.trimEnd());
    if (ascii) assert.match(line, /^[\x20-\x7e]*$/);
  }
}

test('lines of random logs fit, whatever the options', () => {
  fc.assert(
    fc.property(fc.nat(LOGS - 1), options, (index, chosen) => {
      isFit(drawLadder(logOf(index), chosen), chosen);
    }),
    { numRuns: 40 },
  );
});

test('every segment is drawn or counted, and every state of ours stands in the margin', () => {
  for (let index = 0; index < LOGS; index++) {
    const log = logOf(index);
    const lines = drawLadder(log, { width: 132, heading: false });
    const segments = log.filter(({ ev }) => ev === 'seg:sent' || ev === 'seg:received');
    const wire = segments.reduce((sum, { data }) => sum + Number(data['segs']), 0);
    let drawn = 0;
    for (const line of lines) {
      const merged = /… (\d+) segments/.exec(line);
      const several = /\((\d+) segments\)|×(\d+)/.exec(line);
      if (merged !== null) drawn += Number(merged[1]);
      else if (/[◀▶◁▷]/.test(line) && !/fires ◀/.test(line))
        drawn += Number(several?.[1] ?? several?.[2] ?? 1);
    }
    assert.equal(drawn, wire, `log ${index}`);
    const told = log.filter(({ ev }) => ev === 'conn:state').map(({ data }) => String(data['new']));
    const margin = lines.map((line) => /^ ([A-Z][A-Z0-9-]+)/.exec(line.slice(RIGHT_BAR + 1))?.[1] ?? '');
    // Where a connection begins is drawn too.
    const others = (state: string): boolean =>
      /^[A-Z]/.test(state) && state !== 'LISTEN' && state !== 'CLOSED';
    assert.deepEqual(margin.filter(others).sort(), told.filter(others).sort(), `log ${index}`);
  }
});

test('logs that are cut, shuffled or filled with anything break nothing', () => {
  const spoilt = fc.tuple(
    fc.nat(LOGS - 1),
    fc.array(fc.tuple(fc.nat(MOST), fc.string(), anything), { maxLength: 60 }),
  );
  fc.assert(
    fc.property(spoilt, options, ([index, changes], chosen) => {
      const log = logOf(index).slice(0, 600);
      for (const [place, name, value] of changes) {
        if (log.length === 0) break;
        const at = place % log.length;
        const event = log[at] as EventLine;
        if (place % 3 === 0) log.splice(at, 1);
        else if (place % 3 === 1) log[at] = log[(at * 7) % log.length] as EventLine;
        else {
          const names = Object.keys(event.data);
          const field = names[place % Math.max(1, names.length)] ?? name;
          log[at] = {
            ...event,
            conn: place % 5 === 0 ? name : (event.conn ?? 'c9'),
            data: { ...event.data, [field]: value },
          };
        }
      }
      isFit(drawLadder(log, chosen), chosen);
    }),
    { numRuns: 60 },
  );
});
