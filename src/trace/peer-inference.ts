/**
 * The state that the peer must be in, as far as what it has sent and what it has been sent tells:
 * RFC 9293 Figure 5 seen from the other side. What we send counts as arrived; where it did not, what
 * comes back puts it right.
 */

import { stateCode } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';

const CLOSED = stateCode('CLOSED');
const SYN_SENT = stateCode('SYN-SENT');
const SYN_RECEIVED = stateCode('SYN-RECEIVED');
const ESTABLISHED = stateCode('ESTABLISHED');
const FIN_WAIT_1 = stateCode('FIN-WAIT-1');
const FIN_WAIT_2 = stateCode('FIN-WAIT-2');
const CLOSE_WAIT = stateCode('CLOSE-WAIT');
const CLOSING = stateCode('CLOSING');
const LAST_ACK = stateCode('LAST-ACK');
const TIME_WAIT = stateCode('TIME-WAIT');

/** Code of the peer's state after a segment of its with these flags, which was taken. -1 = unknown. */
export function peerHasSent(before: number, tcb: Tcb, flags: number): number {
  if ((flags & RST) !== 0) return CLOSED;
  if ((flags & SYN) !== 0) return (flags & ACK) === 0 && before < 0 ? SYN_SENT : SYN_RECEIVED;
  const hasOurFin = tcb.finSent && tcb.snd.una === tcb.snd.nxt;
  if ((flags & FIN) === 0 && !tcb.peerClosed) return hasOurFin ? CLOSE_WAIT : ESTABLISHED;
  return afterItsFin(before, hasOurFin, (flags & FIN) !== 0);
}

/** Before → after a FIN of its, when it has not had ours and when it has. */
const AFTER_ITS_FIN: readonly (readonly [before: number, without: number, having: number])[] = [
  [FIN_WAIT_1, FIN_WAIT_1, CLOSING],
  [FIN_WAIT_2, FIN_WAIT_2, TIME_WAIT],
  [CLOSING, CLOSING, CLOSING],
  [TIME_WAIT, TIME_WAIT, TIME_WAIT],
];

/** It has sent a FIN: with this segment, or earlier. */
function afterItsFin(before: number, hasOurFin: boolean, again: boolean): number {
  if (before === CLOSED) return again ? LAST_ACK : CLOSED;
  for (const [state, without, having] of AFTER_ITS_FIN) {
    if (state === before) return hasOurFin ? having : without;
  }
  // Whoever acknowledges our FIN with its own had it first.
  return hasOurFin || before === CLOSE_WAIT ? LAST_ACK : FIN_WAIT_1;
}

/** The same after a segment of ours with these flags. */
export function peerWasSent(before: number, tcb: Tcb, flags: number): number {
  if ((flags & RST) !== 0) return CLOSED;
  if ((flags & ACK) === 0 || !tcb.peerClosed) return before;
  switch (before) {
    case FIN_WAIT_1:
      return FIN_WAIT_2;
    case CLOSING:
      return TIME_WAIT;
    case LAST_ACK:
      return CLOSED;
    default:
      return before;
  }
}
