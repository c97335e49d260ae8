/**
 * F-RTO, RFC 5682 §2.1 and, with SACK, §3.1: after a time-out only the oldest segment goes again, then new
 * data. When what is acknowledged next was never sent again, nothing was lost: the time-out was spurious.
 */

import { seqAdd, seqDiff, seqGe, seqLe } from '../../base/seq.ts';
import { LOST, RESENT, SACKED } from '../send/in-flight.ts';
import type { Tcb } from '../tcb.ts';
import { undo } from './undo.ts';

/** New segments that find out. */
const PROBES = 2;

/** Step 1: the oldest is believed lost, one segment of it; of the others nothing is known. */
export function markFirstLost(tcb: Tcb): void {
  const { inFlight, snd } = tcb;
  if (inFlight.count === 0) return;
  if (inFlight.lengthOf(0) > snd.mss) inFlight.split(0, snd.mss);
  inFlight.setFlags(0, (inFlight.flagsOf(0) & ~RESENT) | LOST);
}

/** Steps 2 and 3 without SACK: SND.UNA has moved; true when the time-out was spurious. */
export function doubtsAnswered(tcb: Tcb): boolean {
  if (tcb.recovery.frto === 'new-data') {
    undo(tcb);
    return true;
  }
  goOnDoubting(tcb, true);
  return false;
}

/** Steps 2 and 3 when this ACK proved nothing: new data is to find out, once; `advanced`: SND.UNA has moved. */
export function goOnDoubting(tcb: Tcb, advanced: boolean): void {
  const { recovery, snd } = tcb;
  const wholeWindow = seqGe(snd.una, recovery.recover);
  if (recovery.frto === 'repeated' && advanced && !wholeWindow && tcb.unsent > 0 && newDataFits(tcb)) {
    recovery.frto = 'new-data';
    recovery.frtoLimit = seqAdd(snd.nxt, PROBES * snd.mss);
  } else {
    giveUpDoubts(tcb);
  }
}

/** A duplicate ACK, or no way to find out: repair as after any time-out. */
export function giveUpDoubts(tcb: Tcb): void {
  const { recovery, inFlight, congestion } = tcb;
  if (recovery.frto === 'off') return;
  // Step 3a: the new data is still out there.
  if (recovery.frto === 'new-data') congestion.setWindow(3 * tcb.snd.mss);
  recovery.frto = 'off';
  for (let i = 0; i < inFlight.count; i++) {
    const flags = inFlight.flagsOf(i);
    if ((flags & SACKED) === 0 && seqLe(inFlight.endOf(i), recovery.recover))
      inFlight.setFlags(i, flags | LOST);
  }
}

/** Bytes of new data that may still go to find out. */
export function doubtRoom(tcb: Tcb): number {
  return seqDiff(tcb.recovery.frtoLimit, tcb.snd.nxt);
}

function newDataFits(tcb: Tcb): boolean {
  const { snd } = tcb;
  return seqDiff(seqAdd(snd.una, snd.wnd), snd.nxt) > 0;
}
