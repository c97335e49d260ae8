/** A passive open: LISTEN, its SYN queue's count and its accept queue. RFC 9293 §3.10.1. */

import type { ListenerOwner } from './events.ts';
import type { State } from './state.ts';
import type { Tcb } from './tcb.ts';
import type { TcpConfig } from './tcp-config.ts';
import type { TcpTrace } from './trace.ts';
import type { Machine } from './transitions.ts';

export class Listener implements Machine {
  state: State = 'CLOSED';
  /** Index in the engine's table of listeners. */
  readonly id: number;
  /** int32; 0 = every address of ours. */
  readonly address: number;
  readonly port: number;
  /** Connections that may wait for `accept`. */
  backlog: number;
  /** SO_REUSEADDR of the socket that listens; its connections inherit it. */
  reuseAddress: boolean;
  readonly config: TcpConfig;
  owner: ListenerOwner | null;
  /** ESTABLISHED, waiting for `accept`, oldest first. */
  readonly acceptQueue: Tcb[] = [];
  /** SYN-RECEIVED records of this listener. */
  synQueue = 0;
  /** Connections refused because the accept queue was full. */
  overflows = 0;
  /** When a SYN was last answered with a cookie, µs. */
  lastCookieAt = -Infinity;
  /** TCP_DEFER_ACCEPT: hand a connection over only with its first data. µs; 0 = off. */
  deferAccept = 0;
  /** Fast opens whose handshake is not complete, and how many there may be (RFC 7413 §5.1). */
  fastOpenPending = 0;
  fastOpenQueue: number;
  /** In the list of listeners to notify in phase 3. */
  notified = false;
  readonly trace: TcpTrace | null;

  constructor(id: number, address: number, port: number, config: TcpConfig, trace: TcpTrace | null) {
    this.id = id;
    this.address = address;
    this.port = port;
    this.config = config;
    this.trace = trace;
    this.fastOpenQueue = config.tfoQueue;
    this.backlog = 511;
    this.reuseAddress = true;
    this.owner = null;
  }

  /** The accept queue takes no more. */
  get full(): boolean {
    return this.acceptQueue.length >= Math.max(1, this.backlog);
  }

  /** A cookie of ours may still come back: one was sent after `moment`, µs. Else none is believed. */
  askedByCookie(moment: number): boolean {
    return this.lastCookieAt >= moment;
  }

  stateChanged(): void {
    if (this.trace !== null) {
      if (this.state === 'LISTEN') this.trace.listenerOpened(this);
      else this.trace.listenerClosed(this);
    }
  }
}
