import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnosisRequest, type KernelSocket, readDiagnosis } from '../../../src/device/socket-diagnosis.ts';

const STACK = (10 << 24) | (9 << 16) | 2;
const KERNEL = (10 << 24) | (9 << 16) | 1;
const NLMSG_DONE = 3;
const NLMSG_ERROR = 2;

/** A netlink message as a little-endian kernel writes it. */
function message(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((16 + body.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 16 + body.length, true);
  view.setUint16(4, type, true);
  bytes.set(body, 16);
  return bytes;
}

function socketBytes(state: number, timer: number): Uint8Array {
  const bytes = new Uint8Array(72);
  const view = new DataView(bytes.buffer);
  bytes.set([2, state, timer, 3]);
  view.setUint16(4, 40_000);
  view.setUint16(6, 13);
  view.setInt32(8, KERNEL);
  view.setInt32(24, STACK);
  view.setUint32(52, 59_900, true);
  view.setUint32(56, 5, true);
  view.setUint32(60, 7, true);
  return bytes;
}

test('a dump is read to its end, over several batches, what is no socket passed over', () => {
  const sockets: KernelSocket[] = [];
  const first = new Uint8Array([...message(20, socketBytes(6, 3)), ...message(99, new Uint8Array(5))]);
  assert.equal(readDiagnosis(first, sockets), false, 'more will come');
  const last = new Uint8Array([...message(20, socketBytes(8, 0)), ...message(NLMSG_DONE, new Uint8Array(4))]);
  assert.equal(readDiagnosis(last, sockets), true);
  const ends = { localAddress: KERNEL, localPort: 40_000, peerAddress: STACK, peerPort: 13 };
  const rest = { recvQ: 5, sendQ: 7, expiresMs: 59_900, retries: 3 };
  assert.deepEqual(sockets, [
    { state: 'TIME-WAIT', ...ends, ...rest, timer: 'timewait' },
    { state: 'CLOSE-WAIT', ...ends, ...rest, timer: '' },
  ]);
});

test('an error ends the dump; bytes of any kind neither throw nor loop', () => {
  assert.equal(readDiagnosis(message(NLMSG_ERROR, new Uint8Array(20)), []), true);
  const zeros = new Uint8Array(64);
  assert.equal(readDiagnosis(zeros, []), true, 'a length of zero');
  for (let length = 0; length < 90; length++) {
    readDiagnosis(message(20, socketBytes(1, 0)).subarray(0, length), []);
    readDiagnosis(new Uint8Array(length).fill(0xff), []);
  }
});

test('the request asks for one remote address, whatever its port', () => {
  const bytes = diagnosisRequest(STACK);
  const view = new DataView(bytes.buffer);
  assert.equal(view.getUint32(0, true), bytes.length);
  assert.deepEqual([...bytes.subarray(-4)], [10, 9, 0, 2]);
  assert.equal(view.getInt32(bytes.length - 8, true), -1);
});
