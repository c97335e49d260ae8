/**
 * The search for the largest packet that a path takes once it was lowered, RFC 4821 §7, RFC 8899 §5: one
 * segment larger than the others goes among them. When it arrives, the others grow; when it alone is lost,
 * that is no congestion, and its text goes again in pieces.
 */

import { MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import { SEQ_ZERO, type Seq, seqAdd, seqDiff, seqGe } from '../base/seq.ts';
import { IP_HEADER_LENGTH } from '../wire/frame.ts';
import { TCP_HEADER_LENGTH } from '../wire/tcp-header.ts';
import { settleMss, TIMESTAMP_OPTION_LENGTH } from './negotiate.ts';
import { LOST } from './send/in-flight.ts';
import type { Tcb } from './tcb.ts';

const HEADERS = IP_HEADER_LENGTH + TCP_HEADER_LENGTH;
/** MAX_PROBES, RFC 8899 §5.1.2: losses of one size that are no accident. */
const MAX_PROBES = 3;
/** A gain of less is not worth a probe, bytes (RFC 4821 §7.5). */
const GRANULARITY = 32;
/** PMTU_RAISE_TIMER, RFC 8899 §5.1.1: a finished search begins again after this, µs. */
export const RAISE_AFTER = 600 * MICROSECONDS_PER_SECOND;

/** Sizes are those of whole IP packets, bytes. */
export class PathSearch {
  /** search_high: nothing larger is tried. search_low is the path MTU in use. */
  high: number;
  /** Silence made us try smaller segments, and they have not been answered yet. */
  suspected = false;
  /** `high` itself is tried first: most silence comes of other things than of size. */
  hopeful = true;
  /** Lost probes of the size that is being tried. */
  failures = 0;
  /** Size of the probe that is out; 0 = none. */
  probe = 0;
  /** Its text, [start, end) (points). */
  start: Seq = SEQ_ZERO;
  end: Seq = SEQ_ZERO;
  /** No probe before this, µs. */
  nextAt: number;

  constructor(high: number, nextAt: number) {
    this.high = high;
    this.nextAt = nextAt;
  }
}

/** Largest packet that the link and the peer take. */
function ceiling(tcb: Tcb): number {
  return Math.min(tcb.context.network.mtu, tcb.handshake.peerMss + HEADERS);
}

/** The path was lowered below `high`: whether that has to be is found out from `delay` µs on. */
export function searchFrom(tcb: Tcb, high: number, delay: number): PathSearch | null {
  if (tcb.config.pmtud !== 'probing') return null;
  tcb.pathSearch = new PathSearch(Math.min(high, ceiling(tcb)), tcb.clock.now + delay);
  return tcb.pathSearch;
}

/** The size to try next; 0 = the search rests, or has ended. */
function nextSize(tcb: Tcb, search: PathSearch): number {
  if (search.high - tcb.pathMtu >= GRANULARITY) {
    return search.hopeful ? search.high : (tcb.pathMtu + search.high + 1) >> 1;
  }
  const limit = ceiling(tcb);
  if (limit - tcb.pathMtu < GRANULARITY) {
    tcb.pathSearch = null;
    return 0;
  }
  search.high = limit;
  search.hopeful = true;
  search.failures = 0;
  search.nextAt = tcb.clock.now + RAISE_AFTER;
  return 0;
}

/**
 * Text of a probe to send now, bytes; 0 = none. `room` is what windows and congestion control let out. There
 * must be enough behind it to tell its loss by (RFC 4821 §7.4), so a peer without SACK gets none.
 */
export function probeText(tcb: Tcb, room: number): number {
  const search = tcb.pathSearch;
  if (search === null || search.probe > 0 || search.suspected || tcb.clock.now < search.nextAt) return 0;
  if (!tcb.handshake.sackAgreed || tcb.recovery.state !== 'open') return 0;
  const size = nextSize(tcb, search);
  const text = size - HEADERS - (tcb.timestamps.agreed ? TIMESTAMP_OPTION_LENGTH : 0);
  const behind = (tcb.config.reordering + 1) * tcb.snd.mss;
  if (size === 0 || Math.min(tcb.unsent, room) < text + behind) return 0;
  search.probe = size;
  search.start = tcb.snd.nxt;
  search.end = seqAdd(tcb.snd.nxt, text);
  return text;
}

/** New data was acknowledged. */
export function searchAnswered(tcb: Tcb): void {
  const search = tcb.pathSearch;
  if (search === null) return;
  if (search.suspected) {
    search.suspected = false;
    search.nextAt = tcb.clock.now + (tcb.handshake.sackAgreed ? 0 : RAISE_AFTER);
  } else if (!tcb.handshake.sackAgreed && tcb.clock.now >= search.nextAt) {
    // No way to search: all at once, as RFC 1191 §6.3 has it.
    settlePath(tcb, search.high);
    tcb.pathSearch = null;
  }
  if (search.probe === 0 || !seqGe(tcb.snd.una, search.end)) return;
  settlePath(tcb, search.probe);
  search.probe = 0;
  search.failures = 0;
}

/** The path takes packets of `mtu` bytes, as far as we know. */
export function settlePath(tcb: Tcb, mtu: number): void {
  tcb.pathMtu = mtu;
  settleMss(tcb);
  tcb.congestion.resize(tcb.snd.mss);
}

/** Something was found lost: true when it is the probe and nothing else, which is no congestion (§7.6). */
export function probeAloneIsLost(tcb: Tcb): boolean {
  const search = tcb.pathSearch;
  if (search === null || search.probe === 0) return false;
  const { inFlight } = tcb;
  const index = seqGe(search.start, tcb.snd.una) ? inFlight.indexOf(search.start) : -1;
  if (index < 0 || (inFlight.flagsOf(index) & LOST) === 0) return false;
  const alone = inFlight.lost <= seqDiff(search.end, search.start);
  if (alone) probeFailed(search);
  else search.probe = 0;
  return alone;
}

function probeFailed(search: PathSearch): void {
  const size = search.probe;
  search.probe = 0;
  if (++search.failures < MAX_PROBES) return;
  search.failures = 0;
  search.hopeful = false;
  search.high = size - 1;
}

/** ICMP says that `mtu` is the most (validated): true when it was a probe that was too big, not the others. */
export function probeIsTooBig(tcb: Tcb, mtu: number): boolean {
  const search = tcb.pathSearch;
  if (search === null || mtu < tcb.pathMtu || mtu >= search.probe) return false;
  search.high = mtu;
  search.hopeful = true;
  search.failures = 0;
  const index = seqGe(search.start, tcb.snd.una) ? tcb.inFlight.indexOf(search.start) : -1;
  search.probe = 0;
  if (index < 0) return true;
  tcb.inFlight.setFlags(index, tcb.inFlight.flagsOf(index) | LOST);
  tcb.recovery.forced = true;
  tcb.context.markReady(tcb);
  return true;
}

/** The retransmission timer has expired: what is out proves nothing either way but that it is not there. */
export function searchTimedOut(tcb: Tcb): void {
  const search = tcb.pathSearch;
  if (search === null || search.probe === 0) return;
  if (search.start === tcb.snd.una) probeFailed(search);
  search.probe = 0;
}
