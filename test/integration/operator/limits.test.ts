import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, type Namespace, type Program, skipWithout } from '../../support/running-stack.ts';
import { assertNothingLeft, assertWorks, FOURWAVE, inPlace, oneSentence, shell } from './support.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function ready(up: Program): Promise<void> {
  return eventually(
    () => up.text.includes('"ready"') || !up.running,
    () => up.stderr,
    20_000,
  );
}

async function assertEcho(place: Namespace): Promise<void> {
  const { stdout } = await place.run('nc', ['-N', '-w', '5', '10.9.0.2', '7'], 'hello');
  assert.equal(stdout.toString(), 'hello');
}

describe('too little of what the machine has', { concurrency: 2, skip: skipWithout('nc', 'prlimit') }, () => {
  test('file descriptors at the start: code 1, one sentence with the cure; nothing left', () =>
    inPlace(async (place) => {
      for (const limit of [60, 100]) {
        const script = `ulimit -n ${limit}; exec ${FOURWAVE} up --netns ${place.name} --json`;
        const { code, stdout, stderr } = await place.sh(script);
        assert.equal(code, 1, `${limit}: ${stderr}`);
        assert.match(
          oneSentence(stderr),
          new RegExp(`only ${limit} files may be open .* raise the limit with: ulimit -n 65536`),
        );
        assert.equal(stdout.toString(), '');
        await assertNothingLeft(place);
      }
    }));

  test('file descriptors in the middle: commands are turned away, the stack goes on, and then takes them again', () =>
    inPlace(async (place) => {
      await place.startUp();
      const { pid } = place.ready;
      await shell(`prlimit --pid ${pid} --nofile=24:24`);
      const clients = Array.from({ length: 12 }, () => place.fourwave('log', '-f'));
      await eventually(
        () => clients.some(({ running }) => !running) || clients.every(({ text }) => text !== ''),
        () => 'a client is turned away',
      );
      await assertWorks(place);
      const limited = clients.filter(({ running }) => !running);
      for (const client of limited) oneSentence(client.stderr);
      for (const client of clients) await client.kill();
      await eventually(
        async () => (await place.fourwave('ss').end()).code === 0,
        () => 'an answer again',
      );
      assert.ok(limited.length > 0, 'the limit was reached');
      assert.equal((await place.stopUp()).code, 0);
    }));

  test('memory: with a heap of 32 MB it starts, carries 20 MB, and ends', () =>
    inPlace(async (place) => {
      const script = `exec ${FOURWAVE.replace(' ', ' --max-old-space-size=32 ')} up --netns ${place.name} --json`;
      const up = place.start('sh', '-c', script);
      await ready(up);
      const { stdout } = await place.sh('nc -d 10.9.0.2 5002 | head -c 20000000 | wc -c');
      assert.equal(stdout.toString().trim(), '20000000');
      await assertEcho(place);
      up.child.kill('SIGTERM');
      assert.equal((await up.end(5000)).code, 0);
      await assertNothingLeft(place);
    }));
});

describe('a checkout that is not as it should be', {
  concurrency: 2,
  skip: skipWithout('nc', 'unshare', 'mount'),
}, () => {
  test('read-only and built: scripts/start runs it', () =>
    inPlace(async (place) => {
      const script = [
        `mount --bind ${ROOT} ${ROOT}`,
        `mount -o remount,bind,ro ${ROOT}`,
        `exec ${join(ROOT, 'scripts/start')} --netns ${place.name} --json --quiet`,
      ].join(' && ');
      const up = place.start('unshare', '-m', 'sh', '-c', script);
      await ready(up);
      await assertEcho(place);
      assert.equal(up.stderr.includes('EROFS'), false, up.stderr);
      up.child.kill('SIGTERM');
      assert.equal((await up.end(5000)).code, 0);
      await assertNothingLeft(place);
    }));

  test('without its addon, or its packages: up says what to run, code 4; what needs no addon works', () =>
    inPlace(async (place) => {
      const copy = join(place.folder, 'copy');
      mkdirSync(copy);
      for (const part of ['dist', 'package.json'])
        cpSync(join(ROOT, part), join(copy, part), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
      const program = `${process.execPath} ${copy}/dist/cli/main.js`;
      const { code, stderr } = await place.sh(`exec ${program} up`);
      assert.equal(code, 4, stderr);
      assert.match(oneSentence(stderr), /the native addon is not built .*run scripts\/setup/);
      const version = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string })
        .version;
      assert.equal((await place.sh(`exec ${program} --version`)).stdout.toString(), `${version}\n`);
      rmSync(join(copy, 'node_modules'));
      const bare = await place.sh(`exec ${program} up`);
      assert.equal(bare.code, 4, bare.stderr);
      assert.match(oneSentence(bare.stderr), /the program is not complete: .*: run scripts\/setup/);
    }));

  test('in a folder that the chosen user may not enter: code 3, says which', () =>
    inPlace(async (place) => {
      const copy = join(place.folder, 'copy');
      mkdirSync(copy, { mode: 0o700 });
      for (const part of ['dist', 'package.json'])
        cpSync(join(ROOT, part), join(copy, part), { recursive: true });
      for (const part of ['node_modules', 'build']) symlinkSync(join(ROOT, part), join(copy, part));
      const script = `exec ${process.execPath} ${copy}/dist/cli/main.js up --netns ${place.name} --user nobody`;
      const { code, stderr } = await place.sh(script);
      assert.equal(code, 3, stderr);
      assert.match(oneSentence(stderr), /nobody may not read .*copy\/dist\/cli\/main\.js.*another --user/);
      await assertNothingLeft(place);
    }));
});
