import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, type Program, type RunningStack, skipWithout } from '../../support/running-stack.ts';
import { assertNothingLeft, assertWorks, FOURWAVE, inPlace, MAIN } from './support.ts';

const SOURCES = fileURLToPath(new URL('../../../dist/', import.meta.url));

/** Where the time of day is what people want to know, of an answer, a line, or a file; or how old another's line is. */
const MAY_READ_THE_WALL_CLOCK = [
  'apps/daytime.js',
  'cli/commands/capture.js',
  'cli/labs/real-world.js',
  'cli/labs/run-command.js',
  'cli/labs/runs.js',
  'cli/ladder/screen.js',
  'cli/up/captures.js',
  'cli/up/human-log.js',
  'cli/up/log-header.js',
  'cli/up/recording.js',
];

/** A wall clock that leaps by centuries, back and forth, each time it is read. */
const MAD_CLOCK = `data:text/javascript,${encodeURIComponent(`
  let reads = 0;
  const Real = Date;
  const mad = () => (reads++ % 2 === 0 ? 0 : 4e12);
  globalThis.Date = class extends Real { constructor(...args) { super(...(args.length ? args : [mad()])); } };
  Date.now = mad;`)}`;

test('N14: nothing but what is for people reads the wall clock', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  );
  assert.ok(files.length > 100);
  const readers = files.filter((file) =>
    /\bDate\.now\b|\bnew Date\(\)/.test(readFileSync(`${SOURCES}${file}`, 'utf8')),
  );
  assert.deepEqual(
    readers.filter((file) => !MAY_READ_THE_WALL_CLOCK.includes(file)),
    [],
  );
});

describe('a clock that leaps', { concurrency: 2, skip: skipWithout('nc', 'unshare') }, () => {
  /** A first echo, the states of a close by us, and how long TIME-WAIT lasts. */
  async function assertKeepsTime(stack: RunningStack): Promise<void> {
    await assertWorks(stack);
    await stack.run('nc', ['-d', '10.9.0.2', '13']);
    const [record] = await stack.ss(13);
    assert.equal(record?.state, 'TIME-WAIT');
    const remaining = record?.timers[0]?.remainingMs ?? 0;
    assert.ok(remaining > 200 && remaining <= 2000, `${remaining} ms of 2 s`);
    await eventually(
      async () => (await stack.ss(13)).length === 0,
      () => 'the end of TIME-WAIT',
    );
    await assertWorks(stack);
  }

  test('N14: a wall clock that goes mad: opens, closes, TIME-WAIT and the end are on time', () =>
    inPlace(async (place) => {
      const path = `${place.folder}/c.sock`;
      const args = ['--import', MAD_CLOCK, MAIN, 'up', '--json', '--set', 'msl=1s', '--control', path];
      await ready(place, place.start(process.execPath, ...args), path);
      await assertKeepsTime(place);
      await end(place);
    }));

  test('N14: a machine that has been up for thirty years', () =>
    inPlace(async (place) => {
      const path = `${place.folder}/c.sock`;
      const years = String(30 * 365 * 86_400);
      const script = `exec unshare -T --monotonic ${years} --boottime ${years} ${FOURWAVE} up --json --set msl=1s --control ${path}`;
      await ready(place, place.start('sh', '-c', script), path);
      await assertKeepsTime(place);
      await end(place);
    }));

  async function ready(place: RunningStack, up: Program, control: string): Promise<void> {
    place.up = up;
    place.ready = { control } as RunningStack['ready'];
    await eventually(
      () => up.text.includes('ready'),
      () => up.stderr,
    );
  }

  async function end(place: RunningStack): Promise<void> {
    const { code, took, stderr } = await place.stopUp();
    assert.equal(code, 0, stderr);
    assert.ok(took < 1500, `${took} ms`);
    await assertNothingLeft(place);
  }
});
