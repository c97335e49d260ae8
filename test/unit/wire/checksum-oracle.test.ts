import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.ts';
import { foldChecksum, sumView } from '../../../src/wire/checksum.ts';

interface RawSocket {
  createChecksum(...buffers: Buffer[]): number;
}

/** An implementation that is not ours; it needs a compiler when it is installed, so it may be missing. */
function oracle(): RawSocket | null {
  try {
    return createRequire(import.meta.url)('raw-socket') as RawSocket;
  } catch {
    return null;
  }
}

const raw = oracle();
const missing =
  raw === null && process.env['CI'] !== 'true' ? 'raw-socket is not installed: it needs a compiler' : false;

test('RFC 1071 §1: our checksum is the one of raw-socket', { skip: missing }, () => {
  assert.ok(raw !== null, 'raw-socket is not installed');
  const random = new SeededRandom(1071);
  for (let length = 1; length < 1600; length += 1 + random.nextInt(5)) {
    const bytes = Buffer.alloc(length);
    random.fill(bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, length);
    assert.equal(foldChecksum(sumView(view, 0, length, 0)), raw.createChecksum(bytes), `${length} bytes`);
  }
});
