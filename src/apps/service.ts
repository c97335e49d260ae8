/** What a built-in service is, and what it needs of the stack that it runs on. */

import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';

/** A connection as `node:net` and our own `net` give it. */
export interface ServiceSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** `initialDelay` in ms. */
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  resetAndDestroy(): this;
}

export interface ServiceServer extends EventEmitter {
  listen(options: { port: number; host?: string; backlog?: number }): this;
  close(callback?: (error?: Error) => void): this;
  address(): unknown;
}

export interface ServiceServerOptions {
  /** Our side stays open when the peer has finished. */
  allowHalfOpen?: boolean;
  /** Nothing is read until the service asks. */
  pauseOnConnect?: boolean;
}

/** The part of `node:net` that services use: that module itself, or `stack.net`. */
export interface NetModule {
  createServer(options: ServiceServerOptions, onConnection: (socket: ServiceSocket) => void): ServiceServer;
}

/** One of `stack.connections()`, as far as services look into it. */
export interface ServiceConnection {
  readonly local: string;
  readonly peer: string | null;
  readonly state: string;
  readonly [field: string]: unknown;
}

/** The raw interface of the engine, as far as services use it. */
export interface RawTcp {
  listen(
    options: { address: number; port: number; backlog: number; reuseAddress?: boolean },
    owner: RawListenerOwner,
  ): unknown;
  closeListener(listener: unknown): void;
  accept(listener: unknown, owner: RawConnectionOwner): unknown;
  close(connection: unknown): void;
  abort(connection: unknown): void;
  forEachConnection(visit: (connection: RawConnection) => void): void;
  /** Times in µs. */
  setKeepAlive(
    connection: unknown,
    options: { on: boolean; idle?: number; interval?: number; count?: number },
  ): void;
}
/** A control block, as far as services look into it. */
export interface RawConnection {
  readonly state: string;
  readonly localPort: number;
  readonly peerPort: number;
  /** int32. */
  readonly peerAddress: number;
}
export interface RawListenerOwner {
  connectionsWaiting(listener: unknown): void;
}
export interface RawConnectionOwner {
  connectionEvents(connection: unknown, events: number): void;
}

/** The stack behind the net module; null when that is `node:net`. */
export interface ServiceStack {
  /** The connection between two ends, each `address:port`. */
  connectionBetween(local: string, peer: string): ServiceConnection | null;
  readonly tcp?: RawTcp;
}

/** A program that comes with the stack. Start and stop may alternate. */
export interface Service {
  readonly name: string;
  readonly port: number;
  /** One sentence: what it is good for. */
  readonly text: string;
  readonly running: boolean;
  /** Resolves when it listens. Rejects with Node's error, e.g. EADDRINUSE. */
  start(stack: ServiceStack | null, net: NetModule): Promise<void>;
  /** Stops listening and ends what is open. Idempotent. */
  stop(): Promise<void>;
}
