/** One socket: what its descriptor stands for, and its readiness. */

import type { TcpEngine } from '../tcp/engine.ts';
import { type ConnectionOwner, EVENT_URGENT, type ListenerOwner } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { SocketAddress } from './address.ts';
import { O_NONBLOCK, O_RDWR, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP } from './constants.ts';
import type { ErrnoName } from './errno.ts';
import { SocketOptions } from './options.ts';

/** `sk_shutdown`. */
export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;
export const SHUTDOWN_MASK = 3;

/** What the socket calls see of `struct socket`, besides the TCP state. */
export type Progress = 'unconnected' | 'connecting' | 'connected';

export type ReadinessCallback = (bits: number) => void;

/** What sockets have in common: they live on one stack. */
export interface PosixStack {
  readonly tcp: TcpEngine;
  /** Addresses of the stack, dotted, perhaps with a prefix length. */
  readonly addresses: readonly string[];
  /** Looks at the clock before a call from outside of a turn. */
  refreshClock?(): void;
  /** On a virtual clock: runs turns until nothing is due, after a call. */
  settle?(): void;
}

export class PosixSocket implements ConnectionOwner, ListenerOwner {
  options = new SocketOptions();
  progress: Progress = 'unconnected';
  /** TCP_FASTOPEN_CONNECT: `connect` has returned, the SYN goes out with the first data, to this peer. */
  deferred: SocketAddress | null = null;
  tcb: Tcb | null = null;
  listener: Listener | null = null;
  /** Bound address (int32, 0 = any) and port (0 = not bound). */
  address = 0;
  port = 0;
  /** `bind` chose the address, the port: kept by `connect(fd, null)`. */
  addressLocked = false;
  portLocked = false;
  /** Backlog of the listener. */
  backlog = 0;
  /** SO_ERROR: reported once. */
  error: ErrnoName | null = null;
  /** The connection's error has been moved to `error`. */
  private errorNoted = false;
  /** Our half of `sk_shutdown`; see {@link shutdownMask}. */
  shutdown = 0;
  /** The last send had MSG_MORE: the tail is held back. */
  more = false;
  /** An urgent pointer has come that the reader has not passed. */
  urgent = false;
  statusFlags = O_RDWR | O_NONBLOCK;
  descriptorFlags = 0;
  callback: ReadinessCallback | null = null;

  connectionEvents(tcb: Tcb, events: number): void {
    if (tcb !== this.tcb) return;
    this.noteError();
    if ((events & EVENT_URGENT) !== 0) this.urgent = true;
    if (this.callback !== null) this.callback(this.poll());
  }

  connectionsWaiting(listener: Listener): void {
    if (listener === this.listener && this.callback !== null) this.callback(this.poll());
  }

  /** A connection has just been opened with this socket as its owner. */
  restart(tcb: Tcb): void {
    this.tcb = tcb;
    this.progress = 'connecting';
    this.deferred = null;
    this.error = null;
    this.errorNoted = false;
    this.shutdown = 0;
    this.more = false;
    this.urgent = false;
    this.address = tcb.localAddress;
    this.port = tcb.localPort;
  }

  /** SO_ERROR, taken away. */
  takeError(): ErrnoName | null {
    this.noteError();
    const error = this.error;
    this.error = null;
    return error;
  }

  /** No connection and no listener: `TCP_CLOSE`. A connection in TIME-WAIT is that to its socket. */
  get closed(): boolean {
    if (this.listener !== null) return false;
    return this.tcb === null || this.tcb.state === 'CLOSED' || this.tcb.state === 'TIME-WAIT';
  }

  /** SYN-SENT or SYN-RECEIVED; a connection that was opened fast may be used already. */
  get opening(): boolean {
    const state = this.tcb?.state;
    return (
      state === 'SYN-SENT' || (state === 'SYN-RECEIVED' && this.tcb?.handshake.fastOpenListener === null)
    );
  }

  /** The peer's FIN was reached: SOCK_DONE. */
  get done(): boolean {
    return this.tcb?.peerClosed ?? false;
  }

  /** `sk_shutdown` as Linux has it: ours, the peer's FIN, or all after the end. */
  get shutdownMask(): number {
    if (this.tcb === null) return this.shutdown;
    if (this.closed) return SHUTDOWN_MASK;
    return this.done ? this.shutdown | RCV_SHUTDOWN : this.shutdown;
  }

  /** What `poll` says, as tcp_poll computes it. */
  poll(): number {
    this.noteError();
    if (this.listener !== null) return this.listener.acceptQueue.length > 0 ? POLLIN : 0;
    if (this.deferred !== null) return POLLOUT;
    const shutdown = this.shutdownMask;
    let bits = 0;
    if (shutdown === SHUTDOWN_MASK || this.closed) bits |= POLLHUP;
    if ((shutdown & RCV_SHUTDOWN) !== 0) bits |= POLLIN | POLLRDHUP;
    if (!this.opening) bits |= this.transferBits(shutdown);
    if (this.error !== null) bits |= POLLERR;
    return bits;
  }

  private noteError(): void {
    const error = this.tcb?.error ?? null;
    if (error === null || this.errorNoted) return;
    this.errorNoted = true;
    this.error = error;
  }

  private transferBits(shutdown: number): number {
    const tcb = this.tcb;
    if (tcb === null) return POLLOUT;
    let bits = 0;
    if (tcb.readable >= Math.max(1, this.options.stored.get('SO_RCVLOWAT') ?? 1)) bits |= POLLIN;
    if ((shutdown & SEND_SHUTDOWN) !== 0 || isWriteable(tcb)) bits |= POLLOUT;
    if (this.urgent && tcb.rcv.urgent) bits |= POLLPRI;
    return bits;
  }
}

/** __sk_stream_is_writeable: at least a third of the send buffer is free. */
function isWriteable(tcb: Tcb): boolean {
  const free = tcb.writable;
  return free > 0 && free >= (tcb.limits.send - free) / 2;
}
