/**
 * The largest packet for a connection's path: lowered by ICMP (RFC 1191), or because silence says that
 * large packets vanish on the way without a word (RFC 2923 §2.1, RFC 4821 §7.7).
 */

import { REASON } from '../base/reasons.ts';
import { settleMss } from './negotiate.ts';
import { probeIsTooBig, RAISE_AFTER, searchFrom, searchTimedOut, settlePath } from './path-search.ts';
import { LOST, RESENT, SACKED } from './send/in-flight.ts';
import type { Tcb } from './tcb.ts';

/** RFC 1191 §3: no path may make our segments smaller than this (A27). */
export const PMTU_FLOOR = 552;
/** What nearly every path takes: eff_pmtu's base of RFC 4821 §7.2 with headers. */
const BASE_MTU = 1064;
/**
 * Of so many time-outs in a row the third makes us suspect a black hole, the fourth a narrower one, and the
 * last is for the old size again.
 */
const ROUND = 5;
const SUSPICIOUS = 3;
const WORSE = 4;
/** Smaller segments from now on; what was too large is sent again. False when they were as small already. */
function lowerPathMtu(tcb: Tcb, mtu: number): boolean {
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
    if ((flags & SACKED) === 0 && Math.min(inFlight.lengthOf(i), inFlight.sizeOf(i)) > tcb.snd.mss)
      inFlight.setFlags(i, (flags & ~RESENT) | LOST);
  }
  tcb.recovery.forced = true;
}

/** ICMP says that packets larger than `mtu` do not pass; its quote was of ours. False: nothing changes. */
export function packetsTooBig(tcb: Tcb, mtu: number): boolean {
  if (probeIsTooBig(tcb, mtu)) return true;
  const before = tcb.pathMtu;
  if (!lowerPathMtu(tcb, mtu)) return false;
  // RFC 1191 §6.3: larger again after ten minutes, and carefully.
  if (tcb.pathSearch === null) searchFrom(tcb, before, RAISE_AFTER);
  else tcb.pathSearch.nextAt = tcb.clock.now + RAISE_AFTER;
  return true;
}

/**
 * The same data has timed out once more. After a few times a smaller size is tried; when that is not
 * answered either, the path is down rather than narrow, and the old size is back.
 */
export function timedOutAgain(tcb: Tcb): void {
  if (tcb.config.pmtud !== 'probing') return;
  searchTimedOut(tcb);
  const { pathSearch: search, inFlight } = tcb;
  const stage = tcb.retry.retries % ROUND;
  if (search?.suspected === true) {
    if (stage === WORSE) {
      lowerPathMtu(tcb, PMTU_FLOOR);
    } else {
      settlePath(tcb, search.high);
      tcb.pathSearch = null;
    }
    return;
  }
  const large = inFlight.count > 0 && inFlight.lengthOf(0) > PMTU_FLOOR;
  if (stage !== SUSPICIOUS || !large || tcb.pathMtu <= PMTU_FLOOR) return;
  const before = tcb.pathMtu;
  lowerPathMtu(tcb, tcb.pathMtu > BASE_MTU ? BASE_MTU : PMTU_FLOOR);
  const begun = searchFrom(tcb, before, 0);
  if (begun !== null) begun.suspected = true;
  tcb.context.counters.count(REASON.TCP_PMTU_BLACK_HOLE);
}
