/** ICMP messages made in phase 1 and 2 that wait for phase 4: bounded, in memory that is recycled. */

import { MAX_DATAGRAM_LENGTH } from '../wire/ipv4.ts';

/** Messages of one turn, and the bytes of all of them; more are dropped: who asked asks again. */
export const ICMP_QUEUE_MESSAGES = 256;
export const ICMP_QUEUE_BYTES = 4 * (MAX_DATAGRAM_LENGTH + 1);
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

const FIELDS = 6;

/** The memory is made with the first message. It is filled from the front and empty again when all is taken. */
export class IcmpQueue {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  private readonly fields = new Int32Array(ICMP_QUEUE_MESSAGES * FIELDS);
  private head = 0;
  private tail = 0;
  private filled = 0;

  // The message being added or taken: `bytes[start … start + length)`, ICMP header included.
  source = 0;
  destination = 0;
  start = 0;
  length = 0;
  tos = 0;
  dontFragment = true;

  /** Messages that wait. */
  get count(): number {
    return this.tail - this.head;
  }

  /** Room for a message of `length` bytes at `start`, to be filled before {@link push}; false = full. */
  reserve(length: number): boolean {
    if (this.tail === ICMP_QUEUE_MESSAGES || this.filled + length > ICMP_QUEUE_BYTES) return false;
    if (this.bytes.length === 0) this.grow();
    this.start = this.filled;
    this.length = length;
    return true;
  }

  /** Queues the fields and the bytes reserved. */
  push(): void {
    const at = FIELDS * this.tail++;
    this.fields[at] = this.source;
    this.fields[at + 1] = this.destination;
    this.fields[at + 2] = this.start;
    this.fields[at + 3] = this.length;
    this.fields[at + 4] = this.tos;
    this.fields[at + 5] = this.dontFragment ? 1 : 0;
    this.filled += this.length;
  }

  /** Takes the oldest into the fields; its bytes stay until the next {@link reserve}. False = none. */
  take(): boolean {
    if (this.head === this.tail) return false;
    const at = FIELDS * this.head++;
    this.source = this.fields[at] as number;
    this.destination = this.fields[at + 1] as number;
    this.start = this.fields[at + 2] as number;
    this.length = this.fields[at + 3] as number;
    this.tos = this.fields[at + 4] as number;
    this.dontFragment = this.fields[at + 5] === 1;
    if (this.head === this.tail) {
      this.head = 0;
      this.tail = 0;
      this.filled = 0;
    }
    return true;
  }

  private grow(): void {
    this.bytes = new Uint8Array(ICMP_QUEUE_BYTES);
    this.view = new DataView(this.bytes.buffer);
  }
}
