/** send and recv, as tcp_sendmsg and tcp_recvmsg do them on a socket that never blocks. */

import type { TcpEngine } from '../tcp/engine.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { MSG_MORE, MSG_OOB, MSG_PEEK, MSG_TRUNC } from './constants.ts';
import { fail, translated } from './errno.ts';
import { type PosixSocket, RCV_SHUTDOWN, SEND_SHUTDOWN } from './socket.ts';

/** Bytes taken, at least one unless `bytes` is empty. */
export function sendBytes(
  engine: TcpEngine,
  socket: PosixSocket,
  bytes: Uint8Array,
  flags: number,
  syscall: string,
): number {
  const tcb = sendable(socket, syscall);
  if (bytes.length === 0) return 0;
  if ((flags & MSG_MORE) !== 0 && !socket.more) {
    socket.more = true;
    engine.setCork(tcb, true);
  }
  const taken = translated(syscall, () => engine.send(tcb, bytes, 0, bytes.length));
  if ((flags & MSG_OOB) !== 0 && taken === bytes.length) engine.sendUrgent(tcb);
  if ((flags & MSG_MORE) === 0 && socket.more) {
    socket.more = false;
    engine.setCork(tcb, socket.options.cork);
  }
  return taken > 0 ? taken : fail('EAGAIN', syscall);
}

function sendable(socket: PosixSocket, syscall: string): Tcb {
  const error = socket.takeError();
  if (error !== null) return fail(error, syscall);
  if (socket.opening) return fail('EAGAIN', syscall);
  const tcb = socket.tcb;
  if (tcb === null || (socket.shutdownMask & SEND_SHUTDOWN) !== 0) return fail('EPIPE', syscall);
  const open =
    tcb.state === 'ESTABLISHED' || tcb.state === 'CLOSE-WAIT' || tcb.handshake.fastOpenListener !== null;
  if (!open) return fail('EPIPE', syscall);
  return tcb;
}

/** Bytes copied to the front of `into` (or dropped, with MSG_TRUNC); 0 at the end. */
export function receiveBytes(
  engine: TcpEngine,
  socket: PosixSocket,
  into: Uint8Array,
  flags: number,
  syscall: string,
): number {
  if (socket.listener !== null) return fail('ENOTCONN', syscall);
  // Urgent data stays in line: there is none out of band.
  if ((flags & MSG_OOB) !== 0) return fail('EINVAL', syscall);
  const tcb = socket.tcb;
  if (into.length === 0) return 0;
  if (tcb !== null && tcb.readable > 0) return take(engine, tcb, into, flags);
  if (socket.done) return 0;
  const error = socket.takeError();
  if (error !== null) return fail(error, syscall);
  if ((socket.shutdownMask & RCV_SHUTDOWN) !== 0) return 0;
  return fail(socket.closed ? 'ENOTCONN' : 'EAGAIN', syscall);
}

function take(engine: TcpEngine, tcb: Tcb, into: Uint8Array, flags: number): number {
  // A read ends before the urgent byte, so that the application learns where it is (MUST-33).
  const urgent = engine.urgentRemaining(tcb);
  const length = Math.min(into.length, tcb.readable, urgent > 1 ? urgent - 1 : Infinity);
  const peeks = (flags & MSG_PEEK) !== 0;
  if ((flags & MSG_TRUNC) !== 0) {
    if (!peeks) engine.discard(tcb, length);
    return length;
  }
  return peeks ? engine.peek(tcb, into, 0, length, 0) : engine.receiveInto(tcb, into, 0, length);
}
