import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Native } from '../../../src/device/native.ts';
import { freeRange, overlap, parsePeer, parseRoutes, refuseRoutedRange } from '../../../src/device/routes.ts';
import { formatCidr, parseCidr } from '../../../src/wire/address.ts';

const HEAD = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
const TABLE =
  HEAD +
  'eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n' +
  'tun3\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n' +
  'eth0\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n' +
  'fw0\t0000090A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';

function native(text: string): Native {
  return { readRoutes: () => text } as unknown as Native;
}

test('routes are read; default routes, whole or in halves, and our own do not count', () => {
  assert.deepEqual(parseRoutes(TABLE, 'fw0').map(formatCidr), ['10.0.0.0/16']);
  assert.deepEqual(parseRoutes(TABLE, 'fw1').map(formatCidr), ['10.0.0.0/16', '10.9.0.0/24']);
  assert.deepEqual(parseRoutes('', 'fw0'), []);
});

test('ranges overlap when the shorter prefix is shared', () => {
  assert.equal(overlap(parsePeer('10.9.0.1/24'), parsePeer('10.0.0.1/8')), true);
  assert.equal(overlap(parsePeer('10.9.0.1/24'), parsePeer('10.9.1.1/24')), false);
});

test('a peer needs an address and a prefix that leaves room for us', () => {
  for (const bad of ['', '10.9.0.1', '10.9.0.1/31', '10.9.0.1/0', '10.9.0/24', 'x/24']) {
    assert.throws(() => parsePeer(bad), RangeError, bad);
  }
});

test('a routed range is refused and a free one proposed', () => {
  assert.doesNotThrow(() => refuseRoutedRange(native(TABLE), '', parsePeer('10.9.0.1/24'), 'fw0'));
  assert.throws(
    () => refuseRoutedRange(native(TABLE), '', parsePeer('10.9.0.1/24'), 'fw1'),
    (error: Error) => {
      const proposed = /--peer (\S+) /.exec(error.message)?.[1] ?? '';
      const range = parseCidr(proposed);
      assert.ok(
        range !== null && !parseRoutes(TABLE, '').some((route) => overlap(route, range)),
        error.message,
      );
      assert.equal((error as Error & { code: string }).code, 'EADDRINUSE');
      return true;
    },
  );
});

test('where everything private is routed, none is proposed', () => {
  const all = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15'].map(
    (text) => parseCidr(text)!,
  );
  assert.equal(freeRange(all, 24), null);
});
