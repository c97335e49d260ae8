import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalAddresses } from '../../../src/ip/addresses.ts';
import {
  formatAddress,
  formatCidr,
  inPrefix,
  parseAddress,
  parseCidr,
  prefixMask,
} from '../../../src/wire/address.ts';

test('addresses as text, both ways', () => {
  for (const text of ['0.0.0.0', '10.9.0.2', '127.255.0.1', '128.0.0.1', '255.255.255.255']) {
    const address = parseAddress(text);
    assert.ok(address !== null);
    assert.equal(address, address | 0);
    assert.equal(formatAddress(address), text);
  }
  assert.equal(parseAddress('255.255.255.255'), -1);
  assert.equal(formatAddress(0xffffffff), '255.255.255.255');
});

test('what is no address', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.-4',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    '1..2.3',
    'a.b.c.d',
    '1e1.0.0.1',
  ]) {
    assert.equal(parseAddress(text), null, text);
  }
  for (const text of ['10.0.0.1/33', '10.0.0.1/', '10.0.0.1/08', '10.0.0.1/-1', '10.0.0/8', '/8']) {
    assert.equal(parseCidr(text), null, text);
  }
});

test('prefixes', () => {
  assert.deepEqual(parseCidr('10.9.0.2'), { address: 0x0a090002, prefixLength: 32 });
  assert.equal(formatCidr({ address: 0x0a090002, prefixLength: 24 }), '10.9.0.2/24');
  assert.equal(prefixMask(0), 0);
  assert.equal(prefixMask(1), 1 << 31);
  assert.equal(prefixMask(32), -1);
  assert.equal(inPrefix(-1, 0, 0), true);
  assert.equal(inPrefix(0x0a0900ff, 0x0a090002, 24), true);
  assert.equal(inPrefix(0x0a0901ff, 0x0a090002, 24), false);
});

const at = (text: string): number => parseAddress(text) as number;

test('RFC 1122 §3.2.1.3: broadcast, multicast, valid destinations', () => {
  const own = new LocalAddresses(['10.9.0.2/24', '192.168.7.1/30', '172.16.0.1/31', '203.0.113.5']);
  for (const text of ['255.255.255.255', '10.9.0.255', '10.9.0.0', '192.168.7.3', '192.168.7.0']) {
    assert.equal(own.isBroadcast(at(text)), true, text);
    assert.equal(own.isValidDestination(at(text)), false, text);
  }
  for (const text of ['10.9.1.255', '172.16.0.0', '203.0.113.5', '203.0.113.255', '8.8.8.8', '10.9.0.2']) {
    assert.equal(own.isBroadcast(at(text)), false, text);
    assert.equal(own.isValidDestination(at(text)), true, text);
  }
  for (const text of ['0.0.0.0', '0.9.9.9', '127.0.0.1', '224.0.0.1', '239.9.9.9', '240.0.0.1']) {
    assert.equal(own.isValidDestination(at(text)), false, text);
  }
  assert.equal(own.isMulticast(at('224.0.0.0')), true);
  assert.equal(own.isMulticast(at('240.0.0.0')), false);
});

test('RFC 1122 §3.3.4.3: the source is the own address with the longest prefix around the destination', () => {
  const own = new LocalAddresses(['10.9.0.2/16', '10.9.1.2/24', '10.9.7.7/8']);
  assert.equal(own.sourceFor(at('10.9.1.77')), at('10.9.1.2'));
  assert.equal(own.sourceFor(at('10.9.2.77')), at('10.9.0.2'));
  assert.equal(own.sourceFor(at('8.8.8.8')), at('10.9.0.2'));
});

test('addresses that no host can have are refused', () => {
  for (const texts of [[], ['10.9.0'], ['0.0.0.0'], ['127.0.0.1/8'], ['224.0.0.1'], ['255.255.255.255']]) {
    assert.throws(() => new LocalAddresses(texts), RangeError);
  }
});
