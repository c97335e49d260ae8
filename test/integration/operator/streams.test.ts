import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  eventually,
  type Finished,
  type Namespace,
  type RunningStack,
  skipWithout,
} from '../../support/running-stack.ts';
import {
  assertCleanStart,
  assertNothingLeft,
  assertRefused,
  assertWorks,
  FOURWAVE,
  inPlace,
  MAIN,
  withStack,
} from './support.ts';

const ECHO = 'echo hello | nc -N -w 5 10.9.0.2 7';

/** Waits until the stack behind the namespace's TUN answers. */
function answers(place: Namespace): Promise<void> {
  return eventually(
    async () => (await place.sh(ECHO, 10_000)).stdout.toString() === 'hello\n',
    () => 'an echo',
  );
}

/** A pipe that somebody has open, and that takes nothing more. */
async function fullPipe(place: RunningStack): Promise<string> {
  const fifo = join(place.folder, 'full');
  const script = `mkfifo ${fifo}; exec 3<>${fifo}; head -c 65536 /dev/zero >&3; echo full; exec sleep 600`;
  const holder = place.start('sh', '-c', script);
  await eventually(
    () => holder.text === 'full\n',
    () => 'a full pipe',
  );
  return fifo;
}

/** Every line of the file is whole: JSON, and the last one ended. */
function wholeLines(file: string): Record<string, unknown>[] {
  const text = readFileSync(file, 'utf8');
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is whole');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a --log that cannot be written', {
  concurrency: 2,
  skip: skipWithout('nc', 'unshare', 'mount'),
}, () => {
  const refused: readonly (readonly [path: string, code: number, says: RegExp])[] = [
    ['/no/such/log', 4, /the log \/no\/such\/log cannot be written: there is no such .*ENOENT.*--log/],
    ['/tmp', 4, /that is a folder .*EISDIR.*--log/],
    ['/proc/version', 3, /this user may not .*--log/],
  ];
  test('from the start on: code 3 or 4, why, nothing left', () =>
    inPlace(async (place) => {
      for (const [path, code, says] of refused) {
        assertRefused(await place.run(process.execPath, [MAIN, 'up', '--log', path]), code, says);
      }
      const fifo = join(place.folder, 'fifo');
      await place.sh(`mkfifo ${fifo}`);
      assertRefused(
        await place.run(process.execPath, [MAIN, 'up', '--log', fifo]),
        4,
        /nobody reads from it .*ENXIO/,
      );
      await assertNothingLeft(place);
    }));

  test('because the disk is full at once: the stack goes on, says it once, ends with 1', () =>
    withStack(['--log', '/dev/full'], async (stack) => {
      for (let i = 0; i < 3; i++) await assertWorks(stack);
      const { code, stderr } = await stack.stopUp();
      assert.equal(code, 1);
      assert.equal(
        stderr.match(/the log \/dev\/full ends here, the disk is full \(ENOSPC\): the stack goes on/g)
          ?.length,
        1,
      );
      await assertCleanStart(stack);
    }));

  test('because the disk fills up: what is there is whole lines from the first on', () =>
    inPlace(async (place) => {
      const disk = join(place.folder, 'disk');
      mkdirSync(disk);
      const copy = join(place.folder, 'copy');
      // The disk exists in a mount namespace of its own, which ends with the program.
      const script = [
        `mount -t tmpfs -o size=64k none ${disk}`,
        `${FOURWAVE} up --netns ${place.name} --json --quiet --log ${disk}/log & up=$!`,
        'read stop',
        'kill $up; wait $up; code=$?',
        `cp ${disk}/log ${copy}; exit $code`,
      ].join('\n');
      const up = place.start('unshare', '-m', 'sh', '-c', script);
      await eventually(
        () => up.text.includes('ready'),
        () => up.stderr,
      );
      await eventually(
        async () => {
          await place.sh(ECHO);
          return up.stderr.includes('ends here');
        },
        () => 'the disk is full',
        30_000,
      );
      await answers(place);
      up.endInput('\n');
      const { code, stderr } = await up.end();
      assert.equal(code, 1, stderr);
      assert.equal(stderr.match(/ends here/g)?.length, 1);
      const lines = wholeLines(copy);
      assert.equal(lines[0]?.['tcplog'], 1);
      assert.ok(lines.length > 50, `${lines.length} lines`);
      const numbers = lines.slice(1).map((line) => Number(line['n']));
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
      );
      await assertNothingLeft(place);
    }));

  test('because nobody reads the pipe: the stack does not wait, says it at the end, ends in time with 1', () =>
    inPlace(async (place) => {
      const fifo = await fullPipe(place);
      await place.startUp('--log', fifo);
      await answers(place);
      const { code, took, stderr } = await place.stopUp();
      assert.ok(took < 2000, `${took} ms`);
      assert.equal(code, 1);
      assert.match(stderr, /ends here, its reader takes nothing \(EAGAIN\)/);
    }));

  test('a symbolic link to nothing is made, as by any program', () =>
    inPlace(async (place) => {
      const link = join(place.folder, 'link');
      symlinkSync(join(place.folder, 'target'), link);
      await assertCleanStart(place, '--log', link);
      assert.ok(wholeLines(join(place.folder, 'target')).length > 5);
    }));
});

describe('output that nobody takes', { concurrency: 2, skip: skipWithout('nc', 'curl') }, () => {
  const streams: readonly (readonly [what: string, redirection: string])[] = [
    ['stdout and stderr closed', '>&- 2>&-'],
    ['stdin, stdout and stderr closed', '<&- >&- 2>&-'],
    ['stdout and stderr full disks', '>/dev/full 2>/dev/full'],
    ['stdout a pipe whose reader has left', '| true'],
    ['stderr a pipe whose reader has left', '2>&1 >/dev/null | true'],
    ['stdout a pipe of which one line is read', '| head -1 >/dev/null'],
  ];
  for (const [what, redirection] of streams) {
    test(`up with ${what}: the stack works, and ends on SIGTERM with nothing left`, () =>
      inPlace(async (place) => {
        const pidFile = join(place.folder, 'pid');
        const up = `sh -c 'echo $$ >${pidFile}; exec ${FOURWAVE} up --control ${place.folder}/c.sock'`;
        const script = `(${up}; echo $? >${pidFile}.code) ${redirection}`;
        const program = place.start('sh', '-c', script);
        await answers(place);
        await answers(place);
        process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
        await program.end();
        await eventually(
          () => readFileSync(`${pidFile}.code`, 'utf8') === '0\n',
          () => `code 0 instead of ${readFileSync(`${pidFile}.code`, 'utf8')}`,
        );
        await assertNothingLeft(place);
      }));
  }

  test('up with a stderr that nobody reads: it does not wait, and ends in time', () =>
    inPlace(async (place) => {
      const fifo = await fullPipe(place);
      const up = place.start('sh', '-c', `exec ${FOURWAVE} up --control ${place.folder}/c.sock 2>${fifo}`);
      await answers(place);
      await answers(place);
      up.child.kill('SIGTERM');
      assert.equal((await up.end(5000)).code, 0);
      await assertNothingLeft(place);
    }));

  test('the other commands: a reader that leaves is code 0, a full disk code 1, a closed stderr changes no code', () =>
    withStack([], async (stack) => {
      const control = `--control ${stack.ready.control}`;
      const code = async (script: string): Promise<string> =>
        (await stack.sh(script)).stdout.toString().trim();
      for (const command of ['ss -a', 'config', 'log', 'log --json', 'stats']) {
        assert.equal(
          await code(`{ (${FOURWAVE} ${command} ${control}; echo $? >&9) | true; } 9>&1`),
          '0',
          command,
        );
      }
      const full = await stack.sh(`${FOURWAVE} ss -a ${control} >/dev/full`);
      assertRefused(full, 1, /stdout takes no more \(ENOSPC\)/);
      assert.equal(await code(`${FOURWAVE} ss bogus 2>/dev/full; echo $?`), '2');
      assert.equal(await code(`${FOURWAVE} ss bogus 2>&-; echo $?`), '2');
      assert.equal(await code(`${FOURWAVE} --version >&-; echo $?`), '0');
    }));

  test('log -f | head -1 ends with the next event', () =>
    withStack([], async (stack) => {
      const head = stack.start('sh', '-c', `${FOURWAVE} log -f --control ${stack.ready.control} | head -1`);
      await once(head.child.stdout as NodeJS.ReadableStream, 'data');
      await assertWorks(stack);
      const { code, stdout } = await head.end(5000);
      assert.deepEqual([code, stdout.toString().trim().split('\n').length], [0, 1]);
    }));

  test('a connect whose reader leaves closes its connection', () =>
    withStack([], async (stack) => {
      stack.start('sh', '-c', 'yes | nc -lk 10.9.0.1 4000');
      const command = `${FOURWAVE} connect --control ${stack.ready.control} 10.9.0.1 4000 </dev/null | head -1`;
      let last: Finished | null = null;
      await eventually(
        async () => {
          last = await stack.sh(command);
          return last.stdout.toString() === 'y\n';
        },
        () => `a line, not ${last?.stdout.toString()} ${last?.stderr}`,
      );
      await eventually(
        async () => (await stack.ss(4000)).every(({ state }) => state !== 'ESTABLISHED'),
        () => 'the connection ends',
      );
    }));
});
