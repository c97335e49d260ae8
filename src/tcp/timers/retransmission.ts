/** The retransmission timer, RFC 6298 §5, and how long to go on, RFC 9293 §3.8.3. */

import { REASON } from '../../base/reasons.ts';
import { EVENT_R1 } from '../events.ts';
import { fail } from '../lifecycle.ts';
import { timeoutExpired } from '../recovery/newreno.ts';
import type { Tcb } from '../tcb.ts';
import { TIMER_PERSIST, TIMER_RTO, TIMER_USER } from './timer-table.ts';
import { armTimer, cancelTimer, isArmed } from './timers.ts';

/** R1, RFC 9293 §3.8.3 (SHLD-10). */
const R1 = 3;

/** Something that occupies sequence space was sent: RFC 6298 §5.1. */
export function segmentSent(tcb: Tcb): void {
  if (isArmed(tcb, TIMER_PERSIST)) cancelTimer(tcb, TIMER_PERSIST);
  if (isArmed(tcb, TIMER_RTO)) return;
  armTimer(tcb, TIMER_RTO, tcb.rtt.backedOff(tcb.backoff, tcb.config));
  if (tcb.userTimeout > 0 && !isArmed(tcb, TIMER_USER)) armTimer(tcb, TIMER_USER, tcb.userTimeout);
}

/** SND.UNA has moved: RFC 6298 §5.2, §5.3. `restart` is false for later partial ACKs. */
export function progressMade(tcb: Tcb, restart: boolean): void {
  tcb.retries = 0;
  tcb.probes = 0;
  tcb.persistBackoff = 0;
  tcb.r1Told = false;
  if (tcb.inFlight.count === 0) {
    cancelTimer(tcb, TIMER_RTO);
    // Data that a closed window holds back goes on waiting for its user.
    if (tcb.userTimeout > 0 && tcb.sendBuffer.length > 0) armTimer(tcb, TIMER_USER, tcb.userTimeout);
    else cancelTimer(tcb, TIMER_USER);
    return;
  }
  if (restart || !isArmed(tcb, TIMER_RTO))
    armTimer(tcb, TIMER_RTO, tcb.rtt.backedOff(tcb.backoff, tcb.config));
  if (tcb.userTimeout > 0) armTimer(tcb, TIMER_USER, tcb.userTimeout);
}

/** The timer has expired: RFC 6298 §5.4 to §5.6. */
export function retransmissionExpired(tcb: Tcb): void {
  const context = tcb.context;
  if (tcb.inFlight.count === 0) {
    cancelTimer(tcb, TIMER_RTO);
    return;
  }
  // A user timeout takes the place of the count (MUST-21): shorter, longer, or without end.
  if (tcb.userTimeout === 0 && tcb.retries >= retriesAllowed(tcb)) {
    giveUp(tcb, 'timeout-r2');
    return;
  }
  context.counters.count(REASON.TCP_RTO);
  const first = tcb.retries === 0;
  tcb.retries++;
  tcb.backoff++;
  if (tcb.state === 'SYN-SENT' || tcb.state === 'SYN-RECEIVED') tcb.synRetransmitted++;
  if (tcb.retries === R1 && !tcb.r1Told) {
    tcb.r1Told = true;
    context.queueEvent(tcb, EVENT_R1);
  }
  timeoutExpired(tcb, first);
  armTimer(tcb, TIMER_RTO, tcb.rtt.backedOff(tcb.backoff, tcb.config));
  context.markReady(tcb);
}

/** R2 as a count. */
function retriesAllowed(tcb: Tcb): number {
  const config = tcb.config;
  switch (tcb.state) {
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      // Passive opens are compact records: this one is an active open whose SYN has crossed the peer's.
      return config.retriesSyn;
    default:
      return tcb.orphan ? Math.min(config.retriesOrphan, config.retriesData) : config.retriesData;
  }
}

/** R2 or the user timeout has passed: the peer is not told, it does not listen. */
export function giveUp(tcb: Tcb, reason: 'timeout-r2' | 'user-timeout'): void {
  fail(tcb.context, tcb, 'USER TIMEOUT', reason, tcb.softError ?? 'ETIMEDOUT');
}
