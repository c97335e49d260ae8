import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  eventually,
  type Finished,
  type Namespace,
  type Program,
  RunningStack,
  skipWithout,
} from '../../support/running-stack.ts';
import {
  assertCleanStart,
  assertNothingLeft,
  assertRefused,
  FOURWAVE,
  inNamespace,
  inPlace,
  MAIN,
  processesWith,
  shell,
  socketsOf,
  withStack,
} from './support.ts';

/** `up` in the namespace, to its end. */
function up(place: Namespace, ...args: string[]): Promise<Finished> {
  return place.run(process.execPath, [MAIN, 'up', '--json', ...args]);
}

/** The script in a mount namespace of its own, so that what it does to /dev/net stays there. */
function withOwnDevices(place: Namespace, script: string, ...args: string[]): Promise<Finished> {
  return shell(`unshare -m sh -c '${script}; exec ${FOURWAVE} up --netns ${place.name} ${args.join(' ')}'`);
}

describe('up without what it needs', { concurrency: 2, skip: skipWithout('unshare', 'mount') }, () => {
  test('no /dev/net/tun: code 4, says how to get it', () =>
    inNamespace(async (place) => {
      const outcome = await withOwnDevices(place, 'mount -t tmpfs none /dev/net');
      assertRefused(outcome, 4, /there is no \/dev\/net\/tun here .*modprobe tun.*--device \/dev\/net\/tun/);
      await assertNothingLeft(place);
    }));

  test('something else at /dev/net/tun: code 4, says so', () =>
    inNamespace(async (place) => {
      const outcome = await withOwnDevices(place, 'mount --bind /dev/null /dev/net/tun');
      assertRefused(outcome, 4, /\/dev\/net\/tun is no TUN device here .*modprobe tun/);
      await assertNothingLeft(place);
    }));

  test('a namespace that is not there: code 4, the command that makes it', () =>
    inNamespace(async (place) => {
      const outcome = await up(place, '--netns', `${place.name}-none`);
      assertRefused(outcome, 4, /there is no network namespace .*ip netns add fw-/);
    }));

  test('a user who does not exist: code 4, before the interface is made', () =>
    inNamespace(async (place) => {
      assertRefused(await up(place, '--user', 'no-such-user'), 4, /there is no user no-such-user/);
      await assertNothingLeft(place);
    }));

  test('a name that another interface has: code 4', () =>
    inNamespace(async (place) => {
      assertRefused(await up(place, '--tun', 'lo'), 4, /lo exists and is no TUN.*--tun/);
      place.ip('tuntap', 'add', 'fw0', 'mode', 'tap');
      assertRefused(await up(place), 4, /fw0 exists and is no TUN.*--tun/);
      place.ip('link', 'del', 'fw0');
    }));

  test('a folder for --www that is not there: code 4', () =>
    inNamespace(async (place) => {
      assertRefused(
        await up(place, '--www', '/no/such'),
        4,
        /\/no\/such cannot be served: there is no .*--www/,
      );
      await assertNothingLeft(place);
    }));
});

describe('up with addresses that are taken', { concurrency: 2, skip: skipWithout('nc') }, () => {
  test('by a route of the namespace: code 4, proposes a range, and the proposal works', async () => {
    const place = new RunningStack();
    try {
      place.ip('route', 'add', '10.9.0.0/16', 'dev', 'lo');
      const outcome = await up(place);
      assertRefused(
        outcome,
        4,
        /already routes 10\.9\.0\.1\/24 .*: choose --peer \d+\.\d+\.\d+\.\d+\/24 and/,
      );
      const proposed = String(/--peer (\S+)/.exec(outcome.stderr)?.[1]);
      const address = proposed.replace(/\.1\/24$/, '.77');
      await place.startUp('--peer', proposed, '--address', address);
      const { stdout } = await place.run('nc', ['-N', address, '7'], 'hello');
      assert.equal(stdout.toString(), 'hello');
    } finally {
      await place.close();
    }
  });

  test('a second up: with the same name, the same range, the same socket: code 4 each, the first goes on', () =>
    withStack([], async (stack) => {
      const other = ['--peer', '10.10.0.1/24', '--address', '10.10.0.2'];
      const netns = ['--netns', stack.name];
      assertRefused(await up(stack), 4, /another program holds fw0 .*--tun or end that program/);
      assertRefused(await up(stack, '--tun', 'fw1'), 4, /already routes 10\.9\.0\.1\/24 .*choose --peer/);
      const socket = ['--control', stack.ready.control];
      assertRefused(
        await up(stack, ...netns, '--tun', 'fw1', ...other, ...socket),
        4,
        /another stack already answers/,
      );
      assert.match(stack.ip('-br', 'link'), /^fw0 /m);
      assert.doesNotMatch(stack.ip('-br', 'link'), /fw1/);
      assert.equal(socketsOf(stack).length, 1);
      const { stdout } = await stack.run('nc', ['-N', '10.9.0.2', '7'], 'hello');
      assert.equal(stdout.toString(), 'hello');
    }));
});

/** A `sudo` that wants a password, as a program on the PATH. */
function fakeSudo(place: RunningStack, script: string): string {
  const folder = join(place.folder, 'bin');
  mkdirSync(folder);
  chmodSync(place.folder, 0o755);
  writeFileSync(join(folder, 'sudo'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

const TUN_FOR_ROOT = 'mount -t tmpfs none /dev/net; mknod -m 600 /dev/net/tun c 10 200';
const TUN_FOR_ALL = 'mount -t tmpfs none /dev/net; mknod -m 666 /dev/net/tun c 10 200';
const AS_NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all';

describe('up without privilege', { concurrency: 2, skip: skipWithout('unshare', 'setpriv', 'sudo') }, () => {
  const users = (place: Namespace, devices: string, env: string, ...args: string[]): Promise<Finished> =>
    place.sh(
      `unshare -m sh -c '${devices}; cd /; exec ${AS_NOBODY} env ${env} ${FOURWAVE} up --json ${args.join(' ')}' </dev/null`,
    );

  test('sudo that asks for a password, no terminal, no TUN for users: code 3, names sudo', async () => {
    const place = new RunningStack();
    try {
      const path = fakeSudo(place, 'echo "sudo: a password is required" >&2; exit 1');
      const outcome = await users(place, TUN_FOR_ROOT, `PATH=${path}:$PATH`);
      assertRefused(outcome, 3, /opening a TUN needs CAP_NET_ADMIN: run "sudo fourwave up".*fourwave doctor/);
      await assertNothingLeft(place);
    } finally {
      await place.close();
    }
  });

  test('no sudo at all: code 3', () =>
    inNamespace(async (place) => {
      const path = 'PATH=/nonexistent';
      assertRefused(await users(place, TUN_FOR_ROOT, path), 3, /opening a TUN needs CAP_NET_ADMIN/);
    }));

  test('--user and --netns by who may not: code 3', () =>
    inNamespace(async (place) => {
      const path = 'PATH=/nonexistent';
      assertRefused(await users(place, TUN_FOR_ALL, path, '--user', 'daemon'), 3, /--user needs root/);
      assertRefused(await users(place, TUN_FOR_ALL, path, '--netns', place.name), 3, /needs CAP_NET_ADMIN/);
    }));

  test('root without capabilities, and root of a user namespace that does not own the network: code 3', () =>
    inNamespace(async (place) => {
      const bare = 'setpriv --bounding-set=-all --inh-caps=-all env PATH=/nonexistent';
      const without = await place.sh(`exec ${bare} ${FOURWAVE} up </dev/null`);
      assertRefused(without, 3, /needs CAP_NET_ADMIN/);
      const mapped = await place.sh(`exec unshare -U -r ${FOURWAVE} up </dev/null`);
      assertRefused(mapped, 3, /may not be set up .*EPERM.*run it as root/);
      await assertNothingLeft(place);
    }));

  test('a sudo that fails after it was asked: code 3', async () => {
    const place = new RunningStack();
    try {
      const path = fakeSudo(place, '[ "$1" = -n ] && exit 0; exit 1');
      const outcome = await users(place, TUN_FOR_ROOT, `PATH=${path}:$PATH`);
      assertRefused(outcome, 3, /sudo did not open the TUN/);
      await assertNothingLeft(place);
    } finally {
      await place.close();
    }
  });
});

describe('after every refusal', { concurrency: 2, skip: skipWithout('nc') }, () => {
  test('the next start is clean', async () => {
    const place = new RunningStack();
    try {
      await up(place, '--user', 'no-such-user');
      await up(place, '--netns', place.name, '--log', '/no/such/log');
      await up(place, '--netns', place.name, '--control', '/no/such/socket');
      await assertNothingLeft(place);
      await assertCleanStart(place);
    } finally {
      await place.close();
    }
  });
});

describe('sudo at a terminal', { concurrency: 2, skip: skipWithout('unshare', 'setpriv', 'script') }, () => {
  /** `up` of an ordinary user at a terminal, whose sudo asks for a password there. */
  function atTerminal(place: RunningStack): Program {
    const path = fakeSudo(
      place,
      '[ "$1" = -V ] && exit 0; printf "password: "; read answer </dev/tty; exit 1',
    );
    const up = `${AS_NOBODY} env PATH=${path}:$PATH TERM=dumb script -qefc "${FOURWAVE} up" /dev/null`;
    return place.start('unshare', '-m', 'sh', '-c', `${TUN_FOR_ROOT}; cd /; exec ${up}`);
  }
  const asked = (terminal: Program): Promise<void> =>
    eventually(
      () => terminal.text.includes('password: '),
      () => terminal.text,
    );

  test('a wrong password: code 3, one sentence', () =>
    inPlace(async (place) => {
      const terminal = atTerminal(place);
      await asked(terminal);
      terminal.type('wrong\r');
      assert.equal((await terminal.end(10_000)).code, 3);
      assert.match(
        terminal.text,
        /fourwave: sudo did not open the TUN [^\n]*: run the whole program as root/,
      );
      await assertNothingLeft(place);
    }));

  test('Ctrl-C at the password: it ends, nothing is left', () =>
    inPlace(async (place) => {
      const terminal = atTerminal(place);
      await asked(terminal);
      terminal.type('\x03');
      const { code } = await terminal.end(10_000);
      assert.ok(code !== 0, `code ${code}`);
      await assertNothingLeft(place);
      assert.deepEqual(processesWith(place.folder), []);
    }));
});
