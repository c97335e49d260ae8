/** The retransmission timer, RFC 6298 §5, and how long to go on, RFC 9293 §3.8.3. */

import { REASON } from '../../base/reasons.ts';
import { EVENT_R1 } from '../events.ts';
import { fail } from '../lifecycle.ts';
import { timedOutAgain } from '../path-mtu.ts';
import { reorderingExpired } from '../recovery/sack-recovery.ts';
import { probeExpired, probeIsPossible, probeTimeout } from '../recovery/tail-loss-probe.ts';
import { timeoutExpired } from '../recovery/timeout.ts';
import type { Tcb } from '../tcb.ts';
import { TIMER_PERSIST, TIMER_RACK, TIMER_RTO, TIMER_TLP, TIMER_USER } from './timer-table.ts';
import { armTimer, cancelTimer, isArmed, isArmedFor } from './timers.ts';

/** R1, RFC 9293 §3.8.3 (SHLD-10). */
const R1 = 3;

/** Something that occupies sequence space was sent: RFC 6298 §5.1. */
export function segmentSent(tcb: Tcb): void {
  const { user } = tcb;
  if (isArmed(tcb, TIMER_PERSIST)) cancelTimer(tcb, TIMER_PERSIST);
  if (isArmed(tcb, TIMER_TLP)) armProbe(tcb);
  else if (!isArmed(tcb, TIMER_RTO) && !isArmed(tcb, TIMER_RACK)) setLossTimer(tcb, true);
  if (user.userTimeout > 0 && !isArmed(tcb, TIMER_USER)) armTimer(tcb, TIMER_USER, user.userTimeout);
}

/** SND.UNA has moved: RFC 6298 §5.2, §5.3. `restart` is false for later partial ACKs. */
export function progressMade(tcb: Tcb, restart: boolean): void {
  const { retry, user } = tcb;
  retry.retries = 0;
  retry.probes = 0;
  retry.persistBackoff = 0;
  retry.r1Told = false;
  setLossTimer(tcb, restart);
  if (tcb.inFlight.count === 0) {
    // Data that a closed window holds back goes on waiting for its user.
    if (user.userTimeout > 0 && tcb.sendBuffer.length > 0) armTimer(tcb, TIMER_USER, user.userTimeout);
    else cancelTimer(tcb, TIMER_USER);
    return;
  }
  if (user.userTimeout > 0) armTimer(tcb, TIMER_USER, user.userTimeout);
}

/**
 * One of the three timers that find losses runs while anything is in flight (RFC 8985 §8): the
 * reordering timer while something is late, the probe's while all is calm, else the retransmission
 * timer. `restart`: the time until the retransmission timer begins anew (RFC 6298 §5.1, §5.3).
 */
export function setLossTimer(tcb: Tcb, restart: boolean): void {
  const { recovery, clock } = tcb;
  if (tcb.inFlight.count === 0 && !tcb.ecn.waiting) {
    only(tcb, -1);
    return;
  }
  if (restart) recovery.rtoAt = clock.now + tcb.rtt.backedOff(tcb.retry.backoff, tcb.config);
  const lostAt = recovery.rack === null ? 0 : recovery.rack.lostAt;
  if (lostAt > 0) {
    only(tcb, TIMER_RACK);
    armTimer(tcb, TIMER_RACK, Math.max(0, lostAt - clock.now));
  } else if (probeIsPossible(tcb)) {
    only(tcb, TIMER_TLP);
    if (restart || !isArmed(tcb, TIMER_TLP)) armProbe(tcb);
  } else {
    only(tcb, TIMER_RTO);
    if (restart || !isArmed(tcb, TIMER_RTO))
      armTimer(tcb, TIMER_RTO, Math.max(0, recovery.rtoAt - clock.now));
  }
}

/** RFC 8985 §7.2: from what was sent last, or from the last ACK with news. */
function armProbe(tcb: Tcb): void {
  const untilTimeout = tcb.recovery.rtoAt - tcb.clock.now;
  const wait = Math.max(0, Math.min(probeTimeout(tcb), untilTimeout));
  // Every segment of a turn asks for the same.
  if (!isArmedFor(tcb, TIMER_TLP, wait)) armTimer(tcb, TIMER_TLP, wait);
}

/** Cancels the others of the three; -1: all. */
function only(tcb: Tcb, timer: number): void {
  for (let other = TIMER_RTO; other <= TIMER_RACK; other++) if (other !== timer) cancelTimer(tcb, other);
}

/** The reordering timer has expired, or the probe's: the retransmission timer runs again, from the start. */
export function lossTimerExpired(tcb: Tcb, timer: number): void {
  if (timer === TIMER_RACK) {
    reorderingExpired(tcb);
    setLossTimer(tcb, true);
    return;
  }
  probeExpired(tcb);
  const rto = tcb.rtt.backedOff(tcb.retry.backoff, tcb.config);
  tcb.recovery.rtoAt = tcb.clock.now + rto;
  if (tcb.inFlight.count > 0) armTimer(tcb, TIMER_RTO, rto);
}

/** The timer has expired: RFC 6298 §5.4 to §5.6. */
export function retransmissionExpired(tcb: Tcb): void {
  const { ecn, retry } = tcb;
  const context = tcb.context;
  if (ecn.waiting) {
    ecn.waiting = false;
    context.markReady(tcb);
  }
  if (tcb.inFlight.count === 0) {
    cancelTimer(tcb, TIMER_RTO);
    return;
  }
  // A user timeout takes the place of the count (MUST-21): shorter, longer, or without end.
  if (tcb.user.userTimeout === 0 && retry.retries >= retriesAllowed(tcb)) {
    giveUp(tcb, 'timeout-r2');
    return;
  }
  context.counters.count(REASON.TCP_RTO);
  const first = retry.retries === 0;
  retry.retries++;
  retry.backoff++;
  if (tcb.state === 'SYN-SENT' || tcb.state === 'SYN-RECEIVED') tcb.handshake.synRetransmitted++;
  if (retry.retries === R1 && !retry.r1Told) {
    retry.r1Told = true;
    context.queueEvent(tcb, EVENT_R1);
  }
  timeoutExpired(tcb, first);
  timedOutAgain(tcb);
  setLossTimer(tcb, true);
  context.markReady(tcb);
}

/** R2 as a count. */
function retriesAllowed(tcb: Tcb): number {
  const config = tcb.config;
  switch (tcb.state) {
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      if (tcb.handshake.fastOpenListener !== null) return config.retriesSynAck;
      // Other passive opens are compact records: this one is an active open whose SYN has crossed the peer's.
      return config.retriesSyn;
    default:
      return tcb.orphan ? Math.min(config.retriesOrphan, config.retriesData) : config.retriesData;
  }
}

/** R2 or the user timeout has passed: the peer is not told, it does not listen. */
export function giveUp(tcb: Tcb, reason: 'timeout-r2' | 'user-timeout'): void {
  fail(tcb.context, tcb, 'USER TIMEOUT', reason, tcb.softError ?? 'ETIMEDOUT');
}
