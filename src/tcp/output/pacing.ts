/**
 * Pacing: what the window lets out is spread over the round trip instead of leaving at once. Coarse, since a
 * timer is no finer than a millisecond: as much goes together as that time is worth.
 */

import type { Tcb } from '../tcb.ts';
import { TIMER_PACING } from '../timers/timer-table.ts';
import { armTimer, isArmed } from '../timers/timers.ts';

/** What goes together, as time, µs. */
const QUANTUM = 1_000;
/** How late a timer may be without a loss of rate, µs. */
const CATCH_UP = 2 * QUANTUM;
/** Times cwnd per SRTT, so that the window stays what limits: it doubles in slow start. */
const IN_SLOW_START = 2;
const IN_AVOIDANCE = 1.2;

function isPaced(tcb: Tcb): boolean {
  return tcb.config.pacing && tcb.rtt.srtt > 0;
}

/** Bytes per µs. */
function rate(tcb: Tcb): number {
  const { cwnd, ssthresh } = tcb.congestion;
  return ((cwnd < ssthresh ? IN_SLOW_START : IN_AVOIDANCE) * cwnd) / tcb.rtt.srtt;
}

/** Most that may leave together now, bytes; 0 = wait: the timer is set. */
export function pacedLimit(tcb: Tcb): number {
  const { snd } = tcb;
  if (!isPaced(tcb)) return Infinity;
  const wait = snd.paceAt - tcb.clock.now;
  if (wait <= 0) return Math.max(snd.mss, rate(tcb) * QUANTUM);
  if (!isArmed(tcb, TIMER_PACING)) armTimer(tcb, TIMER_PACING, wait);
  return 0;
}

/** `bytes` have left. */
export function paced(tcb: Tcb, bytes: number): void {
  const { snd } = tcb;
  if (!isPaced(tcb)) return;
  snd.paceAt = Math.max(snd.paceAt, tcb.clock.now - CATCH_UP) + bytes / rate(tcb);
}
