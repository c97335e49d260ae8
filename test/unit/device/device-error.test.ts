import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceError, deviceError, errorCode, explained } from '../../../src/device/device-error.ts';

const CONTEXT = { tun: 'fw0', netns: 'blue', peer: '10.9.0.1/24', mtu: 1500 };

test('errno has its name, also where Node has none', () => {
  assert.equal(errorCode(1), 'EPERM');
  assert.equal(errorCode(77), 'EBADFD');
  assert.equal(errorCode(4000), 'ERRNO_4000');
});

test('each refusal comes with its cure', () => {
  const cases: [string, number, RegExp][] = [
    ['open(netns)', 2, /ip netns add blue/],
    ['setns', 1, /CAP_SYS_ADMIN/],
    ['open(/dev/net/tun)', 2, /modprobe tun/],
    ['open(/dev/net/tun)', 13, /sudo/],
    ['ioctl(TUNSETIFF)', 1, /CAP_NET_ADMIN/],
    ['ioctl(TUNSETIFF)', 16, /--tun/],
    ['ioctl(TUNSETIFF)', 22, /--tun/],
    ['ioctl(SIOCSIFADDR)', 22, /--peer/],
    ['ioctl(SIOCSIFMTU)', 22, /--mtu/],
    ['socket(AF_INET)', 24, /ulimit -n/],
    ['read(tun)', 77, /deleted/],
    ['ioctl(TUNSETIFF)', 5, /doctor/],
  ];
  for (const [syscall, errno, cure] of cases) {
    const error = deviceError(syscall, errno, CONTEXT);
    assert.match(error.cure, cure);
    assert.deepEqual([error.syscall, error.errno, error.code], [syscall, errno, errorCode(errno)]);
    assert.ok(error.message.endsWith(error.cure) && !error.message.includes('%'), error.message);
  }
});

test('only what the addon threw is explained', () => {
  const native = Object.assign(new Error('x'), { errno: 16, syscall: 'ioctl(TUNSETIFF)' });
  const error = explained(native, CONTEXT);
  assert.ok(error instanceof DeviceError && error.code === 'EBUSY');
  assert.equal(explained(error, CONTEXT), error);
  const other = new TypeError('y');
  assert.equal(explained(other, CONTEXT), other);
});
