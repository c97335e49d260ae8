/** Zero-window probes, RFC 9293 §3.8.6.1, and the sender's silly-window override, §3.8.6.2.1. */

import { REASON } from '../../base/reasons.ts';
import { EVENT_WRITABLE } from '../events.ts';
import { PROBE_OVERRIDE, PROBE_PERSIST, type Tcb } from '../tcb.ts';
import { giveUp } from './retransmission.ts';
import { TIMER_PERSIST, TIMER_USER } from './timer-table.ts';
import { armTimer, cancelTimer, isArmed } from './timers.ts';

/** The override timeout lies between 0.1 and 1 s. */
const OVERRIDE_MIN = 100_000;
const OVERRIDE_MAX = 1_000_000;

/** There is something to send, nothing in flight, and the window or the silly-window rules forbid it. */
export function armPersist(tcb: Tcb): void {
  if (isArmed(tcb, TIMER_PERSIST)) return;
  if (tcb.snd.wnd === 0) {
    // First after one RTO (SHLD-29), then further and further apart (SHLD-30).
    armTimer(tcb, TIMER_PERSIST, tcb.rtt.backedOff(tcb.persistBackoff, tcb.config));
  } else {
    armTimer(tcb, TIMER_PERSIST, Math.min(OVERRIDE_MAX, Math.max(OVERRIDE_MIN, tcb.rtt.rto)));
  }
}

/**
 * Answered probes set `probes` back: only silence counts (MUST-37). Without a user behind it the
 * connection ends whatever the peer answers, or a peer could pin it for ever (C09).
 */
function probesAreUp(tcb: Tcb): boolean {
  const { retriesOrphan, retriesData } = tcb.config;
  if (!tcb.orphan) return tcb.probes >= retriesData;
  return tcb.probes >= Math.min(retriesOrphan, retriesData) || tcb.persistBackoff >= retriesData;
}

export function persistExpired(tcb: Tcb): void {
  const context = tcb.context;
  cancelTimer(tcb, TIMER_PERSIST);
  if (tcb.sendBuffer.length === 0 && tcb.writeBlocked) {
    tcb.writeBlocked = false;
    context.queueEvent(tcb, EVENT_WRITABLE);
    return;
  }
  if (tcb.inFlight.count > 0) return;
  if (tcb.snd.wnd > 0) {
    tcb.probe = PROBE_OVERRIDE;
    context.markReady(tcb);
    return;
  }
  if (tcb.userTimeout > 0 && !isArmed(tcb, TIMER_USER)) armTimer(tcb, TIMER_USER, tcb.userTimeout);
  if ((tcb.userTimeout === 0 || tcb.orphan) && probesAreUp(tcb)) {
    giveUp(tcb, 'timeout-r2');
    return;
  }
  tcb.probes++;
  tcb.persistBackoff++;
  tcb.probe = PROBE_PERSIST;
  context.counters.count(REASON.TCP_ZERO_WINDOW_PROBE);
  context.markReady(tcb);
}
