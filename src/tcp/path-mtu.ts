/**
 * The largest packet for a connection's path: lowered by ICMP (RFC 1191), or because silence says that
 * large packets vanish on the way without a word (RFC 2923 §2.1, RFC 4821 §7.7).
 */

import { MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import { REASON } from '../base/reasons.ts';
import { settleMss } from './negotiate.ts';
import { LOST, RESENT, SACKED } from './send/in-flight.ts';
import type { Tcb } from './tcb.ts';

/** RFC 1191 §3: no path may make our segments smaller than this (A27). */
export const PMTU_FLOOR = 552;
/** What nearly every path takes: eff_pmtu's base of RFC 4821 §7.2 with headers. */
const BASE_MTU = 1064;
/** Time-outs in a row after which a black hole is suspected. */
const SUSPICIOUS_RETRIES = 3;
/** After this long the larger size is tried again, RFC 1191 §6.3. */
const RAISE_AFTER = 600 * MICROSECONDS_PER_SECOND;

/** Smaller segments from now on; what was too large is sent again. False when they were as small already. */
export function lowerPathMtu(tcb: Tcb, mtu: number): boolean {
  if (mtu >= tcb.pathMtu) return false;
  tcb.pathMtu = mtu;
  const before = tcb.snd.mss;
  settleMss(tcb);
  if (tcb.snd.mss >= before) return true;
  tcb.congestion.resize(tcb.snd.mss);
  resendTooLarge(tcb);
  tcb.context.markReady(tcb);
  return true;
}

function resendTooLarge(tcb: Tcb): void {
  const { inFlight } = tcb;
  for (let i = 0; i < inFlight.count; i++) {
    const flags = inFlight.flagsOf(i);
    if ((flags & SACKED) === 0 && inFlight.lengthOf(i) > tcb.snd.mss)
      inFlight.setFlags(i, (flags & ~RESENT) | LOST);
  }
  tcb.recovery.forced = true;
}

/**
 * The same data has timed out once more. After a few times a smaller size is tried; when that is not
 * answered either, the path is down rather than narrow, and the old size is back.
 */
export function timedOutAgain(tcb: Tcb): void {
  if (tcb.config.pmtud !== 'probing') return;
  if (tcb.mtuBefore > tcb.pathMtu && !tcb.mtuConfirmed) {
    restore(tcb);
    return;
  }
  const { inFlight } = tcb;
  const large = inFlight.count > 0 && inFlight.lengthOf(0) > PMTU_FLOOR;
  if (tcb.retries !== SUSPICIOUS_RETRIES || !large || tcb.pathMtu <= PMTU_FLOOR) return;
  tcb.mtuBefore = tcb.pathMtu;
  tcb.mtuConfirmed = false;
  lowerPathMtu(tcb, tcb.pathMtu > BASE_MTU ? BASE_MTU : PMTU_FLOOR);
  tcb.context.counters.count(REASON.TCP_PMTU_BLACK_HOLE);
}

/** New data was acknowledged: a size that is being tried has proven itself, or has lived long enough. */
export function pathAnswered(tcb: Tcb): void {
  if (tcb.mtuBefore === 0) return;
  const { now } = tcb.clock;
  if (!tcb.mtuConfirmed) {
    tcb.mtuConfirmed = true;
    tcb.mtuRaiseAt = now + RAISE_AFTER;
  } else if (now >= tcb.mtuRaiseAt) {
    restore(tcb);
  }
}

function restore(tcb: Tcb): void {
  tcb.pathMtu = tcb.mtuBefore;
  tcb.mtuBefore = 0;
  settleMss(tcb);
  tcb.congestion.resize(tcb.snd.mss);
}
