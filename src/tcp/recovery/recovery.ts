/**
 * What was lost: the sender's second state machine, beside the connection's own.
 *
 *      ┌──────┐ duplicate ACK  ┌──────────┐ third duplicate ACK ┌──────────┐
 *      │ open │───────────────▶│ disorder │────────────────────▶│ recovery │
 *      └──────┘◀───────────────└──────────┘                     └──────────┘
 *        ▲  ▲    SND.UNA moves                                     │    │
 *        │  └──────────────────────────────────────────────────────┘    │
 *        │            SND.UNA reaches the recovery point       timeout  │
 *      ┌──────┐                                                         │
 *      │ loss │◀────────────────────────────────────────────────────────┘
 *      └──────┘  (a timeout leads here from every state)
 */

import { SEQ_ZERO, type Seq } from '../../base/seq.ts';
import type { Tcb } from '../tcb.ts';

export type RecoveryState = 'open' | 'disorder' | 'recovery' | 'loss';

export class Recovery {
  state: RecoveryState = 'open';
  /** Duplicate ACKs in a row; in recovery, segments that they tell us have left the network. */
  duplicateAcks = 0;
  /** RecoveryPoint, RFC 6582's recover: SND.NXT when recovery or loss began (point). */
  recover: Seq = SEQ_ZERO;
  /** SND.UNA has not passed the recovery point yet: no second reduction for the same window. */
  hasPoint = false;
  /** SND.NXT when the first duplicate ACK came (point): what limited transmit sends later is not FlightSize. */
  disorderNxt: Seq = SEQ_ZERO;
  /** What the last SACK blocks told: the highest right edge (point), and the bytes of all of them. */
  sackHigh: Seq = SEQ_ZERO;
  sackSum = 0;
  /** The next retransmission goes out whatever the pipe says. */
  forced = false;
  /** The first partial ACK has restarted the timer (RFC 6582 §3.2 step 3). */
  partialSeen = false;
}

/** The one writer of `recovery.state`. */
export function moveRecovery(tcb: Tcb, to: RecoveryState, trigger: string): void {
  const from = tcb.recovery.state;
  if (from === to) return;
  tcb.recovery.state = to;
  if (tcb.trace !== null) tcb.trace.recoveryChanged(tcb, from, trigger);
}
