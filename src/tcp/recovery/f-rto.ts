/**
 * F-RTO without SACK, RFC 5682 §2.1: after a time-out only the oldest segment goes again, then new data.
 * When what is acknowledged next was never sent again, nothing was lost: the time-out was spurious.
 */

import { seqAdd, seqDiff, seqGe } from '../../base/seq.ts';
import { LOST, RESENT } from '../send/in-flight.ts';
import type { Tcb } from '../tcb.ts';
import { undo } from './undo.ts';

/** New segments that find out. */
const PROBES = 2;

/** Step 1: the oldest is believed lost, one segment of it; of the others nothing is known. */
export function markFirstLost(tcb: Tcb): void {
  const { inFlight } = tcb;
  if (inFlight.count === 0) return;
  if (inFlight.lengthOf(0) > tcb.snd.mss) inFlight.split(0, tcb.snd.mss);
  inFlight.setFlags(0, (inFlight.flagsOf(0) & ~RESENT) | LOST);
}

/** Steps 2 and 3: SND.UNA has moved; true when the time-out was spurious. */
export function doubtsAnswered(tcb: Tcb): boolean {
  const { recovery, snd } = tcb;
  if (recovery.frto === 'new-data') {
    undo(tcb);
    return true;
  }
  const wholeWindow = seqGe(snd.una, recovery.recover);
  if (recovery.frto === 'repeated' && !wholeWindow && tcb.unsent > 0 && newDataFits(tcb)) {
    recovery.frto = 'new-data';
    recovery.frtoLimit = seqAdd(snd.nxt, PROBES * snd.mss);
    return false;
  }
  giveUpDoubts(tcb);
  return false;
}

/** A duplicate ACK, or no way to find out: repair as after any time-out. */
export function giveUpDoubts(tcb: Tcb): void {
  const { recovery, inFlight } = tcb;
  if (recovery.frto === 'off') return;
  recovery.frto = 'off';
  for (let i = 0; i < inFlight.count; i++) inFlight.setFlags(i, inFlight.flagsOf(i) | LOST);
}

/** Bytes of new data that may still go to find out. */
export function doubtRoom(tcb: Tcb): number {
  return seqDiff(tcb.recovery.frtoLimit, tcb.snd.nxt);
}

function newDataFits(tcb: Tcb): boolean {
  return seqDiff(seqAdd(tcb.snd.una, tcb.snd.wnd), tcb.snd.nxt) > 0;
}
