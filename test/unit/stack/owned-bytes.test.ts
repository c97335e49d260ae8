/**
 * A send buffer whose bytes were partly copied and partly handed over: whatever was appended, acknowledged
 * and sent again in whatever order, a packet's payload is the stream's bytes.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BufferPool } from '../../../src/base/buffer-pool.ts';
import { type Seq, seqAdd } from '../../../src/base/seq.ts';
import { RunsPool } from '../../../src/tcp/send/owned-bytes.ts';
import { SendBuffer } from '../../../src/tcp/send/send-buffer.ts';
import { Frame } from '../../../src/wire/frame.ts';

const BUDGET = 1 << 22;
const byteAt = (position: number): number => (position * 31 + (position >> 8)) & 0xff;

class Bed {
  readonly memory = { pool: new BufferPool(BUDGET), runs: new RunsPool() };
  readonly buffer = new SendBuffer(this.memory);
  private readonly frame = new Frame();
  /** Stream positions of the first byte held, and behind the last. */
  first = 0;
  end = 0;

  constructor(start: number) {
    this.buffer.start = start as Seq;
    this.base = start;
  }
  private readonly base: number;

  private next(length: number, margin: number): Uint8Array {
    const bytes = new Uint8Array(length + 2 * margin).fill(0xdb);
    for (let i = 0; i < length; i++) bytes[margin + i] = byteAt(this.end + i);
    return bytes;
  }

  copy(length: number): void {
    const bytes = this.next(length, 3);
    assert.equal(this.buffer.append(bytes, 3, 3 + length), length);
    bytes.fill(0xdb);
    this.end += length;
  }

  handOver(length: number): void {
    this.buffer.appendOwned(this.next(length, 5).subarray(5, 5 + length));
    this.end += length;
  }

  acknowledge(length: number): void {
    const count = Math.min(length, this.end - this.first);
    this.first += count;
    assert.equal(this.buffer.releaseBefore(seqAdd(this.base as Seq, this.first)), count);
  }

  send(offset: number, length: number): void {
    const from = Math.min(offset, this.end - this.first);
    const count = Math.min(length, this.end - this.first - from);
    if (count === 0) return;
    const { frame } = this;
    this.buffer.lend(frame, seqAdd(this.base as Seq, this.first + from), count);
    assert.equal(frame.payloadLength + frame.wrappedLength, count);
    for (let i = 0; i < count; i++) {
      const place = i < frame.payloadLength ? frame.payloadStart + i : i - frame.payloadLength;
      assert.equal(frame.payload[place], byteAt(this.first + from + i));
      assert.equal(frame.payloadView.getUint8(place), frame.payload[place]);
    }
  }

  check(): void {
    assert.equal(this.buffer.length, this.end - this.first);
    assert.equal(this.buffer.end, seqAdd(this.base as Seq, this.end));
  }
}

const length = fc.oneof(fc.integer({ min: 1, max: 1500 }), fc.integer({ min: 1, max: 60_000 }));
const step = fc.oneof(
  fc.record({ what: fc.constant('copy' as const), length }),
  fc.record({ what: fc.constant('handOver' as const), length }),
  fc.record({ what: fc.constant('acknowledge' as const), length }),
  fc.record({ what: fc.constant('send' as const), length, offset: fc.integer({ min: 0, max: 100_000 }) }),
);

test('payloads are the stream, whoever has the bytes; nothing is held in the end', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { maxLength: 40 }), (start, steps) => {
      const bed = new Bed(start);
      for (const one of steps) {
        if (one.what === 'send') bed.send(one.offset, one.length);
        else bed[one.what](one.length);
        bed.check();
      }
      bed.acknowledge(Number.MAX_SAFE_INTEGER);
      bed.check();
      assert.equal(bed.buffer.capacity, 0);
      assert.equal(bed.memory.pool.inUse, 0);
    }),
    { numRuns: 300 },
  );
});

test('a thousand small pieces: what is acknowledged is forgotten', () => {
  const bed = new Bed(-1000);
  for (let i = 0; i < 1000; i++) {
    bed.handOver(100);
    bed.copy(10);
    bed.send(0, 300);
    if (i % 3 === 2) bed.acknowledge(320);
  }
  bed.send(0, 50_000);
  bed.acknowledge(Number.MAX_SAFE_INTEGER);
  bed.check();
});
