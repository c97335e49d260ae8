import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { loadNative } from '../../../src/device/native.ts';
import { openTun, TunDevice, type TunOptions, tun } from '../../../src/device/tun.ts';
import { Packet } from '../../../src/wire/packet.ts';
import { answer, exchange, hasProgram, inNamespace, ip, runIn, skip, until } from './support.ts';

const noPing = !hasProgram('ping') && process.env['CI'] !== 'true' ? 'needs ping (iputils-ping)' : false;

function namespacesOfThreads(): string[] {
  const threads = readdirSync('/proc/self/task');
  return [...new Set(threads.map((thread) => readlinkSync(`/proc/self/task/${thread}/ns/net`)))];
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

interface Link {
  readonly mtu: number;
  readonly flags: string[];
  readonly addr_info: { family: string; local: string; prefixlen: number }[];
}

function linkIn(netns: string, name: string): Link {
  return (JSON.parse(ip('-n', netns, '-j', 'addr', 'show', name)) as Link[])[0] as Link;
}

describe('TUN', { skip }, () => {
  test('is made and configured in the namespace, and no thread of ours moves there', () =>
    inNamespace(async (netns, open) => {
      const before = namespacesOfThreads();
      const device = open({ name: undefined as never, peer: '10.9.0.1/24', mtu: 1400 });
      assert.deepEqual(namespacesOfThreads(), before);
      assert.throws(() => ip('-j', 'link', 'show', 'fw0'), 'it must not be in our namespace');
      const link = linkIn(netns, 'fw0');
      assert.equal(link.mtu, 1400);
      assert.ok(link.flags.includes('UP') && link.flags.includes('LOWER_UP'));
      assert.deepEqual(
        link.addr_info.map(({ family, local, prefixlen }) => [family, local, prefixlen]),
        [['inet', '10.9.0.1', 24]],
        'no IPv6 address',
      );
      assert.match(ip('-n', netns, 'route'), /^10\.9\.0\.0\/24 dev fw0 .*src 10\.9\.0\.1/m);
      assert.deepEqual([device.name, device.mtu], ['fw0', 1400]);
      await device.close();
      assert.equal(ip('-n', netns, '-j', 'link').includes('fw0'), false, 'it vanishes with its descriptor');
    }));

  const modes: [TunOptions, string[], boolean][] = [
    [{ offload: 'auto' }, ['csum', 'tso4'], true],
    [{ offload: 'csum' }, ['csum'], true],
    [{ offload: 'off' }, [], false],
  ];
  for (const [options, offload, vnetHeader] of modes) {
    test(`packets go both ways with offload '${options.offload}'`, () =>
      inNamespace(async (netns, open) => {
        const device = open(options);
        assert.deepEqual(device.description.offload, offload);
        assert.equal(device.description.vnetHeader, vnetHeader);
        assert.equal(device.checksumOffload, offload.includes('csum'));
        const seen = answer(device);
        assert.deepEqual(await exchange(netns, 1, 100, 1472), [1, 100, 1472]);
        assert.equal(seen.packets, 3);
        assert.equal(device.dropped + device.malformed, 0);
        await device.close();
      }));
  }

  test('the largest packet goes both ways with an MTU of 65,535', () =>
    inNamespace(async (netns, open) => {
      const device = open({ mtu: 65_535 });
      const seen = answer(device);
      assert.deepEqual(await exchange(netns, 65_507), [65_507]);
      assert.equal(seen.largest, 65_535);
      await device.close();
    }));

  test('an offload that the kernel does not know falls back to what it knows', () =>
    inNamespace(async (netns) => {
      const native = loadNative();
      const base = { name: 'fw0', netns: `/run/netns/${netns}`, queues: 1, vnetHeader: 1 as const };
      const rest = {
        address: 0x0a090001,
        prefix: 24,
        mtu: 1500,
        withDiagnosis: 0 as const,
        gather: 0 as const,
        withRawSocket: 0 as const,
        withSteering: 0 as const,
        keyLow: 0,
        keyHigh: 0,
      };
      const partly = native.openTun({ ...base, ...rest, offloads: [0x4000_0001, 1] });
      assert.deepEqual([partly.vnetHeader, partly.offload], [1, 1]);
      native.closeDescriptor(partly.queues[0] as number);
      const none = native.openTun({ ...base, ...rest, offloads: [0x4000_0001] });
      assert.deepEqual([none.vnetHeader, none.offload], [1, 0]);
      const device = new TunDevice({
        ...{ name: 'fw0', peer: '10.9.0.1/24', mtu: 1500, netns, queues: none.queues },
        ...{ vnetHeader: true, offload: [], diagnosis: -1, raw: -1 },
      });
      assert.equal(device.segmentationLimit, 0);
      answer(device);
      assert.deepEqual(await exchange(netns, 1000), [1000], 'plain packets behind an empty header');
      await device.close();
    }));

  test('several queues all deliver', () =>
    inNamespace(async (netns, open) => {
      const device = open({ queues: 3 });
      assert.equal(device.description.queues.length, 3);
      const seen = answer(device);
      const clients = await Promise.all([1, 2, 3, 4, 5, 6].map((size) => exchange(netns, size)));
      assert.deepEqual(clients.flat(), [1, 2, 3, 4, 5, 6]);
      assert.equal(seen.packets, 6);
      await device.close();
    }));

  test('ping is answered', { skip: noPing }, () =>
    inNamespace(async (netns, open) => {
      const device = open();
      answer(device);
      const { code, output } = await runIn(netns, 'ping', '-c', '3', '-i', '0.05', '-W', '2', '10.9.0.2');
      assert.equal(code, 0, output);
      assert.match(output, /3 received, 0% packet loss/);
      await device.close();
    }),
  );

  test('sockets for diagnosis and injection belong to the namespace', () =>
    inNamespace(async (netns) => {
      const description = openTun({ netns }, { diagnosis: true, rawSocket: true });
      assert.match(readlinkSync(`/proc/self/fd/${description.diagnosis}`), /^socket:/);
      assert.match(readlinkSync(`/proc/self/fd/${description.raw}`), /^socket:/);
      const inode = (fd: number): string => /\d+/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[0] ?? 'none';
      const { output: raw } = await runIn(netns, 'cat', '/proc/net/raw');
      assert.ok(raw.includes(inode(description.raw)));
      assert.ok(!readFileSync('/proc/net/raw', 'utf8').includes(inode(description.raw)));
      await new TunDevice(description).close();
    }));

  test('a TUN deleted under our feet is a failure, told once', () =>
    inNamespace(async (netns, open) => {
      const device = open();
      const seen = answer(device);
      assert.deepEqual(await exchange(netns, 10), [10]);
      ip('-n', netns, 'link', 'del', 'fw0');
      await until(() => seen.failures.length > 0, 'the failure');
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(seen.failures.length, 1);
      const { code, errno, syscall, cure } = seen.failures[0] as Error & Record<string, string>;
      assert.deepEqual([code, errno, syscall], ['EBADFD', 77, 'read(tun)']);
      assert.match(cure as string, /deleted/);
      await device.close();
    }));

  test('a link that goes down and up again goes on working', () =>
    inNamespace(async (netns, open) => {
      const device = open();
      const seen = answer(device);
      ip('-n', netns, 'link', 'set', 'fw0', 'down');
      await new Promise((resolve) => setTimeout(resolve, 50));
      ip('-n', netns, 'link', 'set', 'fw0', 'up');
      assert.deepEqual(await exchange(netns, 10), [10]);
      assert.deepEqual(seen.failures, []);
      await device.close();
    }));

  test('every refusal has errno, call and cure, and leaves nothing open', () =>
    inNamespace(async (netns, open) => {
      const first = open();
      const before = openDescriptors();
      const cases: [TunOptions, string, string, RegExp][] = [
        [{ netns: 'fwtest-none' }, 'ENOENT', 'open(netns)', /ip netns add fwtest-none/],
        [{ netns: '/etc/passwd' }, 'EINVAL', 'setns', /ip netns add/],
        [{ netns }, 'EBUSY', 'ioctl(TUNSETIFF)', /--tun/],
        [{ netns, name: 'lo', peer: '10.8.0.1/24' }, 'EINVAL', 'ioctl(TUNSETIFF)', /--tun/],
        [{ netns, name: 'fw1' }, 'EADDRINUSE', 'read(/proc/net/route)', /--peer 10\.0\.0\.1\/24/],
        [{ netns, name: 'fw1', peer: '224.0.0.1/24' }, 'EINVAL', 'ioctl(SIOCSIFADDR)', /--peer/],
      ];
      for (const [options, code, syscall, cure] of cases) {
        assert.throws(
          () => tun(options),
          (error: Error & Record<string, unknown>) => {
            assert.deepEqual([error['code'], error['syscall']], [code, syscall], error.message);
            assert.ok((error['errno'] as number) > 0);
            assert.match(error['cure'] as string, cure);
            assert.ok(error.message.endsWith(error['cure'] as string) && !error.message.includes('\n'));
            return true;
          },
        );
      }
      assert.equal(openDescriptors(), before);
      assert.doesNotMatch(ip('-n', netns, 'link'), /fw1/);
      await first.close();
    }));

  test('options that make no sense are refused before anything is opened', () => {
    for (const bad of [
      { mtu: 67 },
      { mtu: 65_536 },
      { name: 'a/b' },
      { name: 'sixteenletters..' },
      { queues: 0 },
    ]) {
      assert.throws(() => tun(bad), RangeError, JSON.stringify(bad));
    }
    assert.throws(() => tun({ offload: 'on' as never }), TypeError);
    assert.throws(() => tun({ peer: '10.9.0.1' }), RangeError);
  });

  test('an exception in the stack becomes uncaughtException, and the device goes on', () =>
    inNamespace(async (netns, open) => {
      const device = open();
      const packet = new Packet();
      let calls = 0;
      device.attach({
        readable() {
          calls++;
          while (device.receive(packet)) {
            // Taken, so that the device reads on.
          }
          throw new Error('from the turn');
        },
        writable() {},
        failed() {},
      });
      const caught: string[] = [];
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.on('uncaughtException', (error) => caught.push(error.message));
      try {
        await runIn(
          netns,
          process.execPath,
          '-e',
          `
          const s = require('dgram').createSocket('udp4');
          s.send('a', 7, '10.9.0.2', () => setTimeout(() => s.send('b', 7, '10.9.0.2', () => s.close()), 100));
        `,
        );
        await until(() => calls >= 2, 'the second packet');
      } finally {
        process.removeAllListeners('uncaughtException');
        for (const listener of others) process.on('uncaughtException', listener);
      }
      assert.deepEqual(caught, new Array<string>(calls).fill('from the turn'));
      await device.close();
    }));
});
