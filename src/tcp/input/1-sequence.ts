/** RFC 9293 §3.10.7.4, first: check the sequence number. With PAWS, RFC 7323 §5. */

import { REASON } from '../../base/reasons.ts';
import { type Seq, seqAdd, seqDiff, seqInWindow, seqLe, seqLt } from '../../base/seq.ts';
import { ACK, FIN, PSH, RST, type Segment, SYN } from '../../wire/segment.ts';
import { KIND_CONNECTION, type Tcb } from '../tcb.ts';
import { TIMER_TIME_WAIT } from '../timers/timer-table.ts';
import { type Check, challenge, discard, discardWithAck, repeatSynAck } from './verdict.ts';

/** TS.Recent is worth nothing after 24 days without a segment, RFC 7323 §5.5. */
export const TS_RECENT_LIFE = 24 * 24 * 3600 * 1_000_000;

export function checkSequence(tcb: Tcb, seg: Segment): Check {
  // A SYN for TIME-WAIT may open the next incarnation: the fourth check decides (MAY-2).
  if (tcb.state === 'TIME-WAIT' && (seg.flags & (SYN | ACK | RST | FIN)) === SYN) return 'continue';
  if (checkTimestamps(tcb, seg) === 'discard') return 'discard';
  if (seg.isRst) return acceptable(tcb, seg.seq, 0) ? 'continue' : discard(tcb, REASON.TCP_RST_OUTSIDE);
  if (tcb.state === 'SYN-RECEIVED' && seg.isSyn && seg.seq === tcb.rcv.irs) return crossedSyn(tcb, seg);
  if (!acceptable(tcb, seg.seq, seg.len)) return unacceptable(tcb, seg);
  // RFC 5961 §4.2: every other SYN is challenged, whatever else it carries.
  if (!seg.isSyn) trim(tcb, seg);
  return 'continue';
}

/** RFC 7323 §5.3 R1; RFC 7323 §3.2 for a segment without the option. */
function checkTimestamps(tcb: Tcb, seg: Segment): Check {
  const { timestamps } = tcb;
  if (!timestamps.agreed || seg.isRst) return 'continue';
  if (!seg.hasTimestamps) return seg.isSyn ? 'continue' : discard(tcb, REASON.TCP_TIMESTAMP_MISSING);
  if (((seg.tsVal - timestamps.recent) | 0) >= 0) return 'continue';
  if (tcb.clock.now - timestamps.recentAt > TS_RECENT_LIFE) return 'continue';
  if (tcb.state === 'SYN-RECEIVED' && seg.isSyn) return repeatSynAck(tcb, seg);
  return seg.len > 0 ? discardWithAck(tcb, REASON.TCP_RFC7323_PAWS) : challenge(tcb, REASON.TCP_RFC7323_PAWS);
}

/** The four cases of RFC 9293 §3.4, Table 6. */
function acceptable(tcb: Tcb, seq: Seq, len: number): boolean {
  const { nxt, wnd } = tcb.rcv;
  if (len === 0) return wnd === 0 ? seq === nxt : seqInWindow(seq, nxt, wnd);
  // A closed window still lets an ACK, URG or RST at its edge through (MUST-66); `trim` takes the text off.
  if (wnd === 0) return seq === nxt;
  return seqInWindow(seq, nxt, wnd) || seqInWindow(seqAdd(seq, len - 1), nxt, wnd) || covers(tcb, seq, len);
}

/** The segment begins before the window and ends behind it: more than the RFC's two points can see. */
function covers(tcb: Tcb, seq: Seq, len: number): boolean {
  const { rcv } = tcb;
  const before = seqDiff(rcv.nxt, seq);
  return before > 0 && before < len && len - before >= rcv.wnd;
}

/** An ACK goes back; it is never limited for data, which may be a retransmission whose ACK was lost. */
function unacceptable(tcb: Tcb, seg: Segment): Check {
  const { rcv } = tcb;
  const old = seqLe(seg.end, rcv.nxt) && seqLt(seg.seq, rcv.nxt);
  const reason = old
    ? REASON.TCP_OLD_SEQUENCE
    : rcv.wnd === 0
      ? REASON.TCP_ZEROWINDOW
      : REASON.TCP_OVERWINDOW;
  if (seg.isSyn) return challenge(tcb, REASON.TCP_SYN_CHALLENGE);
  if (seg.len === 0) return challenge(tcb, reason);
  if (old) noteDuplicate(tcb, seg.seq, seg.end);
  if (tcb.state === 'TIME-WAIT' && seg.isFin && old) restartTimeWait(tcb);
  discardWithAck(tcb, reason);
  if (old) tcb.context.judge('duplicate', reason);
  return 'discard';
}

/** A retransmitted FIN says that the peer has not seen our last ACK: 2 MSL begin again (§3.10.7.4, eighth). */
function restartTimeWait(tcb: Tcb): void {
  // The first 2 MSL have not begun yet: the record is made in phase 4.
  const { retry } = tcb;
  if (tcb.kind === KIND_CONNECTION) return;
  retry.recordDeadline = tcb.clock.now + 2 * tcb.config.msl;
  retry.recordCount++;
  if (tcb.trace !== null) tcb.trace.timerSet(tcb, TIMER_TIME_WAIT, true);
}

/**
 * The SYN that we know already, while ours is unacknowledged. With the ACK of our SYN it completes a
 * simultaneous open; alone, the peer did not get our answer.
 */
function crossedSyn(tcb: Tcb, seg: Segment): Check {
  const { snd } = tcb;
  if (!seg.isAck || seg.ack !== snd.nxt) return repeatSynAck(tcb, seg);
  noteDuplicate(tcb, seg.seq, seqAdd(seg.seq, 1));
  tcb.acking.ackNow = true;
  tcb.context.markReady(tcb);
  // The window of a SYN is not scaled (WS-02); what follows takes this for any other segment.
  seg.wnd >>>= snd.shift;
  stripSyn(seg);
  return 'continue';
}

/** The SYN has been dealt with: what is left of the segment begins one number later. */
export function stripSyn(seg: Segment): void {
  seg.flags &= ~SYN;
  seg.seq = seqAdd(seg.seq, 1);
  if (seg.up > 0) seg.up--;
}

/** Cuts off what lies outside the window, on both sides; SYN and FIN are sequence space like any other. */
function trim(tcb: Tcb, seg: Segment): void {
  const { nxt, wnd } = tcb.rcv;
  const before = seqDiff(nxt, seg.seq);
  if (before > 0 && seg.len > 0) {
    noteDuplicate(tcb, seg.seq, nxt);
    seg.seq = nxt;
    seg.up = Math.max(0, seg.up - before);
    seg.dataStart = Math.min(seg.dataEnd, seg.dataStart + before);
    tcb.context.judge('partial', REASON.TCP_OLD_DATA);
  }
  const after = seqDiff(seg.end, seqAdd(nxt, wnd));
  if (after <= 0) return;
  if (wnd === 0) tcb.acking.acksOwed++;
  // Text behind the window is not there; a FIN behind it even less.
  const finIsCut = seg.isFin ? 1 : 0;
  seg.flags &= ~(FIN | PSH);
  seg.dataEnd = Math.max(seg.dataStart, seg.dataEnd - (after - finIsCut));
  if (wnd === 0) {
    tcb.context.markReady(tcb);
    tcb.context.judge('dropped', REASON.TCP_ZEROWINDOW);
  } else {
    tcb.context.judge('partial', REASON.TCP_OVERWINDOW);
  }
}

/** Remembers [start, end) for a DSACK, RFC 2883 §4; sequence numbers that wrapped far away are not reported. */
export function noteDuplicate(tcb: Tcb, start: Seq, end: Seq): void {
  const { acking } = tcb;
  if (!tcb.handshake.sackAgreed || !tcb.config.dsack) return;
  acking.dsackStart = start;
  acking.dsackEnd = end;
  acking.dsackPending = true;
}
