/** BSD sockets that never block, over one stack. Linux's semantics and numbers. */

import { seqDiff } from '../base/seq.ts';
import type { TcpEngine } from '../tcp/engine.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { type AcceptedSocket, type SocketAddress, toSocketAddress } from './address.ts';
import {
  AF_INET,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  FIONBIO,
  IPPROTO_TCP,
  MSG_FASTOPEN,
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLHUP,
  POLLNVAL,
  SIOCATMARK,
  SIOCINQ,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOMAXCONN,
} from './constants.ts';
import { fail } from './errno.ts';
import { SocketLifecycle } from './lifecycle.ts';
import { getOption, type OptionValue, setOption } from './option-table.ts';
import { PosixSocket, type PosixStack, type ReadinessCallback } from './socket.ts';
import { receiveBytes, sendBytes } from './transfer.ts';

/** Descriptors start above stdin, stdout and stderr. */
const FIRST_DESCRIPTOR = 3;
const MAX_DESCRIPTORS = 1_048_576;

/**
 * The calls. Each throws a `PosixError` where Linux returns -1; none waits: what would block
 * fails with EAGAIN or EINPROGRESS, and {@link onReadiness} tells when to try again.
 */
export class Posix {
  private readonly stack: PosixStack;
  private readonly engine: TcpEngine;
  private readonly lifecycle: SocketLifecycle;
  private readonly sockets: (PosixSocket | null)[] = [];

  constructor(stack: PosixStack) {
    this.engine = stack.tcp;
    this.stack = stack;
    this.lifecycle = new SocketLifecycle(stack);
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
    this.lifecycle.bind(this.get(fd, 'bind'), address);
  }

  /** Starts to listen; on a listening socket it changes the backlog only. */
  listen(fd: number, backlog: number = SOMAXCONN): void {
    this.run(fd, 'listen', (socket) => this.lifecycle.listen(socket, backlog));
  }

  /** The oldest connection that waits; EAGAIN when none does. `flags` as of accept4. */
  accept(fd: number, flags = 0): AcceptedSocket {
    return this.run(fd, 'accept', (listening) => {
      const { socket, tcb } = this.lifecycle.accept(listening, flags);
      return { fd: this.install(socket, 'accept'), ...toSocketAddress(tcb.peerAddress, tcb.peerPort) };
    });
  }

  /**
   * Starts a connection: EINPROGRESS, then EALREADY until it is settled, then 0 or its error once,
   * then EISCONN. `null` is AF_UNSPEC: dissolves what there is and leaves an unconnected socket.
   */
  connect(fd: number, address: SocketAddress | null): void {
    this.run(fd, 'connect', (socket) => this.lifecycle.connect(socket, address));
  }

  /** Like {@link recv} without flags. */
  read(fd: number, into: Uint8Array): number {
    return this.run(fd, 'read', (socket) => receiveBytes(this.engine, socket, into, 0, 'read'));
  }

  /** Like {@link send} without flags. */
  write(fd: number, bytes: Uint8Array): number {
    return this.run(fd, 'write', (socket) => this.sendOrConnect(socket, bytes, 0, 'write'));
  }

  /** Bytes copied to the front of `into`; 0 after the peer's FIN. With MSG_TRUNC they are dropped instead. */
  recv(fd: number, into: Uint8Array, flags = 0): number {
    return this.run(fd, 'recv', (socket) => receiveBytes(this.engine, socket, into, flags, 'recv'));
  }

  /** Bytes taken, copied; fewer than given when the send buffer is full. */
  send(fd: number, bytes: Uint8Array, flags = 0): number {
    return this.run(fd, 'send', (socket) => this.sendOrConnect(socket, bytes, flags, 'send'));
  }

  /**
   * Like {@link send}, on a connected socket. With MSG_FASTOPEN it connects first, and `bytes` go out in
   * the SYN when the peer has given a cookie before (RFC 7413): they may be delivered twice. Without one:
   * EINPROGRESS, a SYN that asks for one, and `bytes` are to be sent after the handshake.
   */
  sendto(fd: number, bytes: Uint8Array, flags: number, address: SocketAddress | null): number {
    return this.run(fd, 'sendto', (socket) => {
      if ((flags & MSG_FASTOPEN) === 0) return sendBytes(this.engine, socket, bytes, flags, 'sendto');
      if (address === null) return fail('EINVAL', 'sendto');
      return this.sendFast(socket, address, bytes);
    });
  }

  /** Half-close: SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdown(fd: number, how: number): void {
    this.run(fd, 'shutdown', (socket) => this.lifecycle.shutdown(socket, how));
  }

  /** Gives the descriptor back. Unread data or SO_LINGER with 0 seconds reset the connection. */
  close(fd: number): void {
    this.run(fd, 'close', (socket) => {
      this.sockets[fd - FIRST_DESCRIPTOR] = null;
      this.lifecycle.close(socket);
    });
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

  private sendOrConnect(socket: PosixSocket, bytes: Uint8Array, flags: number, syscall: string): number {
    if (socket.deferred !== null) return this.sendFast(socket, socket.deferred, bytes);
    return sendBytes(this.engine, socket, bytes, flags, syscall);
  }

  private sendFast(socket: PosixSocket, address: SocketAddress, bytes: Uint8Array): number {
    const now = this.lifecycle.connectFast(socket, address);
    return now ? this.engine.send(socket.tcb as Tcb, bytes, 0, bytes.length) : fail('EINPROGRESS', 'sendto');
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
