import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithout } from '../../support/running-stack.ts';
import { assertRefused, fourwave } from './support.ts';

const LONG = `/tmp/${'x'.repeat(103)}`;

/** Everything here is wrong in itself, whatever the machine is like. */
const UP: readonly (readonly [args: string, says: RegExp])[] = [
  // Words that nobody knows.
  ['--peeer 10.9.0.1/24', /unknown option '--peeer'.*Did you mean --peer/],
  ['-x', /unknown option '-x'/],
  ['fw1', /too many arguments/],
  ['--services echo,chargn', /did you mean "chargen"/],
  ['--services echo,,http', /all, none, or names with commas/],
  ['--set mls=3s', /did you mean "msl"/],
  ['--set nosuch=1', /no option "nosuch".*fourwave config/],
  ['--set sack=maybe', /sack must be on or off/],
  ['--set =3', /KEY=VALUE/],
  ['--set keepalive.count=0', /between 1 and 127/],
  ['--mtu 67', /between 68 and 65535/],
  ['--mtu 1e3', /whole number/],
  ['--linger -5s', /must be a duration/],
  ['--netns /run/netns/x', /must be the name of a network namespace/],
  ['--tun fw%d', /--tun must be/],
  ['--inspect', /argument missing/],
  // Addresses that no host has, or that the kernel would not send to the TUN.
  ['--address 10.9.0', /IPv4 address such as/],
  ['--address 010.9.0.2', /IPv4 address such as/],
  ['--address 10.9.0.2/24', /IPv4 address such as/],
  ['--address fe80::1', /IPv4 address such as/],
  ['--address 224.0.0.1', /an address that a host can have/],
  ['--address 10.8.0.2', /10\.8\.0\.2 is outside of 10\.9\.0\.0\/24, the subnet of --peer: choose/],
  ['--address 10.9.1.0', /outside of 10\.9\.0\.0\/24/],
  ['--address 10.9.0.0', /the address of the network 10\.9\.0\.0\/24 itself/],
  ['--address 10.9.0.255', /the broadcast address of 10\.9\.0\.0\/24/],
  ['--address 10.9.0.2 --address 10.9.0.2', /given twice/],
  ['--address 10.9.0.2 --address 10.9.0.1', /both cannot be 10\.9\.0\.1/],
  ['--peer 10.9.0.2/24', /both cannot be 10\.9\.0\.2/],
  ['--peer 10.9.0.1', /with its prefix/],
  ['--peer 10.9.0.1/31', /with its prefix/],
  ['--peer 10.9.0.4/30 --address 10.9.0.5', /--peer 10\.9\.0\.4 is the address of the network/],
  ['--peer 10.9.0.255/24', /--peer 10\.9\.0\.255 is the broadcast address/],
  ['--peer 192.168.7.1/24', /10\.9\.0\.2 is outside of 192\.168\.7\.0\/24/],
  // Two things that cannot both be.
  ['--mtu 1500 --mtu 1400', /--mtu cannot be both 1500 and 1400/],
  ['--set msl=3s --set msl=4s', /msl cannot be both 3s and 4s/],
  ['--set msl=3s --msl 4s', /msl cannot be both 3s and 4s/],
  ['--congestion cubic --set congestion=reno', /congestion cannot be both reno and cubic/],
  ['--set rto.min=300s', /rto\.min .* must not be above rto\.max/],
  ['--services none,echo', /contradicts itself/],
  ['--device tuntap2 --user nobody', /is for --device tun: tuntap2 cannot/],
  ['--device tuntap2 --tun fw7', /is for --device tun: tuntap2 cannot/],
  // Names of nothing, and one that the kernel does not take.
  ['--log=', /--log must have a name/],
  ['--www=', /--www must have a name/],
  ['--user=', /--user must have a name/],
  ['--control=', /--control must have a name/],
  [`--control ${LONG}`, /at most 107 bytes long, not 108/],
];

const OTHERS: readonly (readonly [args: string, says: RegExp])[] = [
  ['ss --jsn', /unknown option '--jsn'.*Did you mean --json/],
  ['ss state timewait', /did you mean time-wait/],
  ['ss port http', /between 1 and 65535/],
  ['log --level all', /core, base or extra/],
  ['log --conn 1 --conn 2', /--conn cannot be both 1 and 2/],
  ['ladder --since soon', /--since/],
  ['stats --json --prometheus', /choose one/],
  ['config nosuch=1', /no option "nosuch"/],
  ['config msl=30', /msl must be a duration/],
  ['service start nosuch', /NAME must be/],
  ['service restart echo', /unknown command 'restart'/],
  ['close', /missing required argument/],
  ['pause all', /CONN must be a connection/],
  ['connect 10.9.0.2', /missing required argument/],
  ['connect 10.9.0.2 http', /PORT must be/],
  ['connect -p 0 10.9.0.2 7', /-p must be/],
  ['listen 0', /PORT must be/],
  ['listen 80 81', /too many arguments/],
];

async function allRefused(cases: readonly (readonly [string[], RegExp])[]): Promise<void> {
  for (let at = 0; at < cases.length; at += 4) {
    await Promise.all(
      cases.slice(at, at + 4).map(async ([args, says]) => {
        try {
          assertRefused(await fourwave(...args), 2, says);
        } catch (error) {
          throw new Error(`fourwave ${args.join(' ')}`, { cause: error });
        }
      }),
    );
  }
}

describe('wrong arguments: code 2, one sentence, nothing opened or contacted', {
  skip: skipWithout(),
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'fourwave-arguments-'));
  const control = join(folder, 'control.sock');
  let contacts = 0;
  let server: Server;

  before(async () => {
    server = createServer((socket) => {
      contacts++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(control, resolve));
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  test('of up: the missing namespace is not even looked for, and no file is made', async () => {
    const log = join(folder, 'never.jsonl');
    const elsewhere = ['--netns', 'fw-no-such', '--log', log];
    await allRefused(
      UP.map(([args, says]) => {
        const given = args.split(' ');
        const own = elsewhere.filter(
          (_, index) => !given.some((arg) => arg.startsWith(elsewhere[index & ~1] as string)),
        );
        return [['up', ...own, ...given], says];
      }),
    );
    assertRefused(await fourwave('up', ...elsewhere), 4, /there is no network namespace fw-no-such/);
    await assert.rejects(
      import('node:fs/promises').then(({ stat }) => stat(log)),
      /ENOENT/,
    );
  });

  test('of the other commands: the running stack is not asked', async () => {
    await allRefused(
      OTHERS.map(([args, says]) => {
        const [command = '', ...rest] = args.split(' ');
        const at = command === 'service' ? 1 : 0;
        return [[command, ...rest.slice(0, at), '--control', control, ...rest.slice(at)], says];
      }),
    );
    assert.equal(contacts, 0);
    const { code } = await fourwave('ss', '--control', control);
    assert.deepEqual([code, contacts], [1, 1], 'a right command does ask');
  });

  test('of the path to the control socket, in every command', async () => {
    await allRefused([
      [['ss', '--control', LONG], /at most 107 bytes/],
      [['log', '--control='], /must have a name/],
      [['connect', '--control', LONG, 'no.such.host.invalid', '7'], /at most 107 bytes/],
    ]);
  });
});
