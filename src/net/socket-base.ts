/** What a socket says about itself and its options: the part of `net.Socket` that moves no data. */

import { Duplex, type DuplexOptions } from 'node:stream';
import { formatAddress } from '../wire/address.ts';
import { wrongType } from './arguments.ts';
import type { Connection } from './connection.ts';
import { argumentError } from './errors.ts';

/** What `address()` returns. */
export interface AddressInfo {
  address: string;
  family: string;
  port: number;
}

/** Chunks with their encodings, as Writable hands them to `_writev`. */
export interface WriteEntry {
  chunk: Uint8Array | string;
  encoding: BufferEncoding;
}

const MS_PER_SECOND = 1000;
const LONGEST_TIMEOUT_MS = 0x7fffffff;

export abstract class SocketBase extends Duplex {
  connecting = false;
  /** ms, as given to setTimeout. */
  timeout: number | undefined;
  /** @internal Node's name: http and tls look whether it is there. */
  _handle: Connection | null = null;

  protected timer: NodeJS.Timeout | null = null;
  protected lastQueueSize = 0;
  protected pendingWrite: WriteEntry[] | null = null;
  protected noDelay = false;
  protected keepAlive = false;
  /** Seconds. */
  protected keepAliveDelay = 0;
  protected readTotal = 0;
  protected writtenTotal = 0;
  protected peerName: AddressInfo | null = null;
  protected ownName: AddressInfo | null = null;

  protected constructor(options: DuplexOptions) {
    super(options);
  }

  // ── Options ────────────────────────────────────────────────────────────────────────────────

  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this;
    if (typeof milliseconds !== 'number') throw wrongType('msecs', 'number', milliseconds);
    if (!(milliseconds >= 0 && Number.isFinite(milliseconds))) {
      const text = 'The value of "msecs" is out of range. It must be a non-negative finite number.';
      throw argumentError('ERR_OUT_OF_RANGE', `${text} Received ${milliseconds}`, RangeError);
    }
    this.timeout = milliseconds;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (milliseconds === 0) {
      if (callback !== undefined) this.removeListener('timeout', callback);
      return this;
    }
    this.timer = setTimeout(() => this._onTimeout(), Math.min(milliseconds, LONGEST_TIMEOUT_MS)).unref();
    if (callback !== undefined) this.once('timeout', callback);
    return this;
  }

  /** @internal Something has happened on the connection: the idle timer starts again. */
  _unrefTimer(): void {
    this.timer?.refresh();
  }

  /** @internal */
  _onTimeout(): void {
    const size = this._handle?.writeQueueSize ?? 0;
    if (this.lastQueueSize > 0 && this.lastQueueSize !== size) {
      // A write is getting on.
      this.lastQueueSize = size;
      this._unrefTimer();
      return;
    }
    this.emit('timeout');
  }

  setNoDelay(enable: unknown = true): this {
    const on = Boolean(enable);
    if (this._handle !== null && !this.connecting && on !== this.noDelay) this._handle.setNoDelay(on);
    this.noDelay = on;
    return this;
  }

  /** `initialDelay` in ms. */
  setKeepAlive(enable: unknown = false, initialDelay = 0): this {
    const on = Boolean(enable);
    const delay = toSeconds(initialDelay);
    const changed = on !== this.keepAlive || (on && delay !== this.keepAliveDelay);
    this.keepAlive = on;
    this.keepAliveDelay = delay;
    if (this._handle !== null && !this.connecting && changed) this._handle.setKeepAlive(on, delay);
    return this;
  }

  ref(): this {
    if (this._handle === null) this.once('connect', () => this.ref());
    else this._handle.ref();
    return this;
  }

  unref(): this {
    if (this._handle === null) this.once('connect', () => this.unref());
    else this._handle.unref();
    return this;
  }

  // ── What is known ──────────────────────────────────────────────────────────────────────────

  address(): AddressInfo | Record<string, never> {
    return this.own();
  }

  get pending(): boolean {
    return this._handle === null || this.connecting;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get bufferSize(): number | undefined {
    return this._handle === null ? undefined : this.writableLength;
  }

  get bytesRead(): number {
    return this._handle?.bytesRead ?? this.readTotal;
  }

  /** Bytes given to `write`, sent or not. */
  get bytesWritten(): number {
    let bytes = this._handle?.bytesWritten ?? this.writtenTotal;
    const { writableBuffer } = this as unknown as { writableBuffer?: Iterable<WriteEntry> };
    for (const waiting of writableBuffer ?? []) bytes += lengthOf(waiting);
    for (const waiting of this.pendingWrite ?? []) bytes += lengthOf(waiting);
    return bytes;
  }

  get remoteAddress(): string | undefined {
    return this.peer().address;
  }

  get remotePort(): number | undefined {
    return this.peer().port;
  }

  get remoteFamily(): string | undefined {
    return this.peer().family;
  }

  get localAddress(): string | undefined {
    return this.own().address;
  }

  get localPort(): number | undefined {
    return this.own().port;
  }

  get localFamily(): string | undefined {
    return this.own().family;
  }

  private peer(): AddressInfo | Record<string, never> {
    const tcb = this.connecting ? null : (this._handle?.tcb ?? null);
    if (tcb !== null) this.peerName ??= addressInfo(tcb.peerAddress, tcb.peerPort);
    return this.peerName ?? {};
  }

  private own(): AddressInfo | Record<string, never> {
    const tcb = this._handle?.tcb ?? null;
    if (tcb === null) return {};
    this.ownName ??= addressInfo(tcb.localAddress, tcb.localPort);
    return this.ownName;
  }
}

export function addressInfo(address: number, port: number): AddressInfo {
  return { address: formatAddress(address), family: 'IPv4', port };
}

export function toSeconds(milliseconds: number): number {
  return Math.trunc(milliseconds / MS_PER_SECOND) || 0;
}

function lengthOf({ chunk, encoding }: WriteEntry): number {
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk.length;
}
