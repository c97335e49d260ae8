/** One TCP connection as a stream sees it: what libuv's handle is to Node's `net.Socket`. */

import { AsyncResource } from 'node:async_hooks';
import type { OpenOptions } from '../tcp/engine.ts';
import type { ConnectionOwner } from '../tcp/events.ts';
import { EVENT_FAILED, EVENT_OPENED, EVENT_WRITABLE } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { Holder, NetContext } from './context.ts';
import { engineCode } from './errors.ts';

/** Who reads the connection. Codes are Linux's names. */
export interface ConnectionUser {
  connected(): void;
  connectFailed(code: string): void;
  /** Where the next bytes shall go, instead of to memory of their own; null = to that. */
  readonly readTarget: Uint8Array | null;
  /** `bytes` are in {@link readTarget}; false = no more until `readStart`. */
  filled(bytes: number): boolean;
  /** One chunk, its memory now the user's; false = no more until `readStart`. */
  chunk(bytes: Buffer): boolean;
  /** The peer has finished. */
  ended(): void;
  readFailed(code: string): void;
  /** A write that had to wait is done. */
  written(): void;
  stackClosed(): void;
}

/** Called with the code of the failure, or null. */
export type WriteCallback = (code: string | null) => void;

interface PendingWrite {
  readonly chunks: readonly Uint8Array[];
  index: number;
  /** Bytes of `chunks[index]` that are taken. */
  offset: number;
  /** Bytes not yet taken. */
  left: number;
  readonly done: WriteCallback;
}

/** Bytes of one chunk at most. */
const CHUNK_SIZE = 65_536;
const MICROSECONDS_PER_SECOND = 1_000_000;

export class Connection implements ConnectionOwner, Holder {
  readonly tcb: Tcb;
  reading = false;
  bytesRead = 0;
  /** Bytes given to `write`, taken by the engine or not. */
  bytesWritten = 0;
  private user: ConnectionUser | null = null;
  private readonly context: NetContext;
  private connecting: boolean;
  private closed = false;
  private ended = false;
  /** SO_ERROR semantics: an error is reported once, to a read or to a write. */
  private errorTaken = false;
  private pumpScheduled = false;
  private resource: AsyncResource | null = null;
  private write: PendingWrite | null = null;

  private constructor(
    context: NetContext,
    open: (owner: ConnectionOwner) => Tcb | null,
    connecting: boolean,
  ) {
    this.context = context;
    this.connecting = connecting;
    const tcb = open(this);
    if (tcb === null) throw new TypeError('no connection');
    this.tcb = tcb;
    context.hold(this);
  }

  /** Active open. @throws TcpError */
  static open(context: NetContext, options: OpenOptions, user: ConnectionUser): Connection {
    const connection = new Connection(context, (owner) => context.engine.connect(options, owner), true);
    connection.user = user;
    return connection;
  }

  /** The oldest connection that waits at `listener`, or null. */
  static accept(context: NetContext, listener: Listener): Connection | null {
    if (listener.acceptQueue.length === 0) return null;
    return new Connection(context, (owner) => context.engine.accept(listener, owner), false);
  }

  attach(user: ConnectionUser): void {
    this.user = user;
  }

  connectionEvents(tcb: Tcb, events: number): void {
    if (this.closed || this.user === null) return;
    if (this.connecting) {
      if ((events & EVENT_OPENED) !== 0) {
        this.connecting = false;
        this.user.connected();
      } else if ((events & EVENT_FAILED) !== 0) {
        this.user.connectFailed(this.takeError() ?? tcb.error ?? 'ECONNABORTED');
        return;
      }
    }
    this.pump();
    if ((events & (EVENT_WRITABLE | EVENT_FAILED)) !== 0) this.flushLater();
  }

  stackClosed(): void {
    if (this.user === null) this.context.release(this);
    else this.user.stackClosed();
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────

  /** What waits is delivered after the callback that runs now. */
  readStart(): void {
    this.reading = true;
    const { tcb } = this;
    const waits = tcb.readable > 0 || tcb.peerClosed || tcb.error !== null || tcb.state === 'CLOSED';
    if (!waits || this.pumpScheduled || this.closed) return;
    this.pumpScheduled = true;
    process.nextTick(() => {
      this.pumpScheduled = false;
      this.pump();
    });
  }

  readStop(): void {
    this.reading = false;
  }

  private pump(): void {
    while (this.reading && !this.closed && !this.connecting && this.user !== null) {
      if (this.tcb.readable > 0) {
        if (!this.deliver(this.user)) this.reading = false;
        continue;
      }
      const error = this.tcb.peerClosed ? null : this.takeError();
      if (error === null && !this.tcb.peerClosed && this.tcb.state !== 'CLOSED') return;
      this.reading = false;
      if (error !== null) this.user.readFailed(error);
      else this.end(this.user);
      return;
    }
  }

  private end(user: ConnectionUser): void {
    if (this.ended) return;
    this.ended = true;
    user.ended();
  }

  private deliver(user: ConnectionUser): boolean {
    const { readTarget } = user;
    if (readTarget?.length === 0) {
      user.readFailed('ENOBUFS');
      return false;
    }
    if (readTarget !== null) return user.filled(this.readInto(readTarget));
    // Exactly what is there: a small piece never holds a large slab.
    const bytes = Buffer.allocUnsafeSlow(Math.min(CHUNK_SIZE, this.tcb.readable));
    this.readInto(bytes);
    return user.chunk(bytes);
  }

  private readInto(bytes: Uint8Array): number {
    const count = this.context.engine.receiveInto(this.tcb, bytes, 0, bytes.length);
    this.bytesRead += count;
    return count;
  }

  // ── Writing ────────────────────────────────────────────────────────────────────────────────

  /** Bytes that the engine has not taken. */
  get writeQueueSize(): number {
    return this.write?.left ?? 0;
  }

  /** Calls `done` when the engine has taken everything: now, or later. One write at a time. */
  writeChunks(chunks: readonly Uint8Array[], done: WriteCallback): void {
    let left = 0;
    for (const chunk of chunks) left += chunk.length;
    this.bytesWritten += left;
    const write = { chunks, index: 0, offset: 0, left, done };
    const code = this.push(write);
    if (code === null && write.left > 0) this.write = write;
    else done(code);
  }

  private flushLater(): void {
    const write = this.write;
    if (write === null || this.closed) return;
    const code = this.push(write);
    if (code === null && write.left > 0) return;
    this.write = null;
    if (code === null) this.user?.written();
    write.done(code);
  }

  /** Gives the engine as much as it takes; the code of a failure or null. */
  private push(write: PendingWrite): string | null {
    const { tcb } = this;
    const pending = this.takeError();
    if (pending !== null) return pending;
    const engine = this.context.engine;
    try {
      while (write.left > 0) {
        const chunk = write.chunks[write.index] as Uint8Array;
        const taken = engine.send(tcb, chunk, write.offset, chunk.length);
        write.offset += taken;
        write.left -= taken;
        if (write.offset < chunk.length) return null;
        write.index++;
        write.offset = 0;
      }
      return null;
    } catch (error) {
      const code = engineCode(error);
      return code === 'ENOTCONN' ? 'EPIPE' : code;
    }
  }

  /** Half-close, after everything written. */
  shutdown(done: () => void): void {
    this.context.engine.shutdown(this.tcb);
    process.nextTick(done);
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────

  /** FIN, or RST when bytes were not read; `done` comes in a later round of the event loop. */
  close(done: () => void): void {
    this.leave(() => this.context.engine.close(this.tcb), done);
  }

  /** RST. */
  reset(done: () => void): void {
    this.leave(() => this.context.engine.abort(this.tcb), done);
  }

  private leave(call: () => void, done: () => void): void {
    if (this.closed) return;
    this.closed = true;
    this.reading = false;
    const write = this.write;
    this.write = null;
    call();
    this.context.release(this);
    setImmediate(() => {
      // As libuv does: a write that is cut off counts as done, for its stream is destroyed.
      write?.done(null);
      done();
    });
  }

  private takeError(): string | null {
    if (this.errorTaken || this.tcb.error === null) return null;
    this.errorTaken = true;
    return this.tcb.error;
  }

  // ── Options ────────────────────────────────────────────────────────────────────────────────

  setNoDelay(on: boolean): void {
    if (this.open) this.context.engine.setNoDelay(this.tcb, on);
  }

  /** `delay` in seconds; 0 = as configured. */
  setKeepAlive(on: boolean, delay: number): void {
    if (!this.open) return;
    const idle = delay > 0 ? { idle: delay * MICROSECONDS_PER_SECOND } : {};
    this.context.engine.setKeepAlive(this.tcb, { on, ...idle });
  }

  ref(): void {
    this.context.setReferenced(this, true);
  }

  unref(): void {
    this.context.setReferenced(this, false);
  }

  /** http's agent asks for it when it keeps a connection. */
  getAsyncId(): number {
    this.resource ??= new AsyncResource('FourwaveConnection');
    return this.resource.asyncId();
  }

  private get open(): boolean {
    return !this.tcb.detached && this.tcb.state !== 'CLOSED';
  }
}
