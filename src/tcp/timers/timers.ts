/** Arming and cancelling, with the trace told. The one way to touch a connection's timers. */

import { STATES } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { TABLE_TIMERS, TIMER_KEEPALIVE } from './timer-table.ts';

/** Arms `timer` (a TIMER_* code) to expire `after` µs from now; an armed one is restarted. */
export function armTimer(tcb: Tcb, timer: number, after: number): void {
  const timers = tcb.context.timers;
  if (tcb.trace === null) {
    timers.arm(tcb.row, timer, after);
    return;
  }
  const restarted = timers.isArmed(tcb.row, timer);
  timers.arm(tcb.row, timer, after);
  tcb.trace.timerSet(tcb, timer, restarted);
}

export function cancelTimer(tcb: Tcb, timer: number): void {
  const timers = tcb.context.timers;
  if (!timers.isArmed(tcb.row, timer)) return;
  timers.cancel(tcb.row, timer);
  if (tcb.trace !== null) tcb.trace.timerCancelled(tcb, timer);
}

export function isArmed(tcb: Tcb, timer: number): boolean {
  return tcb.row >= 0 && tcb.context.timers.isArmed(tcb.row, timer);
}

/** Whether `timer` expires in exactly `after` µs. */
export function isArmedFor(tcb: Tcb, timer: number, after: number): boolean {
  return tcb.row >= 0 && tcb.context.timers.deadline(tcb.row, timer) === tcb.clock.now + after;
}

/** Starts to wait for silence, RFC 9293 §3.8.4. */
export function armKeepAlive(tcb: Tcb): void {
  if (STATES[tcb.state].synchronized && tcb.row >= 0) armTimer(tcb, TIMER_KEEPALIVE, tcb.user.keepAliveIdle);
}

/** The user does not want keep-alives any more. */
export function stopKeepAlive(tcb: Tcb): void {
  if (tcb.row >= 0) cancelTimer(tcb, TIMER_KEEPALIVE);
  tcb.retry.probes = 0;
}

/** The connection is over: whoever watches is told of each timer that was still armed. */
export function cancelAllTimers(tcb: Tcb): void {
  for (let timer = 0; timer < TABLE_TIMERS; timer++) cancelTimer(tcb, timer);
}
