/** BSD sockets that never block, over one stack. Linux's semantics and numbers. */

import { seqDiff } from '../base/seq.ts';
import type { TcpEngine } from '../tcp/engine.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { type AcceptedSocket, checkPort, type SocketAddress, toInt32, toSocketAddress } from './address.ts';
import { Bindings } from './bindings.ts';
import {
  AF_INET,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  FIONBIO,
  IPPROTO_TCP,
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLHUP,
  POLLNVAL,
  SHUT_RD,
  SHUT_RDWR,
  SIOCATMARK,
  SIOCINQ,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOMAXCONN,
} from './constants.ts';
import { fail, PosixError, translated } from './errno.ts';
import { getOption, type OptionValue, setOption } from './option-table.ts';
import { retransmissionsToSeconds } from './options.ts';
import {
  PosixSocket,
  type PosixStack,
  RCV_SHUTDOWN,
  type ReadinessCallback,
  SEND_SHUTDOWN,
} from './socket.ts';
import { receiveBytes, sendBytes } from './transfer.ts';

/** Descriptors start above stdin, stdout and stderr. */
const FIRST_DESCRIPTOR = 3;
const MAX_DESCRIPTORS = 1_048_576;
const MICROSECONDS_PER_SECOND = 1_000_000;

/**
 * The calls. Each throws {@link PosixError} where Linux returns -1; none waits: what would block
 * fails with EAGAIN or EINPROGRESS, and {@link onReadiness} tells when to try again.
 */
export class Posix {
  private readonly stack: PosixStack;
  private readonly engine: TcpEngine;
  private readonly bindings: Bindings;
  private readonly sockets: (PosixSocket | null)[] = [];

  constructor(stack: PosixStack) {
    this.engine = stack.tcp;
    this.stack = stack;
    this.bindings = new Bindings(stack.tcp);
  }

  /** A new descriptor, the lowest free one from 3 on. Only AF_INET streams exist. */
  socket(domain = AF_INET, type: number = SOCK_STREAM, protocol = 0): number {
    if (domain !== AF_INET) return fail('EAFNOSUPPORT', 'socket');
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !== SOCK_STREAM) return fail('ESOCKTNOSUPPORT', 'socket');
    if (protocol !== 0 && protocol !== IPPROTO_TCP) return fail('EPROTONOSUPPORT', 'socket');
    const socket = new PosixSocket();
    if ((type & SOCK_CLOEXEC) !== 0) socket.descriptorFlags = FD_CLOEXEC;
    return this.install(socket, 'socket');
  }

  /** Gives the socket a local address (`0.0.0.0` = any) and port (0 = a free one). */
  bind(fd: number, address: SocketAddress): void {
    const socket = this.get(fd, 'bind');
    const local = toInt32(address.address, 'bind');
    const wanted = checkPort(address.port, 'bind');
    if (local !== 0 && !this.isLocal(local)) fail('EADDRNOTAVAIL', 'bind');
    if (!socket.closed || socket.listener !== null || socket.port !== 0) fail('EINVAL', 'bind');
    this.bindTo(socket, local, wanted, 'bind');
    socket.addressLocked = local !== 0;
    socket.portLocked = wanted !== 0;
  }

  /** Starts to listen; on a listening socket it changes the backlog only. */
  listen(fd: number, backlog: number = SOMAXCONN): void {
    this.run(fd, 'listen', (socket) => this.startListening(socket, backlog));
  }

  private startListening(socket: PosixSocket, backlog: number): void {
    // Linux reads a negative backlog as the largest.
    const limit = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog;
    if (socket.listener !== null) {
      socket.listener.backlog = limit;
      return;
    }
    if (socket.progress !== 'unconnected' || !socket.closed) fail('EINVAL', 'listen');
    if (socket.port === 0) this.bindTo(socket, socket.address, 0, 'listen');
    const { reuseAddress, reusePort } = socket.options;
    const { address, port } = socket;
    const config = socket.options.configure(this.engine.config);
    const options = { address, port, backlog: limit, reuseAddress, reusePort, config };
    socket.listener = translated('listen', () => this.engine.listen(options, socket));
    socket.listener.deferAccept =
      retransmissionsToSeconds(socket.options.deferAccept) * MICROSECONDS_PER_SECOND;
    socket.tcb = null;
    socket.error = null;
  }

  /** The oldest connection that waits; EAGAIN when none does. `flags` as of accept4. */
  accept(fd: number, flags = 0): AcceptedSocket {
    return this.run(fd, 'accept', (parent) => this.take(parent, flags));
  }

  private take(parent: PosixSocket, flags: number): AcceptedSocket {
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
    return { fd: this.install(socket, 'accept'), ...toSocketAddress(tcb.peerAddress, tcb.peerPort) };
  }

  /**
   * Starts a connection: EINPROGRESS, then EALREADY until it is settled, then 0 or its error once,
   * then EISCONN. `null` is AF_UNSPEC: dissolves what there is and leaves an unconnected socket.
   */
  connect(fd: number, address: SocketAddress | null): void {
    this.run(fd, 'connect', (socket) => this.startConnecting(socket, address));
  }

  private startConnecting(socket: PosixSocket, address: SocketAddress | null): void {
    if (address === null) {
      this.disconnect(socket);
      return;
    }
    if (socket.progress === 'connected') fail('EISCONN', 'connect');
    if (socket.progress === 'connecting') {
      this.connectProgress(socket);
      return;
    }
    if (!socket.closed || socket.listener !== null) fail('EISCONN', 'connect');
    const peerAddress = toInt32(address.address, 'connect');
    const peerPort = checkPort(address.port, 'connect');
    this.open(socket, peerAddress, peerPort);
    fail('EINPROGRESS', 'connect');
  }

  /** Like {@link recv} without flags. */
  read(fd: number, into: Uint8Array): number {
    return this.run(fd, 'read', (socket) => receiveBytes(this.engine, socket, into, 0, 'read'));
  }

  /** Like {@link send} without flags. */
  write(fd: number, bytes: Uint8Array): number {
    return this.run(fd, 'write', (socket) => sendBytes(this.engine, socket, bytes, 0, 'write'));
  }

  /** Bytes copied to the front of `into`; 0 after the peer's FIN. With MSG_TRUNC they are dropped instead. */
  recv(fd: number, into: Uint8Array, flags = 0): number {
    return this.run(fd, 'recv', (socket) => receiveBytes(this.engine, socket, into, flags, 'recv'));
  }

  /** Bytes taken, copied; fewer than given when the send buffer is full. */
  send(fd: number, bytes: Uint8Array, flags = 0): number {
    return this.run(fd, 'send', (socket) => sendBytes(this.engine, socket, bytes, flags, 'send'));
  }

  /** Half-close: SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdown(fd: number, how: number): void {
    this.run(fd, 'shutdown', (socket) => this.startShutdown(socket, how));
  }

  private startShutdown(socket: PosixSocket, how: number): void {
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
    if ((mask & SEND_SHUTDOWN) !== 0) this.engine.shutdown(socket.tcb as Tcb);
    this.notify(socket);
  }

  /** Gives the descriptor back. Unread data or SO_LINGER with 0 seconds reset the connection. */
  close(fd: number): void {
    this.run(fd, 'close', (socket) => this.release(fd, socket));
  }

  private release(fd: number, socket: PosixSocket): void {
    this.sockets[fd - FIRST_DESCRIPTOR] = null;
    this.bindings.remove(socket);
    socket.callback = null;
    if (socket.listener !== null) this.engine.closeListener(socket.listener);
    const tcb = socket.tcb;
    socket.tcb = null;
    if (tcb === null) return;
    const { onoff, linger } = socket.options.linger;
    const resets = onoff !== 0 && linger === 0 && tcb.state !== 'CLOSED' && tcb.state !== 'TIME-WAIT';
    if (resets) this.engine.abort(tcb);
    else this.engine.close(tcb);
  }

  getsockname(fd: number): SocketAddress {
    const socket = this.get(fd, 'getsockname');
    return toSocketAddress(socket.address, socket.port);
  }

  /** ENOTCONN before the handshake and after the end. */
  getpeername(fd: number): SocketAddress {
    const { tcb, closed } = this.get(fd, 'getpeername');
    if (tcb === null || closed || tcb.state === 'SYN-SENT') return fail('ENOTCONN', 'getpeername');
    return toSocketAddress(tcb.peerAddress, tcb.peerPort);
  }

  /** `level` and `name` as Linux's numbers or names: `('SOL_SOCKET', 'SO_ERROR')`, `(1, 4)`. */
  getsockopt(fd: number, level: number | string, name: number | string): OptionValue {
    return getOption({ socket: this.get(fd, 'getsockopt'), engine: this.engine }, level, name);
  }

  setsockopt(fd: number, level: number | string, name: number | string, value: OptionValue): void {
    this.run(fd, 'setsockopt', (socket) => setOption({ socket, engine: this.engine }, level, name, value));
  }

  /** F_GETFL, F_SETFL, F_GETFD, F_SETFD. The calls never block, whatever O_NONBLOCK says. */
  fcntl(fd: number, command: number, argument = 0): number {
    const socket = this.get(fd, 'fcntl');
    switch (command) {
      case F_GETFL:
        return socket.statusFlags;
      case F_SETFL:
        socket.statusFlags = O_RDWR | (argument & O_NONBLOCK);
        return 0;
      case F_GETFD:
        return socket.descriptorFlags;
      case F_SETFD:
        socket.descriptorFlags = argument & FD_CLOEXEC;
        return 0;
      default:
        return fail('EINVAL', 'fcntl');
    }
  }

  /** SIOCINQ: bytes to read. SIOCOUTQ: bytes not acknowledged. SIOCOUTQNSD: bytes not sent. */
  ioctl(fd: number, request: number, argument = 0): number {
    const socket = this.get(fd, 'ioctl');
    if (request === FIONBIO) {
      socket.statusFlags = O_RDWR | (argument !== 0 ? O_NONBLOCK : 0);
      return 0;
    }
    return queueLength(socket, request);
  }

  /** Linux's bits of what is ready now, those of `events` and POLLERR, POLLHUP; POLLNVAL for no socket. */
  poll(fd: number, events = -1): number {
    const socket = this.sockets[fd - FIRST_DESCRIPTOR];
    if (socket === undefined || socket === null) return POLLNVAL;
    return socket.poll() & (events | POLLERR | POLLHUP);
  }

  /** Calls `callback` with {@link poll}'s bits after anything has changed; `null` ends that. */
  onReadiness(fd: number, callback: ReadinessCallback | null): void {
    this.get(fd, 'poll').callback = callback;
  }

  /** The connection behind a descriptor, for those who look deeper; null when there is none. */
  connection(fd: number): Tcb | null {
    return this.get(fd, 'fstat').tcb;
  }

  /** Carries out a call that may have something to send; on a virtual clock it is sent at once. */
  private run<T>(fd: number, syscall: string, call: (socket: PosixSocket) => T): T {
    const socket = this.get(fd, syscall);
    try {
      return call(socket);
    } finally {
      this.stack.settle?.();
    }
  }

  private get(fd: number, syscall: string): PosixSocket {
    this.stack.refreshClock?.();
    return this.sockets[fd - FIRST_DESCRIPTOR] ?? fail('EBADF', syscall);
  }

  private install(socket: PosixSocket, syscall: string): number {
    const free = this.sockets.indexOf(null);
    const place = free >= 0 ? free : this.sockets.length;
    if (place >= MAX_DESCRIPTORS) fail('EMFILE', syscall);
    this.sockets[place] = socket;
    return place + FIRST_DESCRIPTOR;
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

  private open(socket: PosixSocket, peerAddress: number, peerPort: number): void {
    const options = {
      localAddress: socket.address,
      localPort: socket.port,
      peerAddress,
      peerPort,
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

/** The ioctls that ask how much is queued. */
function queueLength(socket: PosixSocket, request: number): number {
  if (socket.listener !== null) return fail('EINVAL', 'ioctl');
  if (!queueRequests.includes(request)) return fail('ENOTTY', 'ioctl');
  const tcb = socket.opening ? null : socket.tcb;
  if (tcb === null) return 0;
  if (request === SIOCINQ) return tcb.readable;
  if (request === SIOCATMARK) return Number(isAtMark(tcb));
  if (socket.closed) return 0;
  return request === SIOCOUTQ ? notAcknowledged(tcb) : notSent(tcb);
}

const queueRequests: readonly number[] = [SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK];

/** write_seq - snd_nxt. */
function notSent(tcb: Tcb): number {
  return tcb.unsent + Number(tcb.finQueued && !tcb.finSent);
}

/** The next byte to be read is the last urgent one. */
function isAtMark(tcb: Tcb): boolean {
  return tcb.rcv.urgent && seqDiff(tcb.rcv.up, tcb.rcv.nxt) + tcb.readable === 1;
}

/** SIOCOUTQ: write_seq - snd_una, a FIN included until it is acknowledged. */
function notAcknowledged(tcb: Tcb): number {
  return tcb.sendBuffer.length + Number(tcb.finQueued && !isFinAcknowledged(tcb));
}

function isFinAcknowledged(tcb: Tcb): boolean {
  return tcb.finSent && seqDiff(tcb.snd.una, tcb.snd.nxt) === 0;
}

/** The socket calls over `stack`. Descriptors of two of them are independent. */
export function createPosix(stack: PosixStack): Posix {
  return new Posix(stack);
}
