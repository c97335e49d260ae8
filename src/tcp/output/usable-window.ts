/** How much may be sent now: windows, Nagle, the silly-window rules. RFC 9293 §3.7.4, §3.8.6.2.1. */

import { seqAdd, seqDiff, seqLt } from '../../base/seq.ts';
import { doubtRoom } from '../recovery/f-rto.ts';
import { pipe } from '../recovery/recovery.ts';
import type { Tcb } from '../tcb.ts';
import { PROBE_OVERRIDE } from '../timers/retry.ts';

/** Bytes of sequence space that the peer's window still takes; negative after it was shrunk (MUST-34). */
export function windowRoom(tcb: Tcb): number {
  const { snd } = tcb;
  return seqDiff(seqAdd(snd.una, snd.wnd), snd.nxt);
}

/** Bytes that congestion control still lets out. */
export function congestionRoom(tcb: Tcb): number {
  if (tcb.ecn.waiting) return 0;
  if (tcb.recovery.frto === 'new-data') return doubtRoom(tcb);
  return tcb.congestion.cwnd - pipe(tcb);
}

/**
 * Bytes of new data to put into the next segment or super-packet; 0 = wait. `mss` is the payload of
 * a full segment, `limit` that of the largest super-packet.
 */
export function bytesToSend(tcb: Tcb, mss: number, limit: number): number {
  const unsent = tcb.unsent;
  const room = Math.min(windowRoom(tcb), congestionRoom(tcb));
  const available = Math.min(unsent, room);
  if (available <= 0) return 0;
  if (available >= mss) {
    // Full segments; the odd tail goes with them when it may go at all.
    if (available <= limit && available === unsent && (available % mss === 0 || tailMayGo(tcb)))
      return available;
    return Math.min(available, limit) - (Math.min(available, limit) % mss);
  }
  if (tcb.retry.probe === PROBE_OVERRIDE) return available;
  if (available === unsent) return tailMayGo(tcb) ? available : 0;
  // Half of the largest window that the peer ever offered is worth sending.
  return available >= tcb.snd.maxWnd / 2 && nagleAllows(tcb) ? available : 0;
}

/** Whether the last, partial segment of what is queued may go. A FIN behind it lets everything go (SW-03). */
function tailMayGo(tcb: Tcb): boolean {
  if (tcb.finQueued || tcb.retry.probe === PROBE_OVERRIDE) return true;
  return !tcb.user.cork && nagleAllows(tcb);
}

/**
 * Nagle's rule as Minshall amended it: a small segment waits only while another small one is
 * unacknowledged, so that the tail of a large write does not wait for its own full segments.
 */
function nagleAllows(tcb: Tcb): boolean {
  const { snd } = tcb;
  return tcb.user.noDelay || tcb.inFlight.count === 0 || !seqLt(snd.una, snd.smallSentEnd);
}
