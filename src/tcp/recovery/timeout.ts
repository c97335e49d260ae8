/** What a time-out of the retransmission timer means for what is in flight. */

import { windowReduced } from '../ecn.ts';
import { SACKED } from '../send/in-flight.ts';
import { STATES } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { markFirstLost } from './f-rto.ts';
import { markLossesOnTimeout } from './rack.ts';
import { beginEpisode, moveRecovery } from './recovery.ts';

/** The retransmission timer has expired, RFC 6298 §5, RFC 5681 §3.1, RFC 6582 §3.2 step 4. */
export function timeoutExpired(tcb: Tcb, first: boolean): void {
  const { congestion } = tcb;
  const recovery = tcb.recovery;
  const calm = recovery.state === 'open' || recovery.state === 'disorder';
  if (first && calm) beginEpisode(tcb);
  else if (first) recovery.undoable = false;
  if (first) recovery.frto = calm && mayDoubt(tcb) ? 'repeated' : 'off';
  else if (recovery.frto !== 'off') recovery.frto = 'repeated';
  windowReduced(tcb);
  congestion.timedOut(calm ? Math.min(tcb.unacked, congestion.cwnd) : tcb.unacked, first);
  markTimedOut(tcb);
  recovery.duplicateAcks = 0;
  recovery.recover = tcb.snd.nxt;
  recovery.hasPoint = true;
  recovery.forced = true;
  moveRecovery(tcb, 'loss', 'rto');
  if (tcb.trace !== null) tcb.trace.metricsChanged(tcb);
}

/** Whether F-RTO is to find out if the time-out was right. */
function mayDoubt(tcb: Tcb): boolean {
  return tcb.config.frto && STATES[tcb.state].synchronized;
}

/**
 * What is believed lost now: the oldest while it is in doubt, else all that is old enough. What was SACKed
 * stays so, unless the oldest is: then the peer has dropped what it had (RFC 2018 §8, RFC 6675 §5.1).
 */
function markTimedOut(tcb: Tcb): void {
  const { inFlight, recovery } = tcb;
  if (inFlight.count > 0 && (inFlight.flagsOf(0) & SACKED) !== 0) inFlight.forgetSacks();
  if (recovery.frto !== 'off') markFirstLost(tcb);
  else if (tcb.config.rack && recovery.rack !== null) markLossesOnTimeout(tcb);
  else inFlight.markAllLost();
}
