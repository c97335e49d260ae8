/** The variables of a connection as the event log tells them: what is told when, in which place. */

import type { RangeList } from '../base/range-list.ts';
import { seqDiff } from '../base/seq.ts';
import { LOST } from '../tcp/send/in-flight.ts';
import { KIND_CONNECTION, KIND_TIME_WAIT, type Tcb } from '../tcp/tcb.ts';

/** Ranges that fit into one event, and of them those of each kind on the SACK board. */
export const MAX_RANGES = 10;
export const MAX_SACKED = 6;
export const MAX_LOST = 4;

// Places of what was last said.
export const SND_WINDOW = 0;
export const SND_WINDOW_LENGTH = 4;
export const RCV_WINDOW = SND_WINDOW + SND_WINDOW_LENGTH;
export const RCV_WINDOW_LENGTH = 4;
export const BUF_SND = RCV_WINDOW + RCV_WINDOW_LENGTH;
export const BUF_SND_LENGTH = 3;
export const BUF_RCV = BUF_SND + BUF_SND_LENGTH;
export const BUF_RCV_LENGTH = 2;
/** Their number, those left out, and two edges each. */
export const BUF_OOO = BUF_RCV + BUF_RCV_LENGTH;
export const BUF_OOO_LENGTH = 1 + 2 * MAX_RANGES;
/** Number of SACKED, of LOST in one, then the edges. */
export const SACK_BOARD = BUF_OOO + BUF_OOO_LENGTH;
export const SACK_BOARD_LENGTH = 1 + 2 * MAX_RANGES;
export const SAID = SACK_BOARD + SACK_BOARD_LENGTH;

/** Counts of three lists in one number. */
const COUNT_UNIT = 16;

export function packCounts(first: number, second: number, more: number): number {
  return first + COUNT_UNIT * (second + COUNT_UNIT * more);
}

export function unpackCounts(packed: number): [first: number, second: number, more: number] {
  const rest = Math.floor(packed / COUNT_UNIT);
  return [packed % COUNT_UNIT, rest % COUNT_UNIT, Math.floor(rest / COUNT_UNIT)];
}

/**
 * Reads the variables of `tcb` into `into`, in the places above; those that a compact record does not keep
 * stay, and so do the edges of lists that are empty.
 */
export function readVariables(tcb: Tcb, into: Float64Array): void {
  if (tcb.kind === KIND_CONNECTION) {
    into[BUF_RCV] = tcb.readable;
    into[BUF_RCV + 1] = tcb.limits.receive;
    // A TIME-WAIT record has the rest: the block only holds what was not read.
    if (tcb.detached) return;
  }
  const { snd, rcv } = tcb;
  into[SND_WINDOW] = seqDiff(snd.una, snd.iss);
  into[SND_WINDOW + 1] = seqDiff(snd.nxt, snd.iss);
  // In SYN-SENT nothing is known of the peer's numbers.
  const known = tcb.state !== 'SYN-SENT';
  into[RCV_WINDOW] = known ? seqDiff(rcv.nxt, rcv.irs) : 0;
  // A TIME-WAIT record keeps the field of the header.
  into[RCV_WINDOW + 1] = tcb.kind === KIND_TIME_WAIT ? (rcv.wnd >> rcv.shift) << rcv.shift : rcv.wnd;
  if (tcb.kind !== KIND_CONNECTION) return;
  into[SND_WINDOW + 2] = snd.wnd;
  into[SND_WINDOW + 3] = snd.mss;
  into[RCV_WINDOW + 2] = known ? seqDiff(snd.wl1, rcv.irs) : 0;
  into[RCV_WINDOW + 3] = known ? seqDiff(snd.wl2, snd.iss) : 0;
  into[BUF_SND] = tcb.sendBuffer.length;
  into[BUF_SND + 1] = tcb.unsent;
  into[BUF_SND + 2] = tcb.limits.send;
  readOutOfOrder(tcb, into);
  readBoard(tcb, into);
}

function readOutOfOrder(tcb: Tcb, into: Float64Array): void {
  const ranges = tcb.receiveBuffer.outOfOrder;
  into[BUF_OOO] = 0;
  if (ranges.count === 0) return;
  const told = readRanges(ranges, MAX_RANGES, tcb.rcv.irs, into, BUF_OOO + 1);
  into.fill(0, BUF_OOO + 1 + 2 * told, BUF_OOO + BUF_OOO_LENGTH);
  into[BUF_OOO] = packCounts(told, 0, ranges.count - told);
}

function readBoard(tcb: Tcb, into: Float64Array): void {
  const { inFlight, snd } = tcb;
  const { islands } = inFlight;
  into[SACK_BOARD] = 0;
  if (islands.count === 0 && inFlight.lost === 0) return;
  const first = SACK_BOARD + 1;
  const sacked = readRanges(islands, MAX_SACKED, snd.iss, into, first);
  const lost = inFlight.lost > 0 ? readLost(tcb, into, first + 2 * sacked) : 0;
  into.fill(0, first + 2 * (sacked + lost), SACK_BOARD + SACK_BOARD_LENGTH);
  into[SACK_BOARD] = packCounts(sacked, lost, islands.count - sacked);
}

function readRanges(ranges: RangeList, max: number, base: number, into: Float64Array, at: number): number {
  const told = Math.min(ranges.count, max);
  for (let i = 0; i < told; i++) {
    into[at + 2 * i] = (ranges.startOf(i) - base) | 0;
    into[at + 2 * i + 1] = (ranges.endOf(i) - base) | 0;
  }
  return told;
}

/** What is believed lost, neighbours as one; returns how many ranges that were told. */
function readLost(tcb: Tcb, into: Float64Array, at: number): number {
  const { inFlight, snd } = tcb;
  let told = 0;
  for (let index = 0; index < inFlight.count; index++) {
    if ((inFlight.flagsOf(index) & LOST) === 0) continue;
    const start = seqDiff(inFlight.seqOf(index), snd.iss);
    const end = start + inFlight.lengthOf(index);
    const previous = at + 2 * told - 1;
    if (told > 0 && into[previous] === start) {
      into[previous] = end;
    } else if (told === MAX_LOST) {
      break;
    } else {
      into[at + 2 * told] = start;
      into[at + 2 * told + 1] = end;
      told++;
    }
  }
  return told;
}
