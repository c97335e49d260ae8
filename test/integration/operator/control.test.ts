import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  eventually,
  type Finished,
  type Namespace,
  RunningStack,
  skipWithout,
} from '../../support/running-stack.ts';
import {
  assertCleanStart,
  assertNothingLeft,
  assertRefused,
  assertWorks,
  fourwave,
  inPlace,
  interfaces,
  MAIN,
  SYSTEM_FOLDER,
  socketsOf,
} from './support.ts';

function up(place: Namespace, ...args: string[]): Promise<Finished> {
  return place.run(process.execPath, [MAIN, 'up', '--netns', place.name, '--json', ...args]);
}

describe('the control socket', { concurrency: 2, skip: skipWithout('nc', 'setpriv') }, () => {
  test('of an up that was killed is replaced; its interface is gone, the next start is clean', () =>
    inPlace(async (place) => {
      await place.startUp();
      const { control } = place.ready;
      await place.up.kill('SIGKILL');
      await eventually(
        () => interfaces(place).length === 0,
        () => 'the interface is gone',
      );
      assert.ok(existsSync(control), 'nobody could remove it');
      assertRefused(
        await fourwave('ss', '--control', control),
        4,
        /no stack is running behind .*ECONNREFUSED/,
      );
      await assertCleanStart(place);
      assert.equal(existsSync(control), false);
    }));

  test('of another user that nobody answers may not be replaced: code 3, which file; then the next start is clean', () =>
    inPlace(async (place) => {
      await place.startUp();
      await place.up.kill('SIGKILL');
      const outcome = await up(place, '--user', 'nobody');
      assertRefused(
        outcome,
        3,
        /socket \/run\/fourwave\/.* is there already and may not be replaced.*remove it/,
      );
      assert.equal(interfaces(place).length, 0);
      await assertCleanStart(place);
    }));

  test('at a path that cannot be: code 3 or 4, why, and what to do; nothing is left', () =>
    inPlace(async (place) => {
      const file = join(place.folder, 'file');
      writeFileSync(file, 'precious');
      chmodSync(place.folder, 0o755);
      const cases: readonly (readonly [path: string, code: number, says: RegExp])[] = [
        ['/no/such/folder/x.sock', 4, /cannot be made: there is no such .*ENOENT.*--control/],
        [join(file, 'x.sock'), 4, /cannot be made: that is no folder .*ENOTDIR.*--control/],
        [file, 4, /file exists and is no socket/],
        ['/proc/x.sock', 3, /cannot be made: this user may not .*--control/],
      ];
      for (const [path, code, says] of cases) assertRefused(await up(place, '--control', path), code, says);
      const own = join(place.folder, 'x.sock');
      assertRefused(
        await up(place, '--user', 'nobody', '--control', own),
        3,
        /this user may not .*--control/,
      );
      assert.equal(statSync(file).size, 8, 'the file is what it was');
      await assertNothingLeft(place);
      await assertCleanStart(place, '--control', own);
    }));

  test('would get a name that is too long from its namespace: says so, and --control helps', () =>
    inPlace(async (place) => {
      const long = `${place.name}-${'n'.repeat(100)}`;
      execFileSync('ip', ['netns', 'add', long]);
      try {
        const outcome = await fourwave('up', '--json', '--netns', long);
        assertRefused(outcome, 4, /no folder takes the control socket .*name a path with --control/);
      } finally {
        execFileSync('ip', ['netns', 'del', long]);
      }
    }));

  test('is missing for the other commands, or no socket, or of nobody: code 4', () =>
    inPlace(async (place) => {
      mkdirSync(join(place.folder, 'd'));
      const refused = async (path: string, ...command: string[]): Promise<void> =>
        assertRefused(
          await fourwave(...command, '--control', join(place.folder, path)),
          4,
          /no stack is running behind/,
        );
      await Promise.all([refused('none', 'ss'), refused('d', 'stats'), refused('none/below', 'log', '-f')]);
      await Promise.all([refused('none', 'connect', '10.9.0.1', '7'), refused('none', 'listen', '7')]);
    }));

  test('of two stacks and none named: code 4, lists them; when named each answers', () =>
    inPlace(async (place) => {
      await place.startUp();
      const second = new RunningStack();
      try {
        await second.startUp();
        const outcome = await fourwave('ss');
        assertRefused(outcome, 4, /several stacks are running, name one: /);
        for (const { ready } of [place, second]) assert.ok(outcome.stderr.includes(ready.control));
        await assertWorks(second);
        assert.equal((await fourwave('ss', '--control', second.ready.control)).code, 0);
      } finally {
        await second.close();
      }
      assert.equal(socketsOf(second).length, 0);
      assert.equal((await fourwave('ss', '--control', place.ready.control)).code, 0);
      assert.ok(existsSync(SYSTEM_FOLDER));
    }));
});

describe('a port that is taken', { concurrency: 2, skip: skipWithout('nc') }, () => {
  test('by a service or a listen: code 4, says by whom to see; a service that runs may be started again', () =>
    inPlace(async (place) => {
      await place.startUp();
      const run = (command: string, ...args: string[]): Promise<Finished> =>
        place.fourwave(command, ...args).end();
      assertRefused(await run('listen', '7'), 4, /port 7 is in use: .*ss -a.*service stop.*EADDRINUSE/);
      const service = (verb: string, name: string): Promise<Finished> =>
        fourwave('service', verb, '--control', place.ready.control, name);
      assert.match((await service('start', 'echo')).stdout.toString(), /^echo +7 +running/);
      assert.match((await service('stop', 'echo')).stdout.toString(), /^echo +7 +stopped/);
      assert.match((await service('stop', 'echo')).stdout.toString(), /stopped/);
      const listener = place.fourwave('listen', '7');
      await eventually(
        async () => / 0\.0\.0\.0:7 /.test((await run('ss', '-l')).stdout.toString()),
        () => 'somebody listens on port 7',
      );
      assertRefused(await service('start', 'echo'), 4, /echo is in use.*EADDRINUSE/);
      await listener.kill();
      await eventually(
        async () => (await service('start', 'echo')).code === 0,
        () => 'the port of a listen that was killed is free again',
      );
      await assertWorks(place);
    }));

  test('connect to nobody, to ourselves, to no host: code 1, 2, 1 or 4, and what to do', () =>
    inPlace(async (place) => {
      await place.startUp();
      const connect = (...args: string[]): Promise<Finished> => place.fourwave('connect', ...args).end();
      assertRefused(
        await connect('10.9.0.1', '99'),
        1,
        /10\.9\.0\.1:99 refuses the connection: .*ECONNREFUSED/,
      );
      assertRefused(await connect('10.9.0.2', '80'), 2, /the stack's own address: .*nc 10\.9\.0\.2/);
      for (const host of ['127.0.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '10.9.0.255']) {
        assertRefused(await connect(host, '80'), 1, /no address that the stack sends to.*ENETUNREACH/);
      }
      assertRefused(await connect('no-such-host.invalid', '80'), 4, /has no IPv4 address/);
    }));
});
