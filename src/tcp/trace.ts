/**
 * What TCP can report: one method per event, arguments by reference, nothing built when nobody
 * listens (`if (trace !== null) …`). Objects passed are live or reused: copy what you keep.
 */

import type { Reason } from '../base/reasons.ts';
import type { Segment } from '../wire/segment.ts';
import type { CloseReason } from './events.ts';
import type { QuotedError } from './icmp-errors.ts';
import type { Listener } from './listener.ts';
import type { SentSegment } from './output/sent-segment.ts';
import type { RecoveryState } from './recovery/recovery.ts';
import type { ReplyQueue } from './replies.ts';
import type { State } from './state.ts';
import type { Tcb } from './tcb.ts';

/** What became of a segment (`seg:judged`). */
export type Verdict = 'accepted' | 'duplicate' | 'partial' | 'queued-ooo' | 'dropped';

/** Added to the number of the check that stopped a segment. */
export const STOPPED = 0x10;

/** Calls of the user (`app:*`). */
export type AppCall = 'open' | 'accept' | 'read' | 'write' | 'shutdown' | 'close' | 'abort';

export interface TcpTrace {
  /** `listen:opened`. */
  listenerOpened(listener: Listener): void;
  /** `listen:closed`. */
  listenerClosed(listener: Listener): void;
  /** `listen:queue`: the SYN queue's or accept queue's length changed. */
  listenerQueues(listener: Listener): void;

  /** `conn:opened`: a connection block came to be, by an active OPEN or a SYN to a listener. */
  connectionOpened(tcb: Tcb): void;
  /** `conn:state`. `on` is the event's name in the table of transitions; `tcb.state` is the new state. */
  stateChanged(tcb: Tcb, from: State, on: string): void;
  /** `conn:closed`. */
  connectionClosed(tcb: Tcb, reason: CloseReason): void;

  /** `seg:received`: before any check. `tcb` is null when no connection owns the segment. */
  segmentReceived(tcb: Tcb | null, seg: Segment): void;
  /**
   * `seg:judged`: exactly once for every segment received. `checks`: the number of the last check of
   * its section of RFC 9293 §3.10.7 that it came to, and {@link STOPPED} when it came no further.
   */
  segmentJudged(tcb: Tcb | null, seg: Segment, verdict: Verdict, reason: Reason, checks: number): void;
  /** `seg:sent`: `tcb` is null for a reset that belongs to no connection. */
  segmentSent(tcb: Tcb | null, sent: SentSegment): void;
  /** `rst:why`: a reset is going to be sent, for what has just happened. */
  resetQueued(tcb: Tcb | null, reply: ReplyQueue): void;
  /** `snd:window`, `rcv:window`, `buf:*`, `sack:board`: the turn has done with this connection. */
  settled(tcb: Tcb): void;

  /** `timer:set`: `timer` is a TIMER_* code; the deadline is `tcb.deadline(timer)`. */
  timerSet(tcb: Tcb, timer: number, restarted: boolean): void;
  /** `timer:cancel`. */
  timerCancelled(tcb: Tcb, timer: number): void;
  /** `timer:fire`. */
  timerFired(tcb: Tcb, timer: number): void;

  /** `cc:metrics`: cwnd, ssthresh, flight, srtt, rttvar, rto may have changed. */
  metricsChanged(tcb: Tcb): void;
  /** `cc:state`. */
  recoveryChanged(tcb: Tcb, from: RecoveryState, trigger: string): void;
  /**
   * `rtt:sample`, µs; `accepted` false when Karn's rule forbade it. `echoed`: an echoed timestamp told
   * which sending it was.
   */
  rttSampled(tcb: Tcb, sample: number, accepted: boolean, echoed: boolean): void;

  /** `ip:icmp`: an ICMP error that quotes a segment; `tcb` is null when it is of no connection. */
  icmpArrived(tcb: Tcb | null, error: QuotedError, reason: Reason): void;

  /** `app:*`. `bytes` is 0 where it makes no sense. */
  appCalled(tcb: Tcb, call: AppCall, bytes: number): void;
}
