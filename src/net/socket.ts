/** `net.Socket` over the stack: a Duplex with the events of Node's, in the same order. */

import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, isIPv4 } from 'node:net';
import { Duplex, type DuplexOptions } from 'node:stream';
import { parseAddress } from '../wire/address.ts';
import {
  type Callback,
  checkDelay,
  checkPort,
  normalizeArguments,
  refusePipe,
  wrongType,
} from './arguments.ts';
import { Connection, type ConnectionUser } from './connection.ts';
import type { NetContext } from './context.ts';
import { argumentError, callError, engineCode, hostError, nodeError } from './errors.ts';
import { SocketBase, toSeconds, type WriteEntry } from './socket-base.ts';

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

/** What a socket is for while it is connecting. */
interface Target {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

type Lookup = (host: string, options: object, done: (...args: unknown[]) => void) => void;

const EAFNOSUPPORT = 'EAFNOSUPPORT';

export class Socket extends SocketBase implements ConnectionUser {
  /** The server that it came from. */
  server: unknown = null;
  /** @internal Told when the socket is gone. */
  _server: { socketClosed(): void } | null = null;
  /** @internal The name that is being connected to, for tls. */
  _host: string | null = null;

  private readonly context: NetContext;
  private target: Target | null = null;
  private readonly onread: OnReadOptions | null;
  private onreadBuffer: Uint8Array | null = null;
  private resetting = false;

  /** `options` as of Node's `new net.Socket(options)`; `handle` is an accepted connection. */
  constructor(context: NetContext, options: SocketOptions = {}) {
    checkOptions(options);
    super({
      ...options,
      allowHalfOpen: Boolean(options.allowHalfOpen),
      // 'close' carries hadError, and comes when the connection has been let go.
      emitClose: false,
      autoDestroy: true,
      decodeStrings: false,
    });
    this.context = context;
    this.noDelay = Boolean(options.noDelay);
    this.keepAlive = Boolean(options.keepAlive);
    this.keepAliveDelay = toSeconds(
      checkDelay(options.keepAliveInitialDelay, 'options.keepAliveInitialDelay'),
    );
    this.onread = options.onread ?? null;
    if (this.onread !== null) this.nextOnreadBuffer();
    this.on('end', () => this.refuseWritesAfterEnd());
    if (options.handle !== undefined) this.adopt(options.handle, options.pauseOnCreate === true);
  }

  private adopt(handle: Connection, paused: boolean): void {
    this._handle = handle;
    handle.attach(this);
    if (this.onreadBuffer !== null) handle.chunkSize = this.onreadBuffer.length;
    if (paused) (this as unknown as { readableFlowing: boolean }).readableFlowing = false;
    else this.read(0);
  }

  // ── Connecting ─────────────────────────────────────────────────────────────────────────────

  connect(...args: unknown[]): this {
    const [options, callback] = normalizeArguments(args);
    if (callback !== null) this.once('connect', callback);
    if (options.port === undefined && (options.path === undefined || options.path === null)) {
      throw argumentError('ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified');
    }
    refusePipe(options);
    Reflect.deleteProperty(this, 'write');
    if (this.destroyed || this._handle !== null) this.startOver();
    this._unrefTimer();
    this.connecting = true;
    this.resolve(options);
    return this;
  }

  /** A socket that was used before may connect again. */
  private startOver(): void {
    this._handle = null;
    this.peerName = null;
    this.ownName = null;
    (this as unknown as { _undestroy(): void })._undestroy();
  }

  private resolve(options: Record<string, unknown>): void {
    const host = (options['host'] as string | undefined) || 'localhost';
    const port = checkPort(options['port'], 'Port');
    const localAddress = options['localAddress'] as string | undefined;
    const localPort = options['localPort'] as number | undefined;
    if (localAddress && isIP(localAddress) === 0) {
      throw argumentError('ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${localAddress}`);
    }
    if (localPort && typeof localPort !== 'number') throw wrongType('options.localPort', 'number', localPort);
    const connectTo = (address: string): void => this.attempt({ address, port, localAddress, localPort });
    if (isIP(host) !== 0) {
      process.nextTick(() => {
        if (this.connecting) connectTo(host);
      });
      return;
    }
    this._host = host;
    this.lookUp(host, options, connectTo);
  }

  private lookUp(host: string, options: Record<string, unknown>, connectTo: (address: string) => void): void {
    const lookup = (options['lookup'] ?? dnsLookup) as Lookup;
    if (typeof lookup !== 'function') throw wrongType('options.lookup', 'function', lookup);
    const hints = (options['hints'] as number | undefined) ?? 0;
    lookup(host, { family: 4, hints, all: false }, (...args: unknown[]) => {
      const [error, found, family] = firstAddress(args);
      this.emit('lookup', error, found, family, host);
      if (!this.connecting) return;
      if (error !== null) {
        process.nextTick(() => this.destroy(error));
      } else if (typeof found !== 'string' || !isIPv4(found)) {
        const invalid = argumentError('ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${String(found)}`);
        process.nextTick(() => this.destroy(invalid));
      } else {
        this._unrefTimer();
        connectTo(found);
      }
    });
  }

  private attempt(target: Target): void {
    this.target = target;
    const { address, port, localAddress, localPort } = target;
    this.emit('connectionAttempt', address, port, isIP(address));
    const peerAddress = parseAddress(address);
    const own = localAddress ? parseAddress(localAddress) : 0;
    if (peerAddress === null || own === null) {
      this.destroy(hostError(EAFNOSUPPORT, 'connect', address, port, 'undefined:undefined'));
      return;
    }
    const options = {
      localAddress: own,
      localPort: localPort ?? 0,
      peerAddress,
      peerPort: port,
      reuseAddress: Boolean(localPort),
    };
    try {
      this._handle = Connection.open(this.context, options, this);
    } catch (error) {
      this.refused(engineCode(error), target);
      return;
    }
    if (this.onreadBuffer !== null) this._handle.chunkSize = this.onreadBuffer.length;
    this.ownName = null;
  }

  /** The open failed before anything was sent. */
  private refused(code: string, target: Target): void {
    const { address, port, localAddress, localPort } = target;
    if (code === 'EADDRNOTAVAIL' && localAddress) {
      this.destroy(hostError(code, 'bind', localAddress, localPort ?? 0));
      return;
    }
    // Port 0 goes out to the wire on Linux and is refused there.
    const shown = code === 'EINVAL' && port === 0 ? 'ECONNREFUSED' : code;
    const local = `${localAddress ?? '0.0.0.0'}:${localPort ?? 0}`;
    this.destroy(hostError(shown, 'connect', address, port, shown === code ? local : undefined));
  }

  /** @internal */
  connected(): void {
    if (this.destroyed) return;
    this.connecting = false;
    this.ownName = null;
    this._unrefTimer();
    const handle = this._handle as Connection;
    if (this.noDelay) handle.setNoDelay(true);
    if (this.keepAlive) handle.setKeepAlive(true, this.keepAliveDelay);
    this.emit('connect');
    this.emit('ready');
    if (!this.isPaused()) this.read(0);
  }

  /** @internal */
  connectFailed(code: string): void {
    if (this.destroyed || this.target === null) return;
    const { address, port, localAddress, localPort } = this.target;
    this.connecting = false;
    const local = localAddress && localPort ? `${localAddress}:${localPort}` : undefined;
    const error = hostError(code, 'connect', address, port, local);
    if (local !== undefined) Object.assign(error, { localAddress, localPort });
    this.emit('connectionAttemptFailed', address, port, isIP(address), error);
    this.destroy(error);
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────

  override _read(size: number): void {
    const handle = this._handle;
    if (this.connecting || handle === null) this.once('connect', () => this._read(size));
    else if (!handle.reading) handle.readStart();
  }

  /** @internal */
  chunk(bytes: Buffer): boolean {
    this._unrefTimer();
    if (this.destroyed) return false;
    if (this.onread === null) return this.push(bytes);
    const buffer = this.onreadBuffer as Uint8Array;
    buffer.set(bytes);
    const goesOn = this.onread.callback(bytes.length, buffer) !== false;
    this.nextOnreadBuffer();
    return goesOn;
  }

  private nextOnreadBuffer(): void {
    const source = (this.onread as OnReadOptions).buffer;
    this.onreadBuffer = typeof source === 'function' ? source() : source;
    if (this._handle !== null) this._handle.chunkSize = this.onreadBuffer.length;
  }

  /** @internal */
  ended(): void {
    this._unrefTimer();
    this.push(null);
    this.read(0);
  }

  /** @internal */
  readFailed(code: string): void {
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
  written(): void {
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

  /** A write after the peer has finished, where both ends close together, is EPIPE. */
  private refuseWritesAfterEnd(): void {
    if (this.allowHalfOpen) return;
    const write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
      const callback = typeof encoding === 'function' ? encoding : done;
      if (!this.writableEnded)
        return Duplex.prototype.write.call(this, chunk, encoding as BufferEncoding, done as never);
      const error = Object.assign(new Error('This socket has been ended by the other party'), {
        code: 'EPIPE',
      });
      if (typeof callback === 'function') process.nextTick(callback as Callback, error);
      this.destroy(error);
      return false;
    };
    this.write = write as this['write'];
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
  stackClosed(): void {
    this.destroy();
  }
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

/** A lookup's answer, also one in the form of `all: true`. */
function firstAddress(args: readonly unknown[]): [Error | null, unknown, unknown] {
  const error = (args[0] as Error | null | undefined) ?? null;
  const found = args[1];
  if (!Array.isArray(found)) return [error, found, args[2]];
  const list = found as LookupAddress[];
  const first = list.find((one) => one.family === 4) ?? list[0];
  return [error, first?.address, first?.family];
}
