/** Zero-window probes, RFC 9293 §3.8.6.1, and the sender's silly-window override, §3.8.6.2.1. */

import { REASON } from '../../base/reasons.ts';
import { EVENT_WRITABLE } from '../events.ts';
import type { Tcb } from '../tcb.ts';
import { giveUp } from './retransmission.ts';
import { PROBE_OVERRIDE, PROBE_PERSIST } from './retry.ts';
import { TIMER_PERSIST, TIMER_USER } from './timer-table.ts';
import { armTimer, cancelTimer, isArmed } from './timers.ts';

/** The override timeout lies between 0.1 and 1 s. */
const OVERRIDE_MIN = 100_000;
const OVERRIDE_MAX = 1_000_000;

/** There is something to send, nothing in flight, and the window or the silly-window rules forbid it. */
export function armPersist(tcb: Tcb): void {
  const { rtt } = tcb;
  if (isArmed(tcb, TIMER_PERSIST)) return;
  if (tcb.snd.wnd === 0) {
    // First after one RTO (SHLD-29), then further and further apart (SHLD-30).
    armTimer(tcb, TIMER_PERSIST, rtt.backedOff(tcb.retry.persistBackoff, tcb.config));
  } else {
    armTimer(tcb, TIMER_PERSIST, Math.min(OVERRIDE_MAX, Math.max(OVERRIDE_MIN, rtt.rto)));
  }
}

/**
 * Answered probes set `probes` back: only silence counts (MUST-37). Without a user behind it the
 * connection ends whatever the peer answers, or a peer could pin it for ever (C09).
 */
function probesAreUp(tcb: Tcb): boolean {
  const { retry } = tcb;
  const { retriesOrphan, retriesData } = tcb.config;
  if (!tcb.orphan) return retry.probes >= retriesData;
  return retry.probes >= Math.min(retriesOrphan, retriesData) || retry.persistBackoff >= retriesData;
}

export function persistExpired(tcb: Tcb): void {
  const { limits, retry, user } = tcb;
  const context = tcb.context;
  cancelTimer(tcb, TIMER_PERSIST);
  if (tcb.sendBuffer.length === 0 && limits.writeBlocked) {
    limits.writeBlocked = false;
    context.queueEvent(tcb, EVENT_WRITABLE);
    return;
  }
  if (tcb.inFlight.count > 0) return;
  if (tcb.snd.wnd > 0) {
    retry.probe = PROBE_OVERRIDE;
    context.markReady(tcb);
    return;
  }
  if (user.userTimeout > 0 && !isArmed(tcb, TIMER_USER)) armTimer(tcb, TIMER_USER, user.userTimeout);
  if ((user.userTimeout === 0 || tcb.orphan) && probesAreUp(tcb)) {
    giveUp(tcb, 'timeout-r2');
    return;
  }
  retry.probes++;
  retry.persistBackoff++;
  retry.probe = PROBE_PERSIST;
  context.counters.count(REASON.TCP_ZERO_WINDOW_PROBE);
  context.markReady(tcb);
}
