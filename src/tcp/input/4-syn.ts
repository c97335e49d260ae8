/** RFC 9293 §3.10.7.4, fourth: check the SYN bit. With RFC 5961 §4.2 and RFC 6191. */

import { REASON } from '../../base/reasons.ts';
import { seqGt } from '../../base/seq.ts';
import { ACK, FIN, RST, type Segment, SYN } from '../../wire/segment.ts';
import { fail, queueReset, release } from '../lifecycle.ts';
import type { Tcb } from '../tcb.ts';
import { transition } from '../transitions.ts';
import { type Check, challenge } from './verdict.ts';

export function checkSyn(tcb: Tcb, seg: Segment): Check {
  if (!seg.isSyn) return 'continue';
  if (tcb.state === 'TIME-WAIT' && (seg.flags & (SYN | ACK | RST | FIN)) === SYN) {
    const listener = tcb.context.listeners.find(tcb.localAddress, tcb.localPort);
    return listener?.full === false && mayReplace(tcb, seg)
      ? replace(tcb)
      : challenge(tcb, REASON.TIMEWAIT_SYN);
  }
  if (tcb.config.rfc5961) return challenge(tcb, REASON.TCP_SYN_CHALLENGE);

  // Without RFC 5961, as RFC 9293 words it: the SYN is an error.
  tcb.context.judge('dropped', REASON.TCP_SYN_CHALLENGE);
  if (tcb.state === 'SYN-RECEIVED' && tcb.passive && tcb.handshake.fastOpenListener === null) {
    transition(tcb, 'SYN-RECEIVED', 'rcv SYN (passive OPEN)', 'LISTEN');
    release(tcb.context, tcb, 'reset-by-peer');
  } else {
    queueReset(tcb.context, tcb);
    fail(tcb.context, tcb, 'rcv RST', 'reset-sent', 'ECONNRESET');
  }
  return 'discard';
}

/** Whether a SYN surely belongs to a new incarnation: RFC 9293 §3.6.1 MAY-2, RFC 6191 §2. */
function mayReplace(tcb: Tcb, seg: Segment): boolean {
  const { timestamps } = tcb;
  const policy = tcb.config.timeWaitReuse;
  if (policy === 'off') return false;
  const higher = seqGt(seg.seq, tcb.rcv.nxt);
  if (policy !== 'isn' && timestamps.agreed && seg.hasTimestamps) {
    const newer = (seg.tsVal - timestamps.recent) | 0;
    return newer > 0 || (newer === 0 && higher);
  }
  if (policy === 'timestamps' && !seg.hasTimestamps) return false;
  // RFC 6191 §2: no timestamps before, timestamps now.
  if (policy !== 'isn' && !timestamps.agreed && seg.hasTimestamps) return true;
  return higher;
}

/** The record makes way; the listener takes the SYN as soon as this connection is gone. */
function replace(tcb: Tcb): Check {
  const context = tcb.context;
  context.reincarnate = true;
  context.previousNxt = tcb.snd.nxt;
  context.previousIncarnation = tcb.incarnation;
  context.counters.count(REASON.TIMEWAIT_REUSED);
  transition(tcb, 'TIME-WAIT', 'rcv SYN', 'CLOSED');
  release(context, tcb, 'reused');
  return 'discard';
}
