/**
 * bind, listen, accept, connect, shutdown and close: what takes a socket from one state to the next,
 * as Linux does it behind the system calls. Descriptors are posix.ts's.
 */

import type { TcpEngine } from '../tcp/engine.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { checkPort, type SocketAddress, toInt32 } from './address.ts';
import { Bindings } from './bindings.ts';
import { FD_CLOEXEC, SHUT_RD, SHUT_RDWR, SOCK_CLOEXEC, SOMAXCONN } from './constants.ts';
import { fail, PosixError, translated } from './errno.ts';
import { retransmissionsToSeconds } from './options.ts';
import { PosixSocket, type PosixStack, RCV_SHUTDOWN, SEND_SHUTDOWN } from './socket.ts';

const MICROSECONDS_PER_SECOND = 1_000_000;

/** The sockets of one stack, their ports included. Throws {@link PosixError}, named after the system call. */
export class SocketLifecycle {
  private readonly stack: PosixStack;
  private readonly engine: TcpEngine;
  private readonly bindings: Bindings;

  constructor(stack: PosixStack) {
    this.stack = stack;
    this.engine = stack.tcp;
    this.bindings = new Bindings(stack.tcp);
  }

  /** `0.0.0.0` is any address, port 0 a free one. */
  bind(socket: PosixSocket, address: SocketAddress): void {
    const local = toInt32(address.address, 'bind');
    const wanted = checkPort(address.port, 'bind');
    if (local !== 0 && !this.isLocal(local)) fail('EADDRNOTAVAIL', 'bind');
    if (!socket.closed || socket.listener !== null || socket.port !== 0) fail('EINVAL', 'bind');
    this.bindTo(socket, local, wanted, 'bind');
    socket.addressLocked = local !== 0;
    socket.portLocked = wanted !== 0;
  }

  /** On a listening socket it changes the backlog only. */
  listen(socket: PosixSocket, backlog: number): void {
    // Linux reads a negative backlog as the largest, and lets one more wait than it says.
    const limit = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog + 1;
    if (socket.listener !== null) {
      this.engine.adjustListener(socket.listener, { backlog: limit });
      return;
    }
    if (socket.progress !== 'unconnected' || !socket.closed) fail('EINVAL', 'listen');
    if (socket.port === 0) this.bindTo(socket, socket.address, 0, 'listen');
    const { reuseAddress, reusePort } = socket.options;
    const { address, port } = socket;
    const config = socket.options.configure(this.engine.config);
    const options = { address, port, backlog: limit, reuseAddress, reusePort, config };
    socket.listener = translated('listen', () => this.engine.listen(options, socket));
    this.engine.adjustListener(socket.listener, {
      deferAccept: retransmissionsToSeconds(socket.options.deferAccept) * MICROSECONDS_PER_SECOND,
      fastOpenQueue: socket.options.stored.get('TCP_FASTOPEN') ?? config.tfoQueue,
    });
    socket.tcb = null;
    socket.error = null;
  }

  /** The oldest connection that waits and the socket made for it, which has no descriptor yet. */
  accept(parent: PosixSocket, flags: number): { socket: PosixSocket; tcb: Tcb } {
    if (parent.listener === null) return fail('EINVAL', 'accept');
    const socket = new PosixSocket();
    const tcb = this.engine.accept(parent.listener, socket);
    if (tcb === null) return fail('EAGAIN', 'accept');
    socket.options = parent.options.clone();
    socket.tcb = tcb;
    socket.progress = 'connected';
    socket.address = tcb.localAddress;
    socket.port = tcb.localPort;
    if ((flags & SOCK_CLOEXEC) !== 0) socket.descriptorFlags = FD_CLOEXEC;
    if (!socket.closed) socket.options.apply(this.engine, tcb);
    this.bindings.add(socket);
    return { socket, tcb };
  }

  /** Always fails with EINPROGRESS when it has sent a SYN; `null` dissolves what there is. */
  connect(socket: PosixSocket, address: SocketAddress | null): void {
    if (address === null) {
      this.disconnect(socket);
      return;
    }
    if (socket.progress === 'connected' || socket.deferred !== null) fail('EISCONN', 'connect');
    if (socket.progress === 'connecting') {
      this.connectProgress(socket);
      return;
    }
    if (!socket.closed || socket.listener !== null) fail('EISCONN', 'connect');
    const peerAddress = toInt32(address.address, 'connect');
    const fastOpen = socket.options.stored.get('TCP_FASTOPEN_CONNECT') === 1;
    if (fastOpen && this.engine.hasFastOpenCookie(peerAddress)) {
      socket.deferred = address;
      return;
    }
    this.open(socket, address, fastOpen);
    fail('EINPROGRESS', 'connect');
  }

  /**
   * MSG_FASTOPEN: a connect whose SYN takes along what is sent next. Whether that may be sent now: without
   * a cookie of the server it has to wait for the handshake.
   */
  connectFast(socket: PosixSocket, address: SocketAddress): boolean {
    const { tfo } = this.engine.config;
    if (tfo !== 'client' && tfo !== 'on') fail('EOPNOTSUPP', 'sendto');
    if (socket.progress === 'connecting') fail('EALREADY', 'sendto');
    if (!socket.closed || socket.listener !== null) fail('EISCONN', 'sendto');
    this.open(socket, address, true);
    return this.engine.hasFastOpenCookie(toInt32(address.address, 'sendto'));
  }

  /** `how`: SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdown(socket: PosixSocket, how: number): void {
    if (!Number.isInteger(how) || how < SHUT_RD || how > SHUT_RDWR) fail('EINVAL', 'shutdown');
    const mask = how + 1;
    if (socket.listener !== null) {
      if ((mask & RCV_SHUTDOWN) !== 0) this.disconnect(socket);
      return;
    }
    if (socket.tcb?.state === 'SYN-SENT') {
      this.disconnect(socket);
      return;
    }
    const closed = socket.closed;
    socket.shutdown |= mask;
    if (closed) {
      this.notify(socket);
      fail('ENOTCONN', 'shutdown');
    }
    if ((mask & RCV_SHUTDOWN) !== 0) this.engine.shutRead(socket.tcb as Tcb);
    if ((mask & SEND_SHUTDOWN) !== 0) this.engine.shutdown(socket.tcb as Tcb);
    this.notify(socket);
  }

  /** Ends what there is, for the descriptor is gone. */
  close(socket: PosixSocket): void {
    this.bindings.remove(socket);
    socket.callback = null;
    if (socket.listener !== null) this.engine.closeListener(socket.listener);
    const tcb = socket.tcb;
    socket.tcb = null;
    if (tcb === null) return;
    const { onoff, linger } = socket.options.linger;
    const lingerless = socket.options.linger2 < 0 && tcb.state === 'FIN-WAIT-2';
    const hard = onoff !== 0 && linger === 0 && tcb.state !== 'CLOSED' && tcb.state !== 'TIME-WAIT';
    if (hard || lingerless) this.engine.abort(tcb);
    else this.engine.close(tcb);
  }

  private isLocal(address: number): boolean {
    return this.stack.addresses.some((own) => toInt32(own.split('/')[0] as string, 'bind') === address);
  }

  private bindTo(socket: PosixSocket, address: number, wanted: number, syscall: string): void {
    const port = wanted === 0 ? this.bindings.choosePort(socket, address) : wanted;
    if (port === 0 || (wanted !== 0 && this.bindings.conflicts(socket, address, port)))
      fail('EADDRINUSE', syscall);
    socket.address = address;
    socket.port = port;
    this.bindings.add(socket);
  }

  private open(socket: PosixSocket, address: SocketAddress, fastOpen: boolean): void {
    const options = {
      localAddress: socket.address,
      localPort: socket.port,
      peerAddress: toInt32(address.address, 'connect'),
      peerPort: checkPort(address.port, 'connect'),
      fastOpen,
      reuseAddress: socket.options.reuseAddress,
      config: socket.options.configure(this.engine.config),
    };
    let tcb: Tcb;
    try {
      tcb = translated('connect', () => this.engine.connect(options, socket));
    } catch (error) {
      // A four-tuple that exists, or no port left: Linux has one code for both.
      if (error instanceof PosixError && error.code === 'EADDRINUSE') fail('EADDRNOTAVAIL', 'connect');
      throw error;
    }
    socket.restart(tcb);
    this.bindings.add(socket);
    if (!socket.closed) socket.options.apply(this.engine, tcb);
  }

  /** A later connect while the first is under way, or after it was settled. */
  private connectProgress(socket: PosixSocket): void {
    if (socket.opening) fail('EALREADY', 'connect');
    const error = socket.takeError();
    if (socket.closed) {
      socket.progress = 'unconnected';
      this.unbind(socket);
      fail(error ?? 'ECONNABORTED', 'connect');
    }
    socket.progress = 'connected';
  }

  /** tcp_disconnect: whatever there is ends, the descriptor is as new but for its options. */
  private disconnect(socket: PosixSocket): void {
    if (socket.listener !== null) this.engine.closeListener(socket.listener);
    const tcb = socket.tcb;
    if (tcb !== null && !socket.closed) {
      const quiet = tcb.state === 'CLOSING' || tcb.state === 'LAST-ACK';
      if (quiet) this.engine.close(tcb);
      else this.engine.abort(tcb);
      socket.error = quiet ? socket.error : 'ECONNRESET';
    } else if (tcb !== null) {
      this.engine.close(tcb);
    }
    socket.listener = null;
    socket.tcb = null;
    socket.deferred = null;
    socket.shutdown = 0;
    socket.progress = 'unconnected';
    this.unbind(socket);
    this.notify(socket);
  }

  /** Forgets the address and port that `connect` or `listen` chose, not those of `bind`. */
  private unbind(socket: PosixSocket): void {
    if (!socket.addressLocked) socket.address = 0;
    if (socket.portLocked) return;
    socket.port = 0;
    this.bindings.remove(socket);
  }

  private notify(socket: PosixSocket): void {
    if (socket.callback !== null) socket.callback(socket.poll());
  }
}
