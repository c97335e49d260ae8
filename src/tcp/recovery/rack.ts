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

/** Steps 1 to 3: takes what the ACK has delivered. `echo` is the echoed TSval, when there is one. */
export function noteDelivery(tcb: Tcb, hasEcho: boolean, echo: number): void {
  const { delivery } = tcb.context;
  if (delivery.sentAt < 0) return;
  const rack = rackOf(tcb);
  if (delivery.reordered) rack.reorderingSeen = true;
  const rtt = tcb.clock.now - delivery.sentAt;
  if (delivery.resent && isEchoOfOriginal(tcb, hasEcho, echo, rtt)) return;
  rack.rtt = rtt;
  const newer =
    delivery.sentAt > rack.sentAt || (delivery.sentAt === rack.sentAt && seqGt(delivery.end, rack.end));
  if (!newer) return;
  rack.sentAt = delivery.sentAt;
  rack.end = delivery.end;
}

/** Of something sent twice: did the first sending arrive? Then nothing is known of the second. */
function isEchoOfOriginal(tcb: Tcb, hasEcho: boolean, echo: number, rtt: number): boolean {
  const { timestamps } = tcb;
  if (hasEcho && timestamps.agreed) {
    const sentAtMs = Math.floor(tcb.context.delivery.sentAt / 1000) | 0;
    if (((echo - timestamps.offset - sentAtMs) | 0) < 0) return true;
  }
  return rtt < tcb.rtt.min;
}

/** A DSACK: our retransmission was not needed, so the window is widened, once a round trip. */
export function widenWindow(tcb: Tcb): void {
  const { snd } = tcb;
  const rack = rackOf(tcb);
  if (rack.widened && seqLt(snd.una, rack.widenedAt)) return;
  rack.widened = true;
  rack.widenedAt = snd.nxt;
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
  const { rtt } = tcb;
  const { state } = tcb.recovery;
  if (!rack.reorderingSeen) {
    if (state === 'recovery' || state === 'loss') return 0;
    if (tcb.inFlight.sacked >= tcb.config.reordering * tcb.snd.mss) return 0;
  }
  return Math.min((rack.windowFactor * rtt.min) / 4, rtt.srtt);
}

/** Step 5: marks what is lost; true when anything was. What is only late by now decides `rack.lostAt`. */
export function detectLosses(tcb: Tcb): boolean {
  const rack = rackOf(tcb);
  rack.lostAt = 0;
  if (rack.sentAt < 0) return false;
  const limit = rack.rtt + reorderingWindow(tcb, rack);
  const again = findLostRepeats(tcb, rack, limit);
  return findLostOriginals(tcb, rack, limit) || again;
}

/** Of what was sent again: that is lost, too. */
function findLostRepeats(tcb: Tcb, rack: Rack, limit: number): boolean {
  const { inFlight } = tcb;
  let found = false;
  for (let i = 0; i < inFlight.resentBefore; i++) {
    const flags = inFlight.flagsOf(i);
    if ((flags & SACKED) !== 0) i = inFlight.behindIsland(i) - 1;
    else if ((flags & RESENT) !== 0 && !isLater(tcb, rack, i) && isLost(tcb, rack, i, limit)) found = true;
  }
  return found;
}

/**
 * Of what was sent once: it was sent in order, so all behind the first that is only late, or later than
 * what has arrived, is so too.
 */
function findLostOriginals(tcb: Tcb, rack: Rack, limit: number): boolean {
  const { inFlight } = tcb;
  let found = false;
  let settled = true;
  let i = inFlight.settled;
  while (i < inFlight.count) {
    const flags = inFlight.flagsOf(i);
    let next = i + 1;
    if ((flags & SACKED) !== 0) {
      next = inFlight.behindIsland(i);
    } else if ((flags & LOST) === 0) {
      if (!isLater(tcb, rack, i) && isLost(tcb, rack, i, limit)) {
        found = true;
      } else if ((flags & EVER_RESENT) === 0) {
        // None of the others has more time left than what has arrived would have.
        if (rack.lostAt > 0) rack.lostAt = Math.max(rack.lostAt, rack.sentAt + limit);
        break;
      } else {
        settled = false;
      }
    }
    if (settled) inFlight.settled = next;
    i = next;
  }
  return found;
}

/** Sent after what has arrived: nothing is known of it yet. */
function isLater(tcb: Tcb, rack: Rack, index: number): boolean {
  const { inFlight } = tcb;
  const sentAt = inFlight.sentAtOf(index);
  return sentAt > rack.sentAt || (sentAt === rack.sentAt && seqGe(inFlight.endOf(index), rack.end));
}

/** Marks record `index` when its time has passed; else it is late. */
function isLost(tcb: Tcb, rack: Rack, index: number, limit: number): boolean {
  const { inFlight } = tcb;
  const lostAt = inFlight.sentAtOf(index) + limit;
  if (lostAt > tcb.clock.now) {
    if (lostAt > rack.lostAt) rack.lostAt = lostAt;
    return false;
  }
  inFlight.setFlags(index, (inFlight.flagsOf(index) & ~RESENT) | LOST);
  return true;
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
