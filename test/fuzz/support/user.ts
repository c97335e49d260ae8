/** The application of one connection, and how it behaves when it is told something. */

import assert from 'node:assert/strict';
import type { Stack } from '../../../src/stack/stack.ts';
import {
  type ConnectionOwner,
  EVENT_CLOSED,
  EVENT_OPENED,
  EVENT_PEER_CLOSED,
  EVENT_READABLE,
  TcpError,
} from '../../../src/tcp/events.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { applicationBytes, peerByte } from './streams.ts';

/** Thrown by a handler on purpose. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
}

/** Inputs name these by number: a change here changes what they mean. */
export const BEHAVIOURS = [
  'idle',
  'read',
  'echo',
  'close when the peer has closed',
  'abort when readable',
  'shutdown when open',
  'throw',
  'close when readable',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

export class User implements ConnectionOwner {
  tcb: Tcb | null = null;
  behaviour: Behaviour;
  /** Bytes of its stream that the stack has taken. */
  written = 0;
  closed = false;
  /** Bytes of the peer's stream that it has read. */
  received = 0;
  private closedTold = 0;
  private readonly stack: Stack;
  private readonly suspect: () => boolean;

  /** `suspect`: the peer has sent bytes that are not `peerByte`'s. */
  constructor(stack: Stack, behaviour: Behaviour, suspect: () => boolean) {
    this.stack = stack;
    this.behaviour = behaviour;
    this.suspect = suspect;
  }

  connectionEvents(tcb: Tcb, events: number): void {
    assert.equal(this.closedTold, 0, 'nothing comes after EVENT_CLOSED');
    assert.ok(this.tcb === null || this.tcb === tcb, 'told of somebody else’s connection');
    if ((events & EVENT_CLOSED) !== 0) this.closedTold++;
    this.behave(tcb, events);
  }

  private behave(tcb: Tcb, events: number): void {
    const readable = (events & EVENT_READABLE) !== 0;
    switch (this.behaviour) {
      case 'idle':
        return;
      case 'throw':
        throw new HandlerError('on purpose');
      case 'abort when readable':
        if (readable) this.stack.tcp.abort(tcb);
        return;
      case 'close when readable':
        if (readable) this.close();
        return;
      case 'shutdown when open':
        if ((events & EVENT_OPENED) !== 0) this.stack.tcp.shutdown(tcb);
        return;
      case 'echo':
        if (readable) this.write(this.take(tcb, tcb.readable));
        return;
      default:
        if (readable) this.take(tcb, tcb.readable);
        if (this.behaviour !== 'read' && (events & EVENT_PEER_CLOSED) !== 0) this.close();
    }
  }

  /** Writes the next `count` bytes of its stream; how many were taken. A connection that takes none may say so. */
  write(count: number): number {
    const { tcb } = this;
    if (tcb === null) return 0;
    const taken =
      allowed(() => this.stack.tcp.send(tcb, applicationBytes(this.written, count), 0, count)) ?? 0;
    assert.ok(taken >= 0 && taken <= count, `took ${taken} of ${count}`);
    this.written += taken;
    return taken;
  }

  /** Reads up to `count` bytes and compares them; how many there were. */
  take(tcb: Tcb, count: number): number {
    const into = new Uint8Array(Math.min(count, tcb.readable) + 8).fill(0xee);
    const room = into.length - 8;
    const got = allowed(() => this.stack.tcp.receiveInto(tcb, into, 0, room)) ?? 0;
    assert.ok(got >= 0 && got <= room, `received ${got} of ${room}`);
    assert.ok(
      into.subarray(got).every((byte) => byte === 0xee),
      'wrote behind the bytes received',
    );
    if (!this.suspect()) {
      const first = tcb.rcv.irs + 1 + this.received;
      for (let i = 0; i < got; i++) {
        assert.equal(into[i], peerByte((first + i) | 0), `byte ${this.received + i} of the peer’s stream`);
      }
    }
    this.received += got;
    return got;
  }

  close(): void {
    if (this.tcb === null || this.closed) return;
    this.closed = true;
    this.stack.tcp.close(this.tcb);
  }
}

/** Runs a call: a `TcpError` is an answer like any other, everything else is a bug. */
export function allowed<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (error instanceof TcpError) return null;
    throw error;
  }
}
