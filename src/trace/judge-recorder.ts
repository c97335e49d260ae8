/** Segments: received, judged, sent, and why a reset is. As rows of the flight recorder. */

import { REASON, type Reason } from '../base/reasons.ts';
import { seqDiff } from '../base/seq.ts';
import { type SentSegment, TRIGGERS } from '../tcp/output/sent-segment.ts';
import type { ReplyQueue } from '../tcp/replies.ts';
import { stateCode } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { STOPPED, type Verdict } from '../tcp/trace.ts';
import { ACK, RST, type Segment, SYN } from '../wire/segment.ts';
import { ACT } from './judged.ts';
import { peerHasSent, peerWasSent } from './peer-inference.ts';
import * as record from './record.ts';
import { resetReasonOf } from './reset-reasons.ts';
import type { ConnectionLog } from './rings.ts';
import { VariableRecorder } from './variable-recorder.ts';

const { EVENT } = record;

/** What a segment found, before any check. */
class Before {
  state = -1;
  flags = 0;
  seq = 0;
  len = 0;
  ack = 0;
  rcvNxt = 0;
  rcvWnd = 0;
  sndUna = 0;
  sndNxt = 0;
  sndWnd = 0;
  sacked = 0;
  duplicateAcks = 0;
  restarts = 0;
  peerClosed = false;
  urgent = 0;
}

export abstract class JudgeRecorder extends VariableRecorder {
  private readonly before = new Before();
  /** Code of the verdict; 0 = it was not given yet. */
  private accepted = 0;
  /** Acts that somebody has told of since the segment came. */
  protected acts = 0;
  /** A segment was received and not judged yet. */
  protected judging = false;
  /** The connection whose reset was queued last, until it is told why. */
  private resetFor: Tcb | null = null;
  /** The segment that is being judged has earned a reset. */
  private resetOwed = false;
  private resetLocalAddress = 0;
  private resetLocalPort = 0;
  private resetPeerAddress = 0;
  private resetPeerPort = 0;

  segmentReceived(tcb: Tcb | null, seg: Segment): void {
    const log = tcb === null ? null : this.find(tcb);
    this.begin(EVENT['seg:received'], log, true);
    const { rows, at } = this;
    rows[at + record.AT_SEGMENT] = this.numberReceived();
    rows[at + record.AT_CAUSE] = 0;
    rows[at + record.SEG_FLAGS] = seg.flags;
    rows[at + record.SEG_SEQ] = seg.seq >>> 0;
    rows[at + record.SEG_ACK] = seg.ack >>> 0;
    rows[at + record.SEG_WND] = seg.wnd;
    rows[at + record.SEG_UP] = seg.up;
    rows[at + record.SEG_LENGTH] = seg.dataLength;
    rows[at + record.SEG_SEGMENTS] = seg.segments;
    rows[at + record.SEG_SHIFT] = tcb === null || (seg.flags & SYN) !== 0 ? 0 : tcb.snd.shift;
    const { mss, windowScale, sackCount, sackPermitted, hasTimestamps } = seg;
    const packed = record.packOptions(mss, windowScale, sackCount, sackPermitted, hasTimestamps);
    rows[at + record.SEG_OPTIONS] = record.withBadOptions(packed, seg.badOptions);
    rows[at + record.SEG_TS_VALUE] = seg.tsVal >>> 0;
    rows[at + record.SEG_TS_ECHO] = seg.tsEcr >>> 0;
    rows[at + record.SEG_TRIGGER] = 0;
    this.endsOrSack(tcb, seg);
    if (log !== null && seg.isSyn) log.irs = seg.seq;
    this.caused(log, this.commit());
    this.remember(tcb, seg);
  }

  /** `checks`: how many of the section's checks it went through, with STOPPED when the last one ended it. */
  segmentJudged(tcb: Tcb | null, seg: Segment, verdict: Verdict, reason: Reason, checks: number): void {
    const log = tcb === null ? null : this.find(tcb);
    const { before } = this;
    if (!this.judging) this.headerless(seg);
    this.judging = false;
    const queued = bit(verdict === 'queued-ooo', ACT['queue-ooo']);
    const acts = queued | this.acts | (tcb === null ? 0 : this.changedBy(tcb));
    this.begin(EVENT['seg:judged'], log, reason === REASON.ACCEPTED || verdict !== 'dropped');
    const { rows } = this;
    const at = this.at + record.AT_VALUES;
    rows[this.at + record.AT_SEGMENT] = this.receivedSegment;
    rows[at] = this.codeOf(verdict);
    rows[at + 1] = reason;
    rows[at + 2] = checks & ~STOPPED;
    rows[at + 3] = (checks & STOPPED) === 0 ? 0 : 1;
    rows[at + 4] = before.state;
    rows[at + 5] = before.flags;
    rows[at + 6] = before.seq;
    rows[at + 7] = before.len;
    rows[at + 8] = before.ack;
    rows[at + 9] = before.rcvNxt;
    rows[at + 10] = before.rcvWnd;
    rows[at + 11] = before.sndUna;
    rows[at + 12] = before.sndNxt;
    rows[at + 13] = acts;
    this.commit();
    if (this.resetOwed) this.resetWhy(log, resetReasonOf(reason));
    this.resetOwed = false;
    if (tcb === null || log === null) return;
    if (verdict !== 'dropped') this.peer(log, peerHasSent(log.peerState, tcb, before.flags));
    this.changes(tcb, false);
  }

  segmentSent(tcb: Tcb | null, sent: SentSegment): void {
    const log = tcb === null ? null : this.find(tcb);
    const segment = this.numberSent();
    this.begin(EVENT['seg:sent'], log, true);
    const { rows, at } = this;
    rows[at + record.AT_SEGMENT] = segment;
    rows[at + record.SEG_FLAGS] = sent.flags;
    rows[at + record.SEG_SEQ] = sent.seq >>> 0;
    rows[at + record.SEG_ACK] = sent.ack >>> 0;
    rows[at + record.SEG_WND] = sent.wnd;
    rows[at + record.SEG_UP] = sent.up;
    rows[at + record.SEG_LENGTH] = sent.dataLength;
    rows[at + record.SEG_SEGMENTS] = sent.segments;
    rows[at + record.SEG_SHIFT] = tcb === null || (sent.flags & SYN) !== 0 ? 0 : tcb.rcv.shift;
    const syn = sent.hasSynOptions;
    const { sackCount, sackPermitted, hasTimestamps } = sent;
    const scale = syn ? sent.windowScale : -1;
    const mss = syn ? sent.mss : -1;
    const packed = record.packOptions(mss, scale, sackCount, syn && sackPermitted, hasTimestamps);
    rows[at + record.SEG_OPTIONS] = packed;
    rows[at + record.SEG_TS_VALUE] = sent.tsVal >>> 0;
    rows[at + record.SEG_TS_ECHO] = sent.tsEcr >>> 0;
    rows[at + record.SEG_TRIGGER] = 2 * TRIGGERS.indexOf(sent.trigger) + (sent.retransmission ? 1 : 0);
    this.endsOrSack(tcb, sent);
    this.copies(log, sent, segment);
    this.commit();
    if (tcb !== null && log !== null) this.peer(log, peerWasSent(log.peerState, tcb, sent.flags));
  }

  /** Of nearly every segment it is the same. */
  private codeOf(verdict: Verdict): number {
    if (verdict !== 'accepted') return this.words.code(verdict);
    if (this.accepted === 0) this.accepted = this.words.code(verdict);
    return this.accepted;
  }

  /** Told of at once where a segment is the reason; where a connection ends, by {@link resetEnds}. */
  resetQueued(tcb: Tcb | null, reply: ReplyQueue): void {
    this.acts |= ACT['reset-peer'];
    this.resetFor = tcb;
    this.resetLocalAddress = reply.localAddress;
    this.resetLocalPort = reply.localPort;
    this.resetPeerAddress = reply.peerAddress;
    this.resetPeerPort = reply.peerPort;
    if (tcb === null) this.resetOwed = true;
  }

  /** The connection for which a reset was queued ends now, and this is why. */
  protected resetEnds(tcb: Tcb, why: number): void {
    if (this.resetFor !== tcb) return;
    this.resetFor = null;
    this.resetWhy(this.find(tcb), why);
  }

  private resetWhy(log: ConnectionLog | null, why: number): void {
    this.begin(EVENT['rst:why'], log, log === null);
    this.put(record.AT_SEGMENT, this.judging ? this.receivedSegment : 0);
    this.value(0, why);
    this.value(1, this.resetLocalAddress);
    this.value(2, this.resetLocalPort);
    this.value(3, this.resetPeerAddress);
    this.value(4, this.resetPeerPort);
    this.commit();
  }

  /** The segment that is being judged is a SYN. */
  protected get synArrived(): boolean {
    return this.judging && (this.before.flags & SYN) !== 0;
  }

  /** What the segment is a copy of. */
  private copies(log: ConnectionLog | null, sent: SentSegment, segment: number): void {
    this.put(record.SEG_COPY_OF, 0);
    const length = sent.dataLength + (sent.flags & 1) + ((sent.flags & SYN) >> 1);
    if (log === null || length === 0 || (sent.flags & RST) !== 0) return;
    const { sendings } = log;
    // The SYN,ACK of a record goes again as if it were the first.
    const again = sent.retransmission || (sent.flags & SYN) !== 0;
    const place = again ? sendings.again(sent.seq) : -1;
    if (place < 0) {
      sendings.note(sent.seq, (sent.seq + length) | 0, segment);
      return;
    }
    this.put(record.SEG_COPY_OF, sendings.segmentAt(place));
    this.put(record.SEG_COPY_NUMBER, sendings.copiesAt(place));
  }

  private remember(tcb: Tcb | null, seg: Segment): void {
    const { before } = this;
    this.acts = 0;
    this.judging = true;
    before.flags = seg.flags;
    before.len = seg.len;
    before.state = -1;
    before.seq = seg.seq;
    before.ack = seg.ack;
    if (tcb === null) return;
    const { snd, rcv } = tcb;
    before.state = stateCode(tcb.state);
    // In SYN-SENT the peer's numbers begin with this segment.
    const irs = tcb.state === 'SYN-SENT' ? seg.seq : rcv.irs;
    before.seq = seqDiff(seg.seq, irs);
    before.ack = (seg.flags & ACK) === 0 ? 0 : seqDiff(seg.ack, snd.iss);
    before.rcvNxt = seqDiff(rcv.nxt, irs);
    before.rcvWnd = rcv.wnd;
    before.sndUna = seqDiff(snd.una, snd.iss);
    before.sndNxt = seqDiff(snd.nxt, snd.iss);
    before.sndWnd = snd.wnd;
    before.sacked = tcb.inFlight.sacked;
    before.duplicateAcks = tcb.recovery.duplicateAcks;
    before.restarts = tcb.retry.recordCount;
    before.peerClosed = tcb.peerClosed;
    before.urgent = tcb.rcv.urgent ? tcb.rcv.up : 0;
  }

  /** A segment whose header is wrong was never received as one: it has a number and a verdict. */
  private headerless(seg: Segment): void {
    this.numberReceived();
    this.remember(null, seg);
  }

  /** Acts that show in the variables. */
  private changedBy(tcb: Tcb): number {
    const { before } = this;
    const { snd, rcv } = tcb;
    const {
      recovery,
      inFlight,
      acking: { acksOwed, challenge },
    } = tcb;
    const restarted = tcb.state === 'TIME-WAIT' && tcb.retry.recordCount > before.restarts;
    return (
      bit(stateCode(tcb.state) !== before.state, ACT.state) |
      bit(seqDiff(snd.una, snd.iss) > before.sndUna, ACT.ack) |
      bit(snd.wnd !== before.sndWnd, ACT.window) |
      bit(before.len > 0 && seqDiff(rcv.nxt, rcv.irs) > before.rcvNxt, ACT.data) |
      bit(tcb.peerClosed && !before.peerClosed, ACT.fin) |
      bit(rcv.urgent && rcv.up !== before.urgent, ACT.urgent) |
      bit(inFlight.sacked > before.sacked, ACT.sack) |
      bit(recovery.duplicateAcks > before.duplicateAcks, ACT['dup-ack']) |
      bit(challenge, ACT['challenge-ack']) |
      bit(!challenge && (tcb.acking.ackNow || acksOwed > 0), ACT['ack-now']) |
      bit((before.flags & RST) !== 0 && tcb.state === 'CLOSED', ACT.rst) |
      bit(restarted, ACT['time-wait-restart'])
    );
  }

  /** Tells what is believed of the peer, when it is something else. */
  private peer(log: ConnectionLog, state: number): void {
    if (state < 0 || state === log.peerState) return;
    log.peerState = state;
    this.begin(EVENT['peer:state'], log, false);
    this.value(0, state);
    this.commit();
  }

  /** SACK blocks of a connection's segment; addresses and ports of one that has no connection. */
  private endsOrSack(tcb: Tcb | null, segment: Segment | SentSegment): void {
    if (tcb === null) {
      this.put(record.SEG_LOCAL_ADDRESS, segment.localAddress);
      this.put(record.SEG_LOCAL_PORT, segment.localPort);
      this.put(record.SEG_PEER_ADDRESS, segment.peerAddress);
      this.put(record.SEG_PEER_PORT, segment.peerPort);
      return;
    }
    for (let i = 0; i < 2 * segment.sackCount; i++) {
      this.put(record.SEG_SACK + i, (segment.sackEdges[i] as number) >>> 0);
    }
  }
}

function bit(did: boolean, act: number): number {
  return did ? act : 0;
}
