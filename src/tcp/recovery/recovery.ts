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

import { SEQ_ZERO, type Seq, seqAdd, seqGe, seqGt } from '../../base/seq.ts';
import type { Ledger } from '../compact/ledger.ts';
import { windowReduced } from '../ecn.ts';
import { STATES } from '../state.ts';
import type { Tcb } from '../tcb.ts';

export type RecoveryState = 'open' | 'disorder' | 'recovery' | 'loss';

/** RACK's and the tail loss probe's memory: only connections whose peer sends SACK have one. */
export class Rack {
  /** RACK.xmit_ts, µs, and RACK.end_seq (point): the last sent of all that was delivered. */
  sentAt = -0.5;
  end: Seq = SEQ_ZERO;
  /** RACK.rtt, µs. */
  rtt = 0;
  /** RACK.reo_wnd_mult, and recoveries until it is 1 again. */
  windowFactor = 1;
  windowPersists = 0;
  /** SND.NXT when a DSACK last widened the window (point), while `widened`: once a round trip. */
  widenedAt: Seq = SEQ_ZERO;
  widened = false;
  reorderingSeen = false;
  /** When something that is late will count as lost, absolute µs; 0 = nothing is late. */
  lostAt = 0;

  /** A tail loss probe is out. */
  probing = false;
  /** TLP.end_seq: SND.NXT when it was sent (point). */
  probeEnd: Seq = SEQ_ZERO;
  /** It was a retransmission, not new data. */
  probeIsRepeat = false;
  /** Phase 4 is to send one. */
  probeOwed = false;
  /** RTT samples that were taken when the last one was sent: no second without another (RFC 8985 §7.3). */
  samplesAtProbe = -1;

  exchange(ledger: Ledger): void {
    this.sentAt = ledger.number(this.sentAt);
    this.end = ledger.seq(this.end);
    this.rtt = ledger.number(this.rtt);
    this.windowFactor = ledger.integer(this.windowFactor);
    this.windowPersists = ledger.integer(this.windowPersists);
    this.widenedAt = ledger.seq(this.widenedAt);
    this.widened = ledger.flag(this.widened);
    this.reorderingSeen = ledger.flag(this.reorderingSeen);
    this.lostAt = ledger.number(this.lostAt);
    this.probing = ledger.flag(this.probing);
    this.probeEnd = ledger.seq(this.probeEnd);
    this.probeIsRepeat = ledger.flag(this.probeIsRepeat);
    this.probeOwed = ledger.flag(this.probeOwed);
    this.samplesAtProbe = ledger.integer(this.samplesAtProbe);
  }
}

/** RFC 9937: how much may be sent for what is delivered during recovery. Bytes. */
export class ProportionalRate {
  /** prr_delivered. */
  delivered = 0;
  /** prr_out. */
  out = 0;
  /** RecoverFS. */
  recoverFlight = 0;

  exchange(ledger: Ledger): void {
    this.delivered = ledger.integer(this.delivered);
    this.out = ledger.integer(this.out);
    this.recoverFlight = ledger.integer(this.recoverFlight);
  }
}

export class Recovery {
  state: RecoveryState = 'open';
  /** Made when both have agreed to SACK. */
  rack: Rack | null = null;
  readonly rate = new ProportionalRate();
  /** When the retransmission timer is due if nothing comes, whichever timer stands for it, absolute µs. */
  rtoAt = 0.5;
  /** The reduction of this episode may still turn out to have been wrong. */
  undoable = false;
  /** SND.UNA when it began (point): what was repeated before it has nothing to say about it. */
  episodeUna: Seq = SEQ_ZERO;
  /**
   * Our TSval when the oldest retransmission that may still be on its way was sent: an echo of an older
   * one proves a reduction wrong (Eifel, RFC 3522).
   */
  repeatedAt = 0;
  repeated = false;
  /** One past the highest number ever sent again (point), while `repeated`. */
  repeatedEnd: Seq = SEQ_ZERO;
  /** One past what the last DSACK reported (point). */
  duplicateEnd: Seq = SEQ_ZERO;
  /** Retransmissions of this episode that no DSACK has answered, bytes. */
  unanswered = 0;
  /** F-RTO, RFC 5682: whether it is still open if the time-out was right; with SACK any original tells. */
  frto: 'off' | 'repeated' | 'new-data' = 'off';
  /** How far new data may go while it finds out (point). */
  frtoLimit: Seq = SEQ_ZERO;
  /** The last resort of RFC 6675 §4 rule 4 was used in this recovery. */
  rescued = false;
  /** Duplicate ACKs in a row; in recovery, segments that they tell us have left the network. */
  duplicateAcks = 0;
  /** RecoveryPoint, RFC 6582's recover: SND.NXT when recovery or loss began (point). */
  recover: Seq = SEQ_ZERO;
  /** SND.UNA has not passed the recovery point yet: no second reduction for the same window. */
  hasPoint = false;
  /** SND.NXT when the first duplicate ACK came (point): what limited transmit sends later is not FlightSize. */
  disorderNxt: Seq = SEQ_ZERO;
  /** The next retransmission goes out whatever the pipe says. */
  forced = false;
  /** The first partial ACK has restarted the timer (RFC 6582 §3.2 step 3). */
  partialSeen = false;

  /** Nothing is being repaired, and nothing that was may still turn out to have been wrong. */
  get isCalm(): boolean {
    return this.state === 'open' && this.frto === 'off' && !this.undoable;
  }

  private createRack(): Rack {
    this.rack = new Rack();
    return this.rack;
  }

  /** All but what is always the same while it {@link isCalm}. */
  exchange(ledger: Ledger): void {
    if (ledger.flag(this.rack !== null)) (this.rack ?? this.createRack()).exchange(ledger);
    else this.rack = null;
    this.rate.exchange(ledger);
    this.rtoAt = ledger.number(this.rtoAt);
    this.episodeUna = ledger.seq(this.episodeUna);
    this.repeatedAt = ledger.integer(this.repeatedAt);
    this.repeated = ledger.flag(this.repeated);
    this.repeatedEnd = ledger.seq(this.repeatedEnd);
    this.duplicateEnd = ledger.seq(this.duplicateEnd);
    this.unanswered = ledger.integer(this.unanswered);
    this.frtoLimit = ledger.seq(this.frtoLimit);
    this.rescued = ledger.flag(this.rescued);
    this.duplicateAcks = ledger.integer(this.duplicateAcks);
    this.recover = ledger.seq(this.recover);
    this.hasPoint = ledger.flag(this.hasPoint);
    this.disorderNxt = ledger.seq(this.disorderNxt);
    this.forced = ledger.flag(this.forced);
    this.partialSeen = ledger.flag(this.partialSeen);
  }
}

/** The one writer of `recovery.state`. */
export function moveRecovery(tcb: Tcb, to: RecoveryState, trigger: string): void {
  const from = tcb.recovery.state;
  if (from === to) return;
  tcb.recovery.state = to;
  if (tcb.trace !== null) tcb.trace.recoveryChanged(tcb, from, trigger);
}

/** A reduction begins: what it changes is remembered, in case that it turns out to have been wrong. */
export function beginEpisode(tcb: Tcb): void {
  const { recovery, snd } = tcb;
  tcb.congestion.save();
  tcb.ecn.save();
  windowReduced(tcb);
  recovery.undoable = STATES[tcb.state].synchronized;
  recovery.episodeUna = snd.una;
  if (seqGe(snd.una, recovery.repeatedEnd)) recovery.repeated = false;
  recovery.unanswered = 0;
  recovery.frto = 'off';
}

/** `length` bytes from `seq` on were sent again. */
export function noteRepeat(tcb: Tcb, seq: Seq, length: number): void {
  const { recovery } = tcb;
  const end = seqAdd(seq, length);
  if (recovery.state === 'recovery') recovery.rate.out += length;
  if (!recovery.repeated || seqGe(tcb.snd.una, recovery.repeatedEnd)) {
    recovery.repeated = true;
    recovery.repeatedAt = (tcb.context.secrets.milliseconds + tcb.timestamps.offset) | 0;
    recovery.repeatedEnd = end;
  } else if (seqGt(end, recovery.repeatedEnd)) {
    recovery.repeatedEnd = end;
  }
  if (recovery.undoable) recovery.unanswered += length;
}

/**
 * Bytes believed to be in the network. Each duplicate ACK says that one segment has left it: this is
 * what RFC 6582 expresses by inflating cwnd, and RFC 3042 by two segments beyond it.
 */
export function pipe(tcb: Tcb): number {
  const { inFlight } = tcb;
  if (tcb.handshake.sackAgreed) return inFlight.pipe;
  return Math.max(0, inFlight.pipe - tcb.recovery.duplicateAcks * tcb.snd.mss);
}
