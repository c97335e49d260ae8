/** What RCV.WND to advertise, RFC 9293 §3.8.6.2.2, and when that is worth a segment of its own. */

import type { Tcb } from '../tcb.ts';

/**
 * The window that the next segment may offer, bytes from RCV.NXT. The right edge never moves left
 * (SHLD-14), and moves right only by a useful step (MUST-39).
 */
export function windowToOffer(tcb: Tcb): number {
  const { rcv, limits } = tcb;
  const wnd = rcv.wnd;
  if (tcb.peerClosed || tcb.readerGone) return Math.max(wnd, Math.min(limits.receive, 0xffff));
  const free = Math.max(0, Math.min(limits.receive - tcb.readable, 0xffff << rcv.shift));
  if (free <= wnd) return wnd;
  return free - wnd >= usefulStep(tcb) ? free : wnd;
}

/** min (RCV.BUFF / 2, Eff.snd.MSS); of the buffer counts what a window field can tell. */
function usefulStep(tcb: Tcb): number {
  return Math.max(1, Math.min(largestWindow(tcb) >> 1, tcb.rcv.mss));
}

function largestWindow(tcb: Tcb): number {
  return Math.min(tcb.limits.receive, 0xffff << tcb.rcv.shift);
}

/**
 * The window field for `wnd` bytes, rounded down: rounding up would push the edge further with every
 * ACK. What a segment offers may thus fall short of the true edge by less than 2^shift; the true
 * edge is kept, and bytes up to it are taken (RFC 7323 §2.4).
 */
export function windowField(tcb: Tcb, wnd: number): number {
  const field = wnd >> tcb.rcv.shift;
  return field > 0xffff ? 0xffff : field;
}

/**
 * The user has taken bytes: whether the room they left is to be announced without waiting for
 * something else to send. Only when the peer may be waiting for it: little is left of the window,
 * and it would at least double.
 */
export function windowUpdateIsDue(tcb: Tcb): boolean {
  if (tcb.peerClosed || tcb.readerGone) return false;
  const wnd = tcb.rcv.wnd;
  if (8 * wnd > 3 * largestWindow(tcb)) return false;
  const offer = windowToOffer(tcb);
  return offer > wnd && offer >= 2 * wnd;
}

/**
 * Receive buffer tuning: room for four times what the user took within one round trip. In slow start
 * the peer sends twice as much in the next one, and as much again must fit while a loss is repaired.
 */
export function tuneReceiveLimit(tcb: Tcb, copied: number): void {
  const { limits } = tcb;
  const config = tcb.config;
  if (!config.bufferAutoTuning || limits.receiveFixed) return;
  limits.tuningCopied += copied;
  const elapsed = tcb.clock.now - limits.tuningStartedAt;
  const roundTrip = Math.max(tcb.rtt.srtt, 1_000);
  if (elapsed < roundTrip) return;
  if (
    elapsed < 2 * roundTrip &&
    limits.tuningCopied * 4 > limits.receive &&
    limits.receive < config.bufferReceiveMax
  ) {
    const pool = tcb.context.pool;
    if (pool.inUse * 2 < pool.budget)
      limits.receive = Math.min(
        config.bufferReceiveMax,
        Math.max(2 * limits.receive, 4 * limits.tuningCopied),
      );
  }
  limits.tuningCopied = 0;
  limits.tuningStartedAt = tcb.clock.now;
}
