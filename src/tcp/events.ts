/** What TCP tells its users in phase 3, and how they are reached. */

import type { Listener } from './listener.ts';
import type { Tcb } from './tcb.ts';

/** The connection reached ESTABLISHED. */
export const EVENT_OPENED = 0x01;
/** In-order bytes wait to be received. */
export const EVENT_READABLE = 0x02;
/** The peer's FIN was reached: after the bytes that wait comes the end. */
export const EVENT_PEER_CLOSED = 0x04;
/** The send buffer, full before, has room again. */
export const EVENT_WRITABLE = 0x08;
/** The connection failed: `tcb.error` says how. */
export const EVENT_FAILED = 0x10;
/** The connection is over, by whatever way; nothing comes after this. */
export const EVENT_CLOSED = 0x20;
/** Urgent data was announced or its end moved on (RFC 9293 §3.8.5, MUST-32). */
export const EVENT_URGENT = 0x40;
/** A soft error was noted (MUST-47): `tcb.softError`. */
export const EVENT_SOFT_ERROR = 0x80;
/** R1 was passed (SHLD-9): the peer has not answered for a while. */
export const EVENT_R1 = 0x100;
/** Everything sent so far, the FIN included, is acknowledged. */
export const EVENT_DRAINED = 0x200;

/** Who holds a connection. Called in phase 3 only; may make any call; may throw (phase 4 still runs). */
export interface ConnectionOwner {
  /** `events` is a set of EVENT_* bits. */
  connectionEvents(tcb: Tcb, events: number): void;
}

/** Who holds a listener. Called in phase 3 when the accept queue is not empty. */
export interface ListenerOwner {
  connectionsWaiting(listener: Listener): void;
}

/** Why a connection ended, for `conn:closed` and `closeReason`. */
export type CloseReason =
  | 'normal'
  | 'reset-by-peer'
  | 'reset-sent'
  | 'refused'
  | 'aborted'
  | 'timeout-r2'
  | 'user-timeout'
  | 'keepalive'
  | 'fin-wait-2-timeout'
  | 'timewait-done'
  | 'assassinated'
  | 'reused'
  | 'evicted'
  | 'unreachable';

/** The error codes that a connection can fail with: Node's and Linux's names. */
export type ErrorCode =
  | 'ECONNRESET'
  | 'ECONNREFUSED'
  | 'ECONNABORTED'
  | 'ETIMEDOUT'
  | 'EHOSTUNREACH'
  | 'ENETUNREACH'
  | 'EPIPE'
  | 'ENOTCONN'
  | 'EISCONN'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EINVAL'
  | 'ENOBUFS'
  | 'EACCES'
  | 'EPROTO';

/** A call that cannot be carried out. Thrown by the calls, never by the packet path. */
export class TcpError extends Error {
  override readonly name = 'TcpError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
