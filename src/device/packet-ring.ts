/**
 * Packets from one thread to another: a ring of bytes in shared memory with one writer and one reader.
 * Each packet lies in one piece, so that the reader works on it where it is.
 */

import type { ChecksumState, Packet } from '../wire/packet.ts';

/** Head and tail, each with a cache line of its own. */
const HEADER = 128;
const HEAD = 0;
const TAIL = 16;
/** In front of each packet: its length, and gsoSize with the state of its checksum. */
const ENTRY_HEADER = 8;
/** In place of a length: the rest of the ring is empty, the next packet lies at its beginning. */
const WRAP = -1;

/** Bytes for a ring that holds `capacity` bytes of packets; a multiple of 8. */
export function ringSize(capacity: number): number {
  return HEADER + capacity;
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

export class PacketRing {
  private readonly counters: Int32Array;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly capacity: number;
  /** The reader's: how far packets were lent. Positions are offsets; head = tail is empty. */
  private lent: number;

  /** Both sides make one over the same memory. */
  constructor(memory: SharedArrayBuffer, offset: number, capacity: number) {
    this.capacity = capacity;
    this.counters = new Int32Array(memory, offset, HEADER / 4);
    this.words = new Int32Array(memory, offset + HEADER, capacity / 4);
    this.bytes = new Uint8Array(memory, offset + HEADER, capacity);
    this.view = new DataView(memory, offset + HEADER, capacity);
    this.lent = Atomics.load(this.counters, HEAD);
  }

  /** The writer's: copies a packet in. False, and nothing kept, when there is no room. */
  push(packet: Packet): boolean {
    const length = packet.end - packet.start;
    const need = ENTRY_HEADER + padded(length);
    const at = this.place(need);
    if (at < 0) return false;
    this.words[at >> 2] = length;
    this.words[(at >> 2) + 1] = (packet.gsoSize << 2) | packet.checksum;
    this.bytes.set(packet.bytes.subarray(packet.start, packet.end), at + ENTRY_HEADER);
    Atomics.store(this.counters, TAIL, at + need === this.capacity ? 0 : at + need);
    return true;
  }

  /** The reader's: lends the oldest packet, until {@link release}; false when none waits. */
  take(packet: Packet): boolean {
    const tail = Atomics.load(this.counters, TAIL);
    if (this.lent === tail) return false;
    if (this.words[this.lent >> 2] === WRAP) {
      this.lent = 0;
      // Behind a wrap there is always a packet: both became visible with one tail.
    }
    const at = this.lent;
    const length = this.words[at >> 2] as number;
    const state = this.words[(at >> 2) + 1] as number;
    packet.setMemory(this.bytes, this.view);
    packet.start = at + ENTRY_HEADER;
    packet.end = packet.start + length;
    packet.gsoSize = state >>> 2;
    packet.checksum = (state & 3) as ChecksumState;
    const next = at + ENTRY_HEADER + padded(length);
    this.lent = next === this.capacity ? 0 : next;
    return true;
  }

  /** The reader's: takes back what was lent. */
  release(): void {
    Atomics.store(this.counters, HEAD, this.lent);
  }

  /** The reader's: whether a packet waits. */
  get waiting(): boolean {
    return this.lent !== Atomics.load(this.counters, TAIL);
  }

  /** Where `need` bytes fit in one piece, or -1. One step always stays free: a full ring is no empty one. */
  private place(need: number): number {
    const head = Atomics.load(this.counters, HEAD);
    const tail = this.counters[TAIL] as number;
    if (tail < head) return tail + need < head ? tail : -1;
    const end = tail + need;
    if (end < this.capacity || (end === this.capacity && head > 0)) return tail;
    if (need >= head) return -1;
    this.words[tail >> 2] = WRAP;
    return 0;
  }
}
