/** `net.Server` over the stack. */

import { lookup } from 'node:dns';
import { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import type { ListenerOwner } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import { parseAddress } from '../wire/address.ts';
import {
  type Callback,
  checkDelay,
  checkPort,
  normalizeArguments,
  refusePipe,
  toNumber,
  wrongType,
} from './arguments.ts';
import { Connection } from './connection.ts';
import type { Holder, NetContext } from './context.ts';
import { argumentError, engineCode, listenError, nodeError } from './errors.ts';
import type { Socket, SocketOptions } from './socket.ts';
import { type AddressInfo, addressInfo } from './socket-base.ts';

export interface ServerOptions {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  /** ms. */
  keepAliveInitialDelay?: number;
  highWaterMark?: number;
}

export type MakeSocket = (options: SocketOptions) => Socket;
export type ConnectionListener = (socket: Socket) => void;

const DEFAULT_BACKLOG = 511;
const ANY = '0.0.0.0';

/** Of `listen(options)`, `(port, backlog)` or `(port, host, backlog)`. */
function chooseBacklog(given: unknown, args: readonly unknown[]): number {
  return Number(given) || toNumber(args[1]) || toNumber(args[2]) || DEFAULT_BACKLOG;
}

export class Server extends EventEmitter implements ListenerOwner, Holder {
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  /** Seconds, as Node keeps it. */
  keepAliveInitialDelay: number;
  highWaterMark: number | undefined;
  /** More connections than this are dropped; undefined = no limit. */
  maxConnections: number | undefined;
  /** @internal */
  _connections = 0;

  private readonly context: NetContext;
  private readonly makeSocket: MakeSocket;
  private listener: Listener | null = null;
  private unreferenced = false;
  /** Grows with every listen and close: an answer for an older one is stale. */
  private listeningId = 1;

  constructor(
    context: NetContext,
    makeSocket: MakeSocket,
    options?: ServerOptions | ConnectionListener | null,
    connectionListener?: ConnectionListener,
  ) {
    super();
    this.context = context;
    this.makeSocket = makeSocket;
    const given = typeof options === 'function' ? {} : (options ?? {});
    if (typeof given !== 'object') throw wrongType('options', 'object', options);
    const onConnection = typeof options === 'function' ? options : connectionListener;
    if (typeof onConnection === 'function') this.on('connection', onConnection);
    this.allowHalfOpen = given.allowHalfOpen ?? false;
    this.pauseOnConnect = Boolean(given.pauseOnConnect);
    this.noDelay = Boolean(given.noDelay);
    this.keepAlive = Boolean(given.keepAlive);
    const delay = checkDelay(given.keepAliveInitialDelay, 'options.keepAliveInitialDelay');
    this.keepAliveInitialDelay = Math.trunc(delay / 1000);
    this.highWaterMark = given.highWaterMark;
  }

  // ── Listening ──────────────────────────────────────────────────────────────────────────────

  listen(...args: unknown[]): this {
    const [options, callback] = normalizeArguments(args);
    if (this.listener !== null) throw nodeError('ERR_SERVER_ALREADY_LISTEN');
    if (callback !== null) this.once('listening', callback);
    this.listeningId++;
    this.closeOnAbort(options['signal'] as AbortSignal | undefined);
    const backlog = chooseBacklog(options['backlog'], args);
    const anyPort = args.length === 0 || typeof args[0] === 'function' || options.port === null;
    if (anyPort || ('port' in options && options.port === undefined)) {
      this.listenOn(options.host, 0, backlog);
      return this;
    }
    if (typeof options.port !== 'number' && typeof options.port !== 'string') {
      refusePipe(options);
      const text = `The argument 'options' must have the property "port" or "path".`;
      throw argumentError('ERR_INVALID_ARG_VALUE', text);
    }
    this.listenOn(options.host, checkPort(options.port, 'options.port'), backlog);
    return this;
  }

  private listenOn(host: unknown, port: number, backlog: number): void {
    if (typeof host !== 'string' || host === '') {
      this.open(ANY, port, backlog);
      return;
    }
    const id = this.listeningId;
    // An IPv6 "any" of a program that does not care is ours too.
    const wanted = host === '::' ? ANY : host;
    lookup(wanted, isIP(wanted) === 0 ? { family: 4 } : {}, (error, address) => {
      if (id !== this.listeningId) return;
      if (error) this.emit('error', error);
      else this.open(address, port, backlog);
    });
  }

  private open(host: string, port: number, backlog: number): void {
    const address = parseAddress(host);
    const code = address === null ? 'EAFNOSUPPORT' : this.tryListen(address, port, backlog);
    if (code !== null) {
      const error = listenError(code, host, port);
      process.nextTick(() => this.emit('error', error));
      return;
    }
    this.context.hold(this);
    if (this.unreferenced) this.context.setReferenced(this, false);
    process.nextTick(() => {
      if (this.listener !== null) this.emit('listening');
    });
  }

  private tryListen(address: number, port: number, backlog: number): string | null {
    try {
      this.listener = this.context.engine.listen({ address, port, backlog, reuseAddress: true }, this);
      return null;
    } catch (error) {
      return engineCode(error);
    }
  }

  private closeOnAbort(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    if (!(signal instanceof AbortSignal)) throw wrongType('options.signal', 'AbortSignal', signal);
    const abort = (): void => {
      this.close();
    };
    if (signal.aborted) {
      process.nextTick(abort);
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.once('close', () => signal.removeEventListener('abort', abort));
  }

  // ── Connections ────────────────────────────────────────────────────────────────────────────

  /** @internal */
  connectionsWaiting(listener: Listener): void {
    while (this.listener === listener) {
      const connection = Connection.accept(this.context, listener);
      if (connection === null) return;
      this.welcome(connection);
    }
  }

  private welcome(connection: Connection): void {
    if (this.maxConnections && this._connections >= this.maxConnections) {
      this.drop(connection);
      return;
    }
    if (this.noDelay) connection.setNoDelay(true);
    if (this.keepAlive) connection.setKeepAlive(true, this.keepAliveInitialDelay);
    const { highWaterMark } = this;
    const socket = this.makeSocket({
      ...(highWaterMark === undefined ? null : { highWaterMark }),
      handle: connection,
      allowHalfOpen: this.allowHalfOpen,
      pauseOnCreate: this.pauseOnConnect,
      noDelay: this.noDelay,
      keepAlive: this.keepAlive,
      keepAliveInitialDelay: this.keepAliveInitialDelay * 1000,
    });
    this._connections++;
    socket.server = this;
    socket._server = this;
    this.emit('connection', socket);
  }

  private drop(connection: Connection): void {
    const { tcb } = connection;
    const local = addressInfo(tcb.localAddress, tcb.localPort);
    const remote = addressInfo(tcb.peerAddress, tcb.peerPort);
    this.emit('drop', {
      localAddress: local.address,
      localPort: local.port,
      localFamily: local.family,
      remoteAddress: remote.address,
      remotePort: remote.port,
      remoteFamily: remote.family,
    });
    connection.close(() => {});
  }

  /** @internal A socket of this server is gone. */
  socketClosed(): void {
    this._connections--;
    this.emitCloseIfDrained();
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this._connections);
    return this;
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────

  /** Stops listening; 'close' comes when the last connection has gone. */
  close(callback?: (error?: Error) => void): this {
    this.listeningId++;
    if (typeof callback === 'function') {
      if (this.listener === null) this.once('close', () => callback(nodeError('ERR_SERVER_NOT_RUNNING')));
      else this.once('close', callback as Callback);
    }
    if (this.listener !== null) {
      this.context.engine.closeListener(this.listener);
      this.listener = null;
      this.context.release(this);
    }
    this.emitCloseIfDrained();
    return this;
  }

  /** @internal */
  stackClosed(): void {
    this.close();
  }

  private emitCloseIfDrained(): void {
    if (this.listener === null && this._connections === 0) process.nextTick(() => this.emit('close'));
  }

  async [Symbol.for('nodejs.asyncDispose')](): Promise<void> {
    if (this.listener !== null) await promisify((done: Callback) => this.close(done))();
  }

  // ── What is known ──────────────────────────────────────────────────────────────────────────

  get listening(): boolean {
    return this.listener !== null;
  }

  address(): AddressInfo | null {
    return this.listener === null ? null : addressInfo(this.listener.address, this.listener.port);
  }

  ref(): this {
    this.unreferenced = false;
    this.context.setReferenced(this, true);
    return this;
  }

  unref(): this {
    this.unreferenced = true;
    this.context.setReferenced(this, false);
    return this;
  }
}
