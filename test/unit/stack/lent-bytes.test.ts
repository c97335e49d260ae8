/**
 * Bytes that stay in the device's memory until the turn's end: whatever is read, peeked at, closed or left
 * lying in whatever order, the reader gets the stream, and nothing that came later.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Arena } from '../../../src/base/arena.ts';
import { BufferPool } from '../../../src/base/buffer-pool.ts';
import type { Seq } from '../../../src/base/seq.ts';
import { HolesPool } from '../../../src/tcp/receive/holes.ts';
import { Lender } from '../../../src/tcp/receive/lent-bytes.ts';
import { ReceiveBuffer } from '../../../src/tcp/receive/receive-buffer.ts';
import { ReceivedPiece } from '../../../src/tcp/receive/received-piece.ts';

const DEVICE = 1 << 18;
const BUDGET = 1 << 20;

/** The stream: a byte for each position that tells where it belongs. */
const byteAt = (position: number): number => (position * 31 + (position >> 8)) & 0xff;

class Bed {
  readonly arena = new Arena(DEVICE + BUDGET, DEVICE);
  readonly lender = new Lender(this.arena.bytes);
  readonly pool = new BufferPool(BUDGET, this.arena);
  readonly buffer = new ReceiveBuffer({ pool: this.pool, holes: new HolesPool(), lender: this.lender });
  /** Stream positions of RCV.NXT and of the reader, and where in the device's memory the next packet goes. */
  nxt = 0;
  read = 0;
  place = 0;
  private readonly piece = new ReceivedPiece();

  private put(position: number, length: number): number {
    if (this.place + length > DEVICE) this.turnEnds();
    const at = this.place;
    for (let i = 0; i < length; i++) this.arena.bytes[at + i] = byteAt(position + i);
    this.place += length;
    return at;
  }

  arrive(length: number): void {
    const at = this.put(this.nxt, length);
    this.nxt += this.buffer.append(this.nxt as Seq, this.arena.bytes, at, at + length);
  }

  arriveAhead(gap: number, length: number): void {
    const at = this.put(this.nxt + gap, length);
    this.buffer.keep(this.nxt as Seq, (this.nxt + gap) as Seq, this.arena.bytes, at, at + length);
  }

  peek(offset: number, length: number): void {
    const into = new Uint8Array(length);
    const count = this.buffer.peek(into, 0, length, offset);
    assert.equal(count, Math.max(0, Math.min(length, this.buffer.length - offset)));
    for (let i = 0; i < count; i++) assert.equal(into[i], byteAt(this.read + offset + i));
  }

  /** All that waits, piece by piece, where it lies; and takes as much of the first as is asked for. */
  borrow(length: number): void {
    if (!this.buffer.front(this.piece)) {
      assert.equal(this.buffer.length, 0);
      return;
    }
    const { bytes, start, end } = this.piece;
    assert.ok(end > start && end - start <= this.buffer.length);
    for (let i = start; i < end; i++) assert.equal(bytes[i], byteAt(this.read + i - start));
    const count = Math.min(length, end - start);
    this.buffer.consume(count);
    this.read += count;
  }

  consume(length: number): void {
    this.peek(0, length);
    const count = Math.min(length, this.buffer.length);
    this.buffer.consume(count);
    this.read += count;
  }

  /** As a turn ends: what was lent is written over by the next batch. */
  turnEnds(): void {
    this.lender.settle();
    this.arena.bytes.fill(0xdb, 0, DEVICE);
    this.place = 0;
  }

  check(): void {
    assert.equal(this.buffer.length, this.nxt - this.read);
  }
}

const length = fc.oneof(fc.integer({ min: 1, max: 1500 }), fc.integer({ min: 1, max: 60_000 }));
const step = fc.oneof(
  fc.record({ what: fc.constant('arrive' as const), length }),
  fc.record({ what: fc.constant('ahead' as const), length, gap: fc.integer({ min: 1, max: 5000 }) }),
  fc.record({ what: fc.constant('peek' as const), length, gap: fc.integer({ min: 0, max: 70_000 }) }),
  fc.record({ what: fc.constant('consume' as const), length }),
  fc.record({ what: fc.constant('borrow' as const), length }),
  fc.record({ what: fc.constant('all' as const) }),
  fc.record({ what: fc.constant('turn' as const) }),
);

test('a reader gets the stream, whenever it reads', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bed = new Bed();
      for (const each of steps) {
        if (each.what === 'arrive') bed.arrive(each.length);
        else if (each.what === 'ahead') bed.arriveAhead(each.gap, each.length);
        else if (each.what === 'peek') bed.peek(each.gap, each.length);
        else if (each.what === 'consume') bed.consume(each.length);
        else if (each.what === 'borrow') bed.borrow(each.length);
        else if (each.what === 'all') bed.consume(bed.buffer.length);
        else bed.turnEnds();
        bed.check();
      }
      bed.turnEnds();
      bed.consume(bed.buffer.length);
      bed.buffer.clear();
      assert.equal(bed.pool.inUse, 0);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('what is read within the turn is never written into the ring', () => {
  const bed = new Bed();
  bed.arrive(50_000);
  bed.arrive(50_000);
  const into = new Uint8Array(100_000);
  bed.buffer.peek(into, 0, 100_000, 0);
  // The ring's memory begins behind the device's.
  assert.ok(bed.arena.bytes.subarray(DEVICE).every((byte) => byte === 0));
  bed.consume(100_000);
  assert.equal(bed.pool.inUse, 0);
});

test('what was lent and given back in one turn is lent again, and settled once', () => {
  const bed = new Bed();
  bed.arrive(20_000);
  bed.consume(20_000);
  bed.arrive(30_000);
  bed.turnEnds();
  bed.turnEnds();
  bed.consume(30_000);
  bed.check();
});

test('without room for its bytes nothing is lent', () => {
  const bed = new Bed();
  bed.pool.budget = 1 << 15;
  bed.arrive(50_000);
  assert.equal(bed.nxt, 0);
  bed.arrive(20_000);
  assert.equal(bed.nxt, 20_000);
});
