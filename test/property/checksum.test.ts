import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  foldChecksum,
  foldSum,
  pseudoHeaderSum,
  sumBytes,
  sumBytesOdd,
  sumView,
  updateChecksum,
} from '../../src/wire/checksum.ts';

/** The definition, word by word with big numbers: RFC 1071 §1. */
function naiveChecksum(bytes: Uint8Array, initial = 0): number {
  let sum = BigInt(initial);
  for (let i = 0; i < bytes.length; i += 2) {
    sum += BigInt(((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0));
  }
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(~sum & 0xffffn);
}

const message = fc.uint8Array({ maxLength: 300 });

test('RFC 1071 §1: sums of any length at any offset equal the definition', () => {
  fc.assert(
    fc.property(message, fc.nat(9), fc.nat(0x1ffff), (bytes, offset, initial) => {
      const memory = new Uint8Array(offset + bytes.length + 3).fill(0xa5);
      memory.set(bytes, offset);
      const view = new DataView(memory.buffer);
      const end = offset + bytes.length;
      const expected = naiveChecksum(bytes, initial);
      assert.equal(foldChecksum(sumBytes(memory, offset, end, initial)), expected);
      assert.equal(foldChecksum(sumView(view, offset, end, initial)), expected);
    }),
    { numRuns: 2000 },
  );
});

test('RFC 1071 §1: the longest and largest message', () => {
  for (const length of [65_534, 65_535]) {
    const bytes = new Uint8Array(length).fill(0xff);
    const view = new DataView(bytes.buffer);
    for (const initial of [0, 0x3ffff]) {
      const expected = naiveChecksum(bytes, initial);
      assert.equal(foldChecksum(sumBytes(bytes, 0, length, initial)), expected);
      assert.equal(foldChecksum(sumView(view, 0, length, initial)), expected);
    }
  }
});

test('RFC 1071 §2(B): a message in two pieces, the first of even or odd length', () => {
  fc.assert(
    fc.property(message, message, (first, second) => {
      const whole = new Uint8Array([...first, ...second]);
      const sum = sumBytes(first, 0, first.length, 0);
      const all = first.length % 2 === 0 ? sumBytes : sumBytesOdd;
      assert.equal(foldChecksum(all(second, 0, second.length, sum)), naiveChecksum(whole));
    }),
  );
});

test('RFC 9293 §3.1: the pseudo-header is source, destination, protocol and length', () => {
  const address = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(address, address, fc.nat(255), fc.nat(65_535), (source, destination, protocol, length) => {
      const bytes = new Uint8Array(12);
      const view = new DataView(bytes.buffer);
      view.setInt32(0, source);
      view.setInt32(4, destination);
      view.setUint8(9, protocol);
      view.setUint16(10, length);
      const sum = pseudoHeaderSum(source, destination, protocol, length);
      assert.equal(foldChecksum(sum), naiveChecksum(bytes));
      assert.equal(foldSum(sum), ~naiveChecksum(bytes) & 0xffff);
    }),
  );
});

test('RFC 1624 §3: an updated checksum verifies', () => {
  const word = fc.nat(0xffff);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 40 }), word, (bytes, newWord) => {
      bytes[0] = 0x45;
      const view = new DataView(bytes.buffer);
      view.setUint16(2, 0);
      view.setUint16(2, naiveChecksum(bytes));
      const updated = updateChecksum(view.getUint16(2), view.getUint16(4), newWord);
      view.setUint16(4, newWord);
      view.setUint16(2, updated);
      assert.equal(naiveChecksum(bytes), 0);
    }),
  );
});

test('RFC 1071 §1: the carry of a carry counts', () => {
  assert.equal(foldChecksum(0x1ffff), 0xfffe);
  assert.equal(foldSum(0x3fffd), 1);
});

test('RFC 1624 §3: the example of §4', () => {
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});
