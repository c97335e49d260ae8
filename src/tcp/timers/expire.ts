/** Phase 2: every timer that is due, RFC 9293 §3.10.8. Changes blocks; sends nothing. */

import type { TcpContext } from '../context.ts';
import { release } from '../lifecycle.ts';
import type { Tcb } from '../tcb.ts';
import { transition, transitionFromAny } from '../transitions.ts';
import { keepAliveExpired } from './keep-alive.ts';
import { persistExpired } from './persist.ts';
import { giveUp, lossTimerExpired, retransmissionExpired } from './retransmission.ts';
import {
  TABLE_TIMERS,
  TIMER_DELAYED_ACK,
  TIMER_FIN_WAIT_2,
  TIMER_KEEPALIVE,
  TIMER_PACING,
  TIMER_PERSIST,
  TIMER_RACK,
  TIMER_RTO,
  TIMER_SYN_ACK,
  TIMER_TIME_WAIT,
  TIMER_TLP,
  TIMER_USER,
} from './timer-table.ts';

export function expireTimers(context: TcpContext): void {
  for (let row = context.timers.takeExpired(); row >= 0; row = context.timers.takeExpired()) {
    expireRow(context, context.timed[row] as Tcb, row);
  }
  expireSynReceived(context);
  expireTimeWait(context);
}

/** The exact next deadline, µs, or NEVER. */
export function nextDeadline(context: TcpContext): number {
  return Math.min(context.timers.settle(), context.synReceived.nextDeadline, context.timeWait.nextDeadline);
}

function expireRow(context: TcpContext, tcb: Tcb, row: number): void {
  const now = context.clock.now;
  for (let timer = 0; timer < TABLE_TIMERS && tcb.row === row; timer++) {
    if (context.timers.deadline(row, timer) > now) continue;
    context.timers.cancel(row, timer);
    if (context.trace !== null) context.trace.timerFired(tcb, timer);
    timerExpired(tcb, timer);
  }
}

function timerExpired(tcb: Tcb, timer: number): void {
  const { acking } = tcb;
  const context = tcb.context;
  switch (timer) {
    case TIMER_RTO:
      retransmissionExpired(tcb);
      break;
    case TIMER_TLP:
    case TIMER_RACK:
      lossTimerExpired(tcb, timer);
      break;
    case TIMER_PERSIST:
      persistExpired(tcb);
      break;
    case TIMER_DELAYED_ACK:
      acking.ackNow = true;
      acking.ackWasDelayed = true;
      context.markReady(tcb);
      break;
    case TIMER_KEEPALIVE:
      keepAliveExpired(tcb);
      break;
    case TIMER_FIN_WAIT_2:
      transition(tcb, 'FIN-WAIT-2', 'Timeout=FIN-WAIT-2', 'CLOSED');
      release(context, tcb, 'fin-wait-2-timeout');
      break;
    case TIMER_PACING:
      context.markReady(tcb);
      break;
    case TIMER_USER:
      giveUp(tcb, 'user-timeout');
      break;
    default:
      break;
  }
}

/** SYN,ACKs without an answer: again, or the record is given up (SF-01). */
function expireSynReceived(context: TcpContext): void {
  const records = context.synReceived;
  while (records.nextDeadline <= context.clock.now) {
    const tcb = context.blockOf(records.flowOf(records.first()));
    if (context.trace !== null) context.trace.timerFired(tcb, TIMER_SYN_ACK);
    if (tcb.retry.recordCount >= tcb.config.retriesSynAck) {
      transitionFromAny(tcb, 'USER TIMEOUT');
      release(context, tcb, 'timeout-r2');
      continue;
    }
    tcb.retry.recordCount++;
    const backOff = Math.min(tcb.config.rtoMax, tcb.config.rtoInitial * 2 ** tcb.retry.recordCount);
    tcb.retry.recordDeadline = context.clock.now + backOff;
    tcb.handshake.synOwed = true;
    if (context.trace !== null) context.trace.timerSet(tcb, TIMER_SYN_ACK, false);
    context.markReady(tcb);
    context.packRecord(tcb);
  }
}

function expireTimeWait(context: TcpContext): void {
  const records = context.timeWait;
  while (records.nextDeadline <= context.clock.now) {
    const tcb = context.blockOf(records.flowOf(records.first()));
    if (context.trace !== null) context.trace.timerFired(tcb, TIMER_TIME_WAIT);
    transition(tcb, 'TIME-WAIT', 'Timeout=2MSL', 'CLOSED');
    release(context, tcb, 'timewait-done');
  }
}
