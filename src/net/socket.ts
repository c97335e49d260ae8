/** `net.Socket` over the stack: a Duplex with the events of Node's, in the same order. */

import type { DuplexOptions } from 'node:stream';
import { type Callback, checkDelay } from './arguments.ts';
import { ConnectingSocket } from './connecting-socket.ts';
import type { Connection } from './connection.ts';
import type { NetContext } from './context.ts';
import { argumentError, callError, nodeError } from './errors.ts';
import { toSeconds, type WriteEntry } from './socket-base.ts';

export interface OnReadOptions {
  buffer: Uint8Array | (() => Uint8Array);
  callback(bytes: number, buffer: Uint8Array): boolean | undefined;
}

export interface SocketOptions extends DuplexOptions {
  handle?: Connection;
  onread?: OnReadOptions;
  noDelay?: boolean;
  keepAlive?: boolean;
  /** ms. */
  keepAliveInitialDelay?: number;
  pauseOnCreate?: boolean;
}

export class Socket extends ConnectingSocket {
  /** The server that it came from. */
  server: unknown = null;
  /** @internal Told when the socket is gone. */
  _server: { socketClosed(): void } | null = null;

  private readonly onread: OnReadOptions | null;
  private onreadBuffer: Uint8Array | null = null;
  private resetting = false;

  /** `options` as of Node's `new net.Socket(options)`; `handle` is an accepted connection. */
  constructor(context: NetContext, options: SocketOptions = {}) {
    super(context, options.handle === undefined ? streamOptions(options) : acceptedOptions(options));
    this.noDelay = Boolean(options.noDelay);
    this.keepAlive = Boolean(options.keepAlive);
    this.keepAliveDelay = toSeconds(
      checkDelay(options.keepAliveInitialDelay, 'options.keepAliveInitialDelay'),
    );
    this.onread = options.onread ?? null;
    if (this.onread !== null) this.nextOnreadBuffer();
    if (options.handle !== undefined) this.adopt(options.handle, options.pauseOnCreate === true);
  }

  private adopt(handle: Connection, paused: boolean): void {
    this._handle = handle;
    handle.attach(this);
    if (paused) (this as unknown as { readableFlowing: boolean }).readableFlowing = false;
    else this.read(0);
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────

  override _read(size: number): void {
    const handle = this._handle;
    if (this.connecting || handle === null) this.once('connect', () => this._read(size));
    else if (!handle.reading) handle.readStart();
  }

  /** @internal */
  override chunk(bytes: Buffer): boolean {
    this._unrefTimer();
    return !this.destroyed && this.push(bytes);
  }

  /** @internal */
  override get readTarget(): Uint8Array | null {
    return this.onreadBuffer;
  }

  /** @internal */
  override filled(bytes: number): boolean {
    this._unrefTimer();
    if (this.destroyed) return false;
    const goesOn = this.onread?.callback(bytes, this.onreadBuffer as Uint8Array) !== false;
    this.nextOnreadBuffer();
    return goesOn;
  }

  private nextOnreadBuffer(): void {
    const source = (this.onread as OnReadOptions).buffer;
    this.onreadBuffer = typeof source === 'function' ? source() : source;
  }

  /** @internal */
  override ended(): void {
    this._unrefTimer();
    this.push(null);
    this.read(0);
  }

  /** @internal */
  override readFailed(code: string): void {
    this._unrefTimer();
    this.destroy(callError(code, 'read'));
  }

  override pause(): this {
    if (this.onread !== null && !this.connecting) this._handle?.readStop();
    return super.pause();
  }

  override resume(): this {
    this.startUserReading();
    return super.resume();
  }

  override read(size?: number): unknown {
    this.startUserReading();
    return super.read(size);
  }

  private startUserReading(): void {
    // `onread` is not there yet while Duplex's constructor runs.
    if (!this.onread || this.connecting) return;
    if (this._handle !== null && !this._handle.reading) this._handle.readStart();
  }

  // ── Writing ────────────────────────────────────────────────────────────────────────────────

  /** A write after the peer has finished, where both ends close together, is EPIPE. */
  override write(chunk: unknown, encoding?: unknown, done?: unknown): boolean {
    if (this.allowHalfOpen || !this.writableEnded || !this.readableEnded)
      return super.write(chunk, encoding as BufferEncoding, done as never);
    const callback = typeof encoding === 'function' ? encoding : done;
    const error = Object.assign(new Error('This socket has been ended by the other party'), {
      code: 'EPIPE',
    });
    if (typeof callback === 'function') process.nextTick(callback as Callback, error);
    this.destroy(error);
    return false;
  }

  override _write(
    chunk: Uint8Array | string,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.writeEntries([{ chunk, encoding }], done);
  }

  override _writev(entries: WriteEntry[], done: (error?: Error | null) => void): void {
    this.writeEntries(entries, done);
  }

  private writeEntries(entries: WriteEntry[], done: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.writeWhenConnected(entries, done);
      return;
    }
    this.pendingWrite = null;
    const handle = this._handle;
    if (handle === null) {
      done(nodeError('ERR_SOCKET_CLOSED'));
      return;
    }
    this._unrefTimer();
    handle.writeChunks(entries.map(toBytes), (code) => {
      done(code === null ? null : callError(code, 'write'));
    });
    this.lastQueueSize = handle.writeQueueSize;
  }

  /** What is written while connecting waits for the connection; Writable buffers the rest. */
  private writeWhenConnected(entries: WriteEntry[], done: (error?: Error | null) => void): void {
    this.pendingWrite = entries;
    const onClose = (): void => done(nodeError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION'));
    this.once('connect', () => {
      this.off('close', onClose);
      this.writeEntries(entries, done);
    });
    this.once('close', onClose);
  }

  /** @internal */
  override written(): void {
    this._unrefTimer();
    this.lastQueueSize = 0;
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.pending) {
      this.once('connect', () => this._final(done));
    } else if (this._handle === null) {
      done();
    } else {
      this._handle.shutdown(done);
    }
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { connecting } = this;
    this.connecting = false;
    if (this.timer !== null) clearTimeout(this.timer);
    const handle = this._handle;
    const hadError = error !== null;
    if (handle === null && connecting) {
      // The handle that Node would have by now.
      done(error);
      setImmediate(() => this.emit('close', hadError));
    } else if (handle === null) {
      done(error);
      // Node gives no hadError where there was no connection.
      process.nextTick(() => this.emit('close'));
    } else {
      this.readTotal = handle.bytesRead;
      this.writtenTotal = handle.bytesWritten;
      const closed = (): void => {
        this.emit('close', hadError);
      };
      if (this.resetting) handle.reset(closed);
      else handle.close(closed);
      this.resetting = false;
      this._handle = null;
      this.ownName = null;
      done(error);
    }
    this._server?.socketClosed();
  }

  /** Ends the writing side, and destroys the socket when everything is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** Closes with a reset. */
  resetAndDestroy(): this {
    if (this._handle === null && !this.connecting) return this.destroy(nodeError('ERR_SOCKET_CLOSED'));
    if (this.connecting) this.once('connect', () => this.reset());
    else this.reset();
    return this;
  }

  private reset(): void {
    this.resetting = true;
    this.destroy();
  }

  /** @internal */
  override stackClosed(): void {
    this.destroy();
  }
}

/** What every stream of ours is told: 'close' carries hadError, and comes when the connection has been let go. */
const OURS = { emitClose: false, autoDestroy: true, decodeStrings: false } as const;

function streamOptions(options: SocketOptions): DuplexOptions {
  checkOptions(options);
  return { ...options, ...OURS, allowHalfOpen: Boolean(options.allowHalfOpen) };
}

/** The same of a server's socket: always these, so that V8 knows the object, and a spread is spared. */
function acceptedOptions({ allowHalfOpen, highWaterMark }: SocketOptions): DuplexOptions {
  const { emitClose, autoDestroy, decodeStrings } = OURS;
  return {
    emitClose,
    autoDestroy,
    decodeStrings,
    allowHalfOpen: Boolean(allowHalfOpen),
    ...(highWaterMark === undefined ? null : { highWaterMark }),
  };
}

function checkOptions(options: SocketOptions): void {
  for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode'] as const) {
    if (!options[name]) continue;
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The property 'options.${name}' is not supported. Received ${String(options[name])}`,
    );
  }
}

function toBytes({ chunk, encoding }: WriteEntry): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}
