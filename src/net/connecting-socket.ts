/** How a socket comes to be connected: the arguments of `connect`, the lookup, the handshake. */

import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, isIPv4 } from 'node:net';
import type { DuplexOptions } from 'node:stream';
import { parseAddress } from '../wire/address.ts';
import { checkPort, normalizeArguments, refusePipe, wrongType } from './arguments.ts';
import { Connection, type ConnectionUser } from './connection.ts';
import type { NetContext } from './context.ts';
import { argumentError, engineCode, hostError } from './errors.ts';
import { SocketBase } from './socket-base.ts';

/** What a socket is for while it is connecting. */
interface Target {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

type Lookup = (host: string, options: object, done: (...args: unknown[]) => void) => void;

const EAFNOSUPPORT = 'EAFNOSUPPORT';

/** The part of `net.Socket` from `connect` to the event 'connect', or to the error in its place. */
export abstract class ConnectingSocket extends SocketBase implements ConnectionUser {
  /** @internal The name that is being connected to, for tls. */
  _host: string | null = null;

  private readonly context: NetContext;
  private target: Target | null = null;

  protected constructor(context: NetContext, options: DuplexOptions) {
    super(options);
    this.context = context;
  }

  /** @internal */
  abstract readonly readTarget: Uint8Array | null;
  /** @internal */
  abstract filled(bytes: number): boolean;
  /** @internal */
  abstract chunk(bytes: Buffer): boolean;
  /** @internal */
  abstract ended(): void;
  /** @internal */
  abstract readFailed(code: string): void;
  /** @internal */
  abstract written(): void;
  /** @internal */
  abstract stackClosed(): void;

  connect(...args: unknown[]): this {
    const [options, callback] = normalizeArguments(args);
    if (callback !== null) this.once('connect', callback);
    if (options.port === undefined && (options.path === undefined || options.path === null)) {
      throw argumentError('ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified');
    }
    refusePipe(options);
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
