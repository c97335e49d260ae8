/** Keep-alives, RFC 9293 §3.8.4. */

import { REASON } from '../../base/reasons.ts';
import { fail, queueReset } from '../lifecycle.ts';
import type { Tcb } from '../tcb.ts';
import { PROBE_KEEPALIVE } from './retry.ts';
import { TIMER_KEEPALIVE } from './timer-table.ts';
import { armTimer } from './timers.ts';

/** The timer has expired: silence, or only an old deadline. */
export function keepAliveExpired(tcb: Tcb): void {
  const { user, retry } = tcb;
  const context = tcb.context;
  // MUST-26: only when nothing is outstanding, and nothing was received for the interval.
  if (tcb.inFlight.count > 0 || tcb.sendBuffer.length > 0) {
    armTimer(tcb, TIMER_KEEPALIVE, user.keepAliveIdle);
    return;
  }
  const silence = tcb.clock.now - tcb.tally.lastReceivedAt;
  if (silence < user.keepAliveIdle) {
    retry.probes = 0;
    armTimer(tcb, TIMER_KEEPALIVE, Math.max(1, user.keepAliveIdle - silence));
    return;
  }
  // MUST-29: one unanswered probe proves nothing.
  if (retry.probes >= user.keepAliveCount) {
    queueReset(context, tcb);
    fail(context, tcb, 'keep-alive death', 'keepalive', 'ETIMEDOUT');
    return;
  }
  retry.probes++;
  retry.probe = PROBE_KEEPALIVE;
  context.counters.count(REASON.TCP_KEEPALIVE_PROBE);
  context.markReady(tcb);
  armTimer(tcb, TIMER_KEEPALIVE, user.keepAliveInterval);
}
