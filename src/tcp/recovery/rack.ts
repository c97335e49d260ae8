/** RACK: what was sent before something that has arrived, and is late, is lost. RFC 8985 §6. */

import { seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../base/seq.ts';
import { EVER_RESENT, LOST, RESENT, SACKED } from '../send/in-flight.ts';
import type { Tcb } from '../tcb.ts';
import type { Rack } from './recovery.ts';

/** Recoveries without a DSACK after which a wide reordering window is forgotten (§6.2 step 4). */
const WINDOW_PERSISTS = 16;
const MAX_FACTOR = 0xff;

/** The connection's: who has agreed to SACK has one from the handshake on. */
export function rackOf(tcb: Tcb): Rack {
  return tcb.recovery.rack as Rack;
}

/** Steps 1 to 3: takes what `inFlight` says was delivered. `echo` is the echoed TSval, when there is one. */
export function noteDelivery(tcb: Tcb, hasEcho: boolean, echo: number): void {
  const { inFlight, clock } = tcb;
  if (inFlight.deliveredSentAt < 0) return;
  const rack = rackOf(tcb);
  if (inFlight.reordered) rack.reorderingSeen = true;
  const rtt = clock.now - inFlight.deliveredSentAt;
  if (inFlight.deliveredResent && isEchoOfOriginal(tcb, hasEcho, echo, rtt)) return;
  rack.rtt = rtt;
  const newer =
    inFlight.deliveredSentAt > rack.sentAt ||
    (inFlight.deliveredSentAt === rack.sentAt && seqGt(inFlight.deliveredEnd, rack.end));
  if (!newer) return;
  rack.sentAt = inFlight.deliveredSentAt;
  rack.end = inFlight.deliveredEnd;
}

/** Of something sent twice: did the first sending arrive? Then nothing is known of the second. */
function isEchoOfOriginal(tcb: Tcb, hasEcho: boolean, echo: number, rtt: number): boolean {
  if (hasEcho && tcb.timestampsAgreed) {
    const sentAtMs = Math.floor(tcb.inFlight.deliveredSentAt / 1000) | 0;
    if (((echo - tcb.tsOffset - sentAtMs) | 0) < 0) return true;
  }
  return rtt < tcb.rtt.min;
}

/** A DSACK: our retransmission was not needed, so the window is widened, once a round trip. */
export function widenWindow(tcb: Tcb): void {
  const rack = rackOf(tcb);
  if (rack.widened && seqLt(tcb.snd.una, rack.widenedAt)) return;
  rack.widened = true;
  rack.widenedAt = tcb.snd.nxt;
  rack.windowFactor = Math.min(MAX_FACTOR, rack.windowFactor + 1);
  rack.windowPersists = WINDOW_PERSISTS;
}

/** A recovery has ended. */
export function recoveryEnded(tcb: Tcb): void {
  const { rack } = tcb.recovery;
  if (rack === null || rack.windowPersists === 0) return;
  if (--rack.windowPersists === 0) rack.windowFactor = 1;
}

/** Step 4: how late something may be before it is lost rather than reordered, µs. */
function reorderingWindow(tcb: Tcb, rack: Rack): number {
  const { state } = tcb.recovery;
  if (!rack.reorderingSeen) {
    if (state === 'recovery' || state === 'loss') return 0;
    if (tcb.inFlight.sacked >= tcb.config.reordering * tcb.snd.mss) return 0;
  }
  return Math.min((rack.windowFactor * tcb.rtt.min) / 4, tcb.rtt.srtt);
}

/** Step 5: marks what is lost; true when anything was. What is only late by now decides `rack.lostAt`. */
export function detectLosses(tcb: Tcb): boolean {
  const { inFlight, clock } = tcb;
  const rack = rackOf(tcb);
  rack.lostAt = 0;
  if (rack.sentAt < 0) return false;
  const limit = rack.rtt + reorderingWindow(tcb, rack);
  let found = false;
  for (let i = 0; i < inFlight.count; i++) {
    const flags = inFlight.flagsOf(i);
    const sentAt = inFlight.sentAtOf(i);
    const later = sentAt > rack.sentAt || (sentAt === rack.sentAt && seqGe(inFlight.endOf(i), rack.end));
    // What was sent once was sent in order: all behind it is later still, or was sent again.
    if (later && (flags & EVER_RESENT) === 0) break;
    if (later || (flags & SACKED) !== 0 || (flags & (LOST | RESENT)) === LOST) continue;
    const lostAt = sentAt + limit;
    if (lostAt > clock.now) {
      if (lostAt > rack.lostAt) rack.lostAt = lostAt;
    } else {
      inFlight.setFlags(i, (flags & ~RESENT) | LOST);
      found = true;
    }
  }
  return found;
}

/** §6.3: after a time-out the oldest is lost, and what is as old; what was just sent may be on its way. */
export function markLossesOnTimeout(tcb: Tcb): void {
  const { inFlight, clock } = tcb;
  const rack = rackOf(tcb);
  const limit = rack.rtt + reorderingWindow(tcb, rack);
  for (let i = 0; i < inFlight.count; i++) {
    const flags = inFlight.flagsOf(i);
    if ((flags & SACKED) !== 0) continue;
    if (i > 0 && inFlight.sentAtOf(i) + limit > clock.now) continue;
    inFlight.setFlags(i, (flags & ~RESENT) | LOST);
  }
  rack.lostAt = 0;
}

/**
 * RFC 6675 §4, IsLost, where RACK is off: enough was SACKed above it, in pieces or in bytes. True
 * when anything was found.
 */
export function detectByDupThresh(tcb: Tcb): boolean {
  const { inFlight, config } = tcb;
  const { islands } = inFlight;
  let bytes = 0;
  let island = islands.count - 1;
  for (; island >= 0; island--) {
    bytes += seqDiff(islands.endOf(island), islands.startOf(island));
    const pieces = islands.count - island;
    if (pieces >= config.reordering || bytes > (config.reordering - 1) * tcb.snd.mss) break;
  }
  if (island < 0) return false;
  const edge = islands.startOf(island);
  let found = false;
  for (let i = 0; i < inFlight.count && seqLe(inFlight.endOf(i), edge); i++) {
    const flags = inFlight.flagsOf(i);
    if ((flags & (SACKED | LOST)) !== 0) continue;
    inFlight.setFlags(i, flags | LOST);
    found = true;
  }
  return found;
}
