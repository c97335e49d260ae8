import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseIdentity } from '../../../src/device/identity.ts';
import { environmentFor, inheritedTun } from '../../../src/device/privileges.ts';

/** getent and id of a machine with one user. */
function run(command: string, args: string[]): string {
  if (command === 'getent' && ['alice', '1000'].includes(args[2] as string)) {
    return 'alice:x:1000:1001:Alice:/home/alice:/bin/sh\n';
  }
  if (command === 'id' && args[2] === 'alice') return '1001 27 44\n';
  throw new Error(`${command} ${args.join(' ')} failed`);
}

const ALICE = { uid: 1000, gid: 1001, groups: [1001, 27, 44], name: 'alice', home: '/home/alice' };

test('--user comes first, then who called sudo, then root stays', () => {
  assert.deepEqual(chooseIdentity({ user: 'alice', env: { SUDO_UID: '5' }, run }), ALICE);
  assert.deepEqual(chooseIdentity({ env: { SUDO_UID: '1000', SUDO_GID: '7' }, run }), ALICE);
  assert.equal(chooseIdentity({ env: {}, run }), null);
  assert.equal(chooseIdentity({ env: { SUDO_UID: '0' }, run }), null);
});

test('a user without an entry keeps the numbers that sudo gave', () => {
  const identity = chooseIdentity({ env: { SUDO_UID: '4242', SUDO_GID: '42' }, run });
  assert.deepEqual(identity, { uid: 4242, gid: 42, groups: [42], name: '4242', home: '/' });
});

test('ids that are none are not believed', () => {
  assert.equal(chooseIdentity({ env: { SUDO_UID: '-1' }, run }), null);
  assert.equal(chooseIdentity({ env: { SUDO_UID: '4294967295' }, run }), null);
  assert.equal(chooseIdentity({ env: { SUDO_UID: '' }, run }), null);
});

test('an unknown --user is an error with a cure', () => {
  assert.throws(() => chooseIdentity({ user: 'bob', env: {}, run }), { code: 'ENOENT', cure: /--user/ });
});

test("the new user's environment is not root's", () => {
  const env = environmentFor(ALICE, {
    HOME: '/root',
    USER: 'root',
    XDG_RUNTIME_DIR: '/run/user/0',
    PATH: '/bin',
  });
  assert.deepEqual(
    [env['HOME'], env['USER'], env['LOGNAME'], env['PATH']],
    ['/home/alice', 'alice', 'alice', '/bin'],
  );
  assert.notEqual(env['XDG_RUNTIME_DIR'], '/run/user/0');
  assert.deepEqual(environmentFor(null, { HOME: '/root' }), { HOME: '/root' });
});

test('what was inherited is taken once, and only when it is open', () => {
  const tun = { name: 'fw0', queues: [0], diagnosis: -1, raw: -1 };
  const env: NodeJS.ProcessEnv = { FOURWAVE_DEVICE: JSON.stringify(tun) };
  assert.deepEqual(inheritedTun(env), tun);
  assert.equal(inheritedTun(env), null);
  assert.equal(inheritedTun({ FOURWAVE_DEVICE: JSON.stringify({ ...tun, queues: [987] }) }), null);
  assert.equal(inheritedTun({ FOURWAVE_DEVICE: 'nonsense' }), null);
});
