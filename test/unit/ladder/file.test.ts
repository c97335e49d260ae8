/** `ladder FILE`: all of a short log; of a long one the beginning, a count, and the end. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { drawFile } from '../../../src/cli/ladder/from-file.ts';
import { drawLadder, type LadderOptions } from '../../../src/cli/render/ladder.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { eventsOfSeed, manyEvents, writeLog } from '../../support/big-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'fourwave-ladder-'));
after(() => rmSync(folder, { recursive: true }));

async function linesOf(path: string, options: LadderOptions = {}, all = false): Promise<string[]> {
  const out = new PassThrough();
  const chunks: Buffer[] = [];
  out.on('data', (chunk: Buffer) => chunks.push(chunk));
  await drawFile(path, options, { all, out, long: LONG });
  return Buffer.concat(chunks).toString().split('\n').slice(0, -1);
}

/** What is longer is long. */
const LONG = 3000;
const PART = 450;

const short = join(folder, 'short.tcplog.jsonl');
const few = eventsOfSeed(2).slice(0, LONG);
writeLog(short, few);

const EVENTS = 8000;
const long = join(folder, 'long.tcplog.jsonl');
const events: LogEvent[] = [...manyEvents(EVENTS, [1, 2, 3, 4])];
writeLog(long, events, 1000);

/** Lines that tell of what is not drawn. */
const isCount = (line: string): boolean => /… \d+ more events …/.test(line);

test('a short log is drawn whole, from a file and from a pipe', async () => {
  const whole = drawLadder(few);
  assert.deepEqual(await linesOf(short), whole);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const writing = import('node:fs/promises').then(({ writeFile }) => writeFile(pipe, readFileSync(short)));
  assert.deepEqual(await linesOf(pipe), whole);
  await writing;
});

test('of a long log the middle is counted; with --all it is drawn', async () => {
  const lines = await linesOf(long);
  const place = lines.findIndex(isCount);
  assert.ok(place > 0);
  assert.equal(Number(/(\d+) more/.exec(lines[place] as string)?.[1]), EVENTS - 2 * PART);
  const whole = await linesOf(long, {}, true);
  assert.deepEqual(whole, drawLadder(events));
  assert.deepEqual(lines.slice(0, place - 1), whole.slice(0, place - 1));
  // What is merged and which columns are free depends on what came before.
  assert.equal(lines.at(-1), whole.at(-1));
  assert.equal(lines.filter(isCount).length, 1);
});

test('--since begins in the middle, and knows how things stand there', async () => {
  const { t } = events[EVENTS / 2] as LogEvent;
  const lines = await linesOf(long, { since: t, heading: false });
  const times = lines.map((line) => Number.parseFloat(line)).filter((time) => Number.isFinite(time));
  assert.ok(times.length > 50 && times.every((time) => time >= Math.floor(t)));
  assert.deepEqual(await linesOf(long, { since: (events.at(-1) as LogEvent).t + 1 }), []);
});

test('one connection of a long log: its SYN too, and nothing of the others', async () => {
  const opened = events.findLast(
    ({ ev, data }) => ev === 'conn:opened' && data['role'] === 'passive',
  ) as LogEvent;
  const conn = opened.conn as string;
  const lines = await linesOf(long, { connections: new Set([conn]), width: 132 });
  const wanted = events.filter((event) => event.conn === conn || event.n === opened.cause);
  assert.deepEqual(lines, drawLadder(wanted, { connections: new Set([conn]), width: 132 }));
  assert.match(lines.join('\n'), /SYN/);
});

test('a line that is no event is named', async () => {
  const broken = join(folder, 'broken.jsonl');
  writeFileSync(broken, '{"tcplog":1}\nnonsense\n{"t":0,"n":1,"ev":"x","data":{}}\n');
  await assert.rejects(linesOf(broken), /the line at byte 13 of .* is no event of a log/);
  await assert.rejects(linesOf(join(folder, 'none')), { exitCode: 4 });
});
