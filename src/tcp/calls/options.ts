/** What a user may change about an open connection. Times are µs, sizes bytes. */

import type { Listener } from '../listener.ts';
import type { Tcb } from '../tcb.ts';
import { TIMER_USER } from '../timers/timer-table.ts';
import { armKeepAlive, armTimer, cancelTimer, stopKeepAlive } from '../timers/timers.ts';

/** Nagle's algorithm off (MUST-17). What it held back goes out. */
export function setNoDelay(tcb: Tcb, on: boolean): void {
  tcb.user.noDelay = on;
  if (on) tcb.context.markReady(tcb);
}

/** Full segments only, until uncorked or closed: then the FIN goes with the rest. */
export function setCork(tcb: Tcb, on: boolean): void {
  tcb.user.cork = on;
  if (!on) tcb.context.markReady(tcb);
}

export interface KeepAliveOptions {
  readonly on: boolean;
  /** µs of silence before the first probe; absent = as it was. */
  readonly idle?: number;
  readonly interval?: number;
  readonly count?: number;
}

/** MUST-24, MUST-27. */
export function setKeepAlive(tcb: Tcb, options: KeepAliveOptions): void {
  const { user } = tcb;
  if (options.idle !== undefined) user.keepAliveIdle = options.idle;
  if (options.interval !== undefined) user.keepAliveInterval = options.interval;
  if (options.count !== undefined) user.keepAliveCount = options.count;
  user.keepAlive = options.on;
  if (options.on) armKeepAlive(tcb);
  else stopKeepAlive(tcb);
}

/** R2 as a time (MUST-21); 0 = by the number of retries. */
export function setUserTimeout(tcb: Tcb, timeout: number): void {
  tcb.user.userTimeout = timeout;
  if (tcb.row < 0) return;
  if (timeout === 0) cancelTimer(tcb, TIMER_USER);
  else if (tcb.inFlight.count > 0) armTimer(tcb, TIMER_USER, timeout);
}

/** SO_RCVBUF and SO_SNDBUF: fixed from now on; 0 = as it was. The right edge offered does not move back. */
export function setBuffers(tcb: Tcb, receive: number, send: number): void {
  const { limits } = tcb;
  if (receive > 0) {
    limits.receive = receive;
    limits.receiveFixed = true;
  }
  if (send > 0) {
    limits.send = send;
    limits.sendFixed = true;
  }
  tcb.context.markReady(tcb);
}

/** Everything queued so far is urgent: SND.UP is one past it (MUST-62). */
export function markUrgent(tcb: Tcb): void {
  const { snd } = tcb;
  snd.up = tcb.sendBuffer.end;
  snd.urgent = true;
  tcb.context.markReady(tcb);
}

/** Acknowledge at once from now on, for a while. */
export function setQuickAck(tcb: Tcb): void {
  const { acking } = tcb;
  acking.quickAcks = 16;
  if (acking.segmentsSinceAck > 0) acking.ackNow = true;
  tcb.context.markReady(tcb);
}

/** What a socket may set of a connection without more ado. */
export interface Adjustments {
  readonly reuseAddress?: boolean;
  readonly quickAcks?: number;
  /** µs. */
  readonly finWait2?: number;
}

export function adjust(tcb: Tcb, { reuseAddress, quickAcks, finWait2 }: Adjustments): void {
  if (reuseAddress !== undefined) tcb.reuseAddress = reuseAddress;
  if (quickAcks !== undefined) tcb.acking.quickAcks = quickAcks;
  if (finWait2 !== undefined) tcb.config = { ...tcb.config, finWait2 };
}

/** The same of a listener. */
export interface ListenerAdjustments {
  readonly backlog?: number;
  readonly reuseAddress?: boolean;
  /** µs. */
  readonly deferAccept?: number;
  readonly fastOpenQueue?: number;
}

export function adjustListener(listener: Listener, changes: ListenerAdjustments): void {
  listener.backlog = changes.backlog ?? listener.backlog;
  listener.reuseAddress = changes.reuseAddress ?? listener.reuseAddress;
  listener.deferAccept = changes.deferAccept ?? listener.deferAccept;
  listener.fastOpenQueue = changes.fastOpenQueue ?? listener.fastOpenQueue;
}
