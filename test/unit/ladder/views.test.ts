/** The ladder as a whole: its heading, its colours, what it does with time, and with logs from anywhere. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventLine } from '../../../src/cli/render/event.ts';
import { timersText } from '../../../src/cli/render/ladder/countdown.ts';
import { drawLadder, Ladder } from '../../../src/cli/render/ladder.ts';
import type { Paint } from '../../../src/cli/terminal.ts';
import { HandMade } from './hand-made.ts';

function made(act: (log: HandMade) => void): EventLine[] {
  const log = new HandMade();
  act(log);
  return log.events;
}

const waiting = made((log) => {
  log.open('passive');
  const fin = log.received('FIN,ACK 1:2 1');
  log.timer('set', 'time-wait', fin, 4000);
});

test('the heading names both sides, and says how the peer’s states are known', () => {
  assert.deepEqual(new Ladder().heading(), [
    "    time conn peer      ? inferred  ! seen in the peer's kernel      stack",
  ]);
  assert.deepEqual(new Ladder({ ascii: true, connections: new Set(['c1']) }).heading(), [
    "    time peer     peer's state: ? inferred, ! seen in its kernel     stack",
  ]);
});

test('colours are meanings: a SYN, a FIN, data, what is lost, what is sent again', () => {
  const used: string[] = [];
  const paint: Paint = (colour, text) => {
    if (/ack|SYN/.test(text)) used.push(`${colour} ${/[A-Z,]+/.exec(text)?.[0]}`);
    return text;
  };
  const events = made((log) => {
    log.received('SYN 0:1');
    log.received('PSH,ACK 1:4 1');
    log.received('ACK 4 1');
    log.received('FIN,ACK 4:5 1');
    log.sent('RST 1 1');
    log.sent('PSH,ACK 1:4 5');
    log.fate('dropped', 'PSH,ACK 1:4 5');
    log.sent('PSH,ACK 1:4 5', { retransmission: true });
  });
  drawLadder(events, { paint });
  assert.deepEqual(used, [
    'green SYN',
    'blue PSH,ACK',
    'dim ACK',
    'magenta FIN,ACK',
    'red RST',
    'red PSH,ACK',
    'yellow PSH,ACK',
  ]);
});

test('colours change no column', () => {
  const painted = drawLadder(waiting, { paint: (_colour, text) => `<${text}>` });
  assert.deepEqual(
    painted.map((line) => line.replace(/[<>]/g, '')),
    drawLadder(waiting, {}),
  );
});

test('a line waits until nothing can change it, or until nothing has come for a while', () => {
  const ladder = new Ladder();
  assert.deepEqual(
    waiting.flatMap((event) => ladder.add(event)),
    [],
  );
  assert.equal(ladder.flush().length, 3);
  assert.deepEqual(ladder.flush(), []);
});

test('what a rule delays arrives when its time has come, without another event', () => {
  const ladder = new Ladder();
  const events = made((log) => {
    log.open('passive');
    log.sent('PSH,ACK 1:9 1');
    log.fate('delayed', 'PSH,ACK 1:9 1', { until: 0.4 });
  });
  for (const event of events) ladder.add(event);
  assert.equal(ladder.flush(0.39).filter((line) => line.includes('◀')).length, 0);
  assert.equal(ladder.flush(0.4).filter((line) => line.includes('◀')).length, 1);
});

test('the width can change from one line to the next, and the newest lines be drawn again', () => {
  const ladder = new Ladder({ keep: true });
  const widths = (lines: readonly string[]): number => Math.max(...lines.map((line) => line.length));
  for (const event of waiting) ladder.add(event);
  assert.ok(widths(ladder.flush()) <= 80);
  ladder.width = 132;
  assert.ok(widths(ladder.again(100)) > 100);
  assert.equal(ladder.again(1).length, 1);
});

test('2MSL counts down in the line of the timers, and a timer that is long due is no more', () => {
  const ladder = new Ladder();
  for (const event of waiting) ladder.add(event);
  const at = (t: number, ascii = false): string => timersText(ladder.armed, t, { width: 40, ascii });
  assert.equal(at(0), 'c1 time-wait 4s ▓▓▓▓▓▓▓▓');
  assert.equal(at(1), 'c1 time-wait 3s ▓▓▓▓▓▓░░');
  assert.equal(at(3.9, true), 'c1 time-wait 100ms ........');
  assert.equal(at(7), '');
  assert.equal(timersText(ladder.armed, 1, { width: 10, ascii: false }), '', 'what does not fit is left out');
});

test('columns for the names of connections grow with them', () => {
  const events = made((log) => {
    log.conn = 'c123456';
    log.open('passive');
  });
  assert.match(drawLadder(events)[1] ?? '', /^ {3}0\.000 c123456 10\.9/);
});

test('a log without its beginning is drawn all the same', () => {
  const lines = drawLadder(waiting.slice(2), { heading: false });
  assert.deepEqual(lines, [
    '         c1                │              time-wait 4s (2MSL) ├──────────────╮'.replace(
      '         ',
      '   0.000 ',
    ),
  ]);
});

test('events that nobody knows, and data that is no data, draw nothing and break nothing', () => {
  const names = [
    'seg:sent',
    'seg:received',
    'seg:judged',
    'wire:fate',
    'timer:set',
    'conn:opened',
    'seg:run',
  ];
  const values = [null, 7, 'x', [], {}, [[]], { seq: {} }, Number.NaN];
  const events = [...names, 'log:keyframe', '__proto__', 'constructor', 'toString'].flatMap((ev, index) =>
    values.map((value, place) => ({
      t: 0,
      n: index * 100 + place,
      ev,
      conn: 'c1',
      data: { flags: value, raw: value, opts: value, timer: value, reason: value, fate: value, seq: value },
    })),
  );
  for (const line of drawLadder(events as EventLine[])) assert.ok(line.length <= 80, line);
});
