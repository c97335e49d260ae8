/** A user of raw connections that writes down what it is told. */

import type { Stack } from '../../src/stack/stack.ts';
import {
  type ConnectionOwner,
  EVENT_CLOSED,
  EVENT_DRAINED,
  EVENT_FAILED,
  EVENT_OPENED,
  EVENT_PEER_CLOSED,
  EVENT_R1,
  EVENT_READABLE,
  EVENT_SOFT_ERROR,
  EVENT_URGENT,
  EVENT_WRITABLE,
} from '../../src/tcp/events.ts';
import type { Tcb } from '../../src/tcp/tcb.ts';
import { pattern } from './pattern.ts';

const EVENTS: readonly (readonly [number, string])[] = [
  [EVENT_OPENED, 'opened'],
  [EVENT_READABLE, 'readable'],
  [EVENT_URGENT, 'urgent'],
  [EVENT_PEER_CLOSED, 'peer-closed'],
  [EVENT_WRITABLE, 'writable'],
  [EVENT_DRAINED, 'drained'],
  [EVENT_SOFT_ERROR, 'soft-error'],
  [EVENT_R1, 'r1'],
  [EVENT_FAILED, 'failed'],
  [EVENT_CLOSED, 'closed'],
];

export class Application implements ConnectionOwner {
  /** Names of the events, in their order: `opened`, `readable`, `peer-closed`, `failed`, `closed` … */
  readonly events: string[] = [];
  /** Reads everything as soon as it is there. */
  autoRead: boolean;
  /** What has been read. */
  received = new Uint8Array(0);
  private block: Tcb | null = null;
  private written = 0;
  private readonly stack: Stack;

  constructor(stack: Stack, autoRead: boolean) {
    this.stack = stack;
    this.autoRead = autoRead;
  }

  get tcb(): Tcb {
    if (this.block === null) throw new Error('the application has no connection yet');
    return this.block;
  }

  get accepted(): boolean {
    return this.block !== null;
  }

  get state(): string {
    return this.tcb.state;
  }

  get error(): string | null {
    return this.tcb.error;
  }

  own(tcb: Tcb): void {
    this.block = tcb;
  }

  connectionEvents(tcb: Tcb, events: number): void {
    for (const [bit, name] of EVENTS) if ((events & bit) !== 0) this.events.push(name);
    if (this.autoRead && (events & EVENT_READABLE) !== 0) this.take(tcb, tcb.readable);
  }

  /** Events since the last look. */
  told(): string[] {
    return this.events.splice(0);
  }

  /** Writes bytes of {@link pattern}, going on where the last write ended; returns how many were taken. */
  write(data: number | Uint8Array): number {
    const bytes = typeof data === 'number' ? pattern(this.written, data) : data;
    return this.call((tcb) => {
      const taken = this.stack.tcp.send(tcb, bytes, 0, bytes.length);
      this.written += taken;
      return taken;
    });
  }

  /** Reads up to `most` bytes; returns them. */
  read(most = Infinity): Uint8Array {
    return this.call((tcb) => this.take(tcb, Math.min(most, tcb.readable)));
  }

  shutdown(): void {
    this.call((tcb) => this.stack.tcp.shutdown(tcb));
  }

  close(): void {
    this.call((tcb) => this.stack.tcp.close(tcb));
  }

  abort(): void {
    this.call((tcb) => this.stack.tcp.abort(tcb));
  }

  /** Any call, from outside of a turn. */
  call<T>(what: (tcb: Tcb) => T): T {
    this.stack.refreshClock();
    try {
      return what(this.tcb);
    } finally {
      this.stack.settle();
    }
  }

  private take(tcb: Tcb, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    const read = bytes.subarray(0, this.stack.tcp.receiveInto(tcb, bytes, 0, count));
    const all = new Uint8Array(this.received.length + read.length);
    all.set(this.received);
    all.set(read, this.received.length);
    this.received = all;
    return read;
  }
}
