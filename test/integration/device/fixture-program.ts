/**
 * A program as `fourwave up` is one, as small as can be: opens a TUN, gives up root, goes on.
 *
 *   drop NETNS USER|-     open, drop, start again, answer packets
 *   open REQUEST          the helper under sudo: open and pass the descriptors on
 *   ask NETNS ELEVATE…    have a helper open it, answer packets
 *   unshare               start again in a user namespace, open there
 *
 * It prints one line of JSON when the TUN answers, and lives until its standard input ends.
 */

import { readlinkSync } from 'node:fs';
import { openThroughHelper, reexecInUserNamespace, serveOpenRequest } from '../../../src/device/elevate.ts';
import { chooseIdentity } from '../../../src/device/identity.ts';
import { dropAndReexec, inheritedTun, ownCommand } from '../../../src/device/privileges.ts';
import { openTun, type TunDescription, TunDevice, tun } from '../../../src/device/tun.ts';
import { answer } from './support.ts';

function serve(description: TunDescription): void {
  const device = new TunDevice(description);
  answer(device);
  const { pid, env } = process;
  const namespace = readlinkSync('/proc/self/ns/net');
  const ready = {
    pid,
    uid: process.getuid?.(),
    home: env['HOME'],
    note: env['FOURWAVE_DEVICE'] ?? null,
    namespace,
  };
  process.stdout.write(`${JSON.stringify({ ...ready, tun: description })}\n`);
  process.stdin.on('end', () => device.close()).resume();
}

function drop(netns: string, user: string): never {
  const identity = chooseIdentity({ user: user === '-' ? null : user, env: {} });
  return dropAndReexec({ tun: openTun({ netns }, { diagnosis: true }), identity });
}

function main(): void {
  const [mode, first = '', ...rest] = process.argv.slice(2);
  const inherited = inheritedTun();
  if (inherited !== null) serve(inherited);
  else if (mode === 'drop') drop(first, rest[0] ?? '-');
  else if (mode === 'open') serveOpenRequest(first);
  else if (mode === 'ask') {
    const own = ownCommand().slice(0, process.execArgv.length + 2);
    const request = { options: { netns: first }, extras: { diagnosis: true } };
    serve(openThroughHelper(request, [...rest, ...own, 'open']));
  } else if (process.env['FOURWAVE_TEST_UNSHARED'] === undefined) {
    reexecInUserNamespace(ownCommand(), { ...process.env, FOURWAVE_TEST_UNSHARED: '1' });
  } else serve(tun().description);
}

try {
  main();
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: (error as Error).message, ...(error as object) })}\n`);
  process.exitCode = 3;
}
