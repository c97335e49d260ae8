/** RFC 9293 §3.10.7.4, second: check the RST bit. With RFC 5961 §3.2 and RFC 1337. */

import { REASON } from '../../base/reasons.ts';
import type { Segment } from '../../wire/segment.ts';
import type { ErrorCode } from '../events.ts';
import { fail, release } from '../lifecycle.ts';
import type { Tcb } from '../tcb.ts';
import { transition } from '../transitions.ts';
import { type Check, challenge, discard } from './verdict.ts';

export function checkRst(tcb: Tcb, seg: Segment): Check {
  if (!seg.isRst) return 'continue';
  if (tcb.state === 'TIME-WAIT' && tcb.config.timeWaitRfc1337) return discard(tcb, REASON.TCP_RST_TIMEWAIT);
  // Only a reset at exactly RCV.NXT can come from someone who sees the connection.
  if (tcb.config.rfc5961 && seg.seq !== tcb.rcv.nxt) return challenge(tcb, REASON.TCP_RST_CHALLENGE);

  discard(tcb, REASON.TCP_RESET);
  tcb.context.judge('accepted', REASON.TCP_RESET);
  switch (tcb.state) {
    case 'SYN-RECEIVED':
      if (tcb.handshake.fastOpenListener !== null) {
        // It has a user already, who has perhaps acted on its data.
        fail(tcb.context, tcb, 'rcv RST', 'reset-by-peer', 'ECONNRESET');
      } else if (tcb.passive) {
        // Back to LISTEN: the listener has never left it, only the record goes. The user hears nothing.
        transition(tcb, 'SYN-RECEIVED', 'rcv RST (passive OPEN)', 'LISTEN');
        release(tcb.context, tcb, 'reset-by-peer');
      } else {
        fail(tcb.context, tcb, 'rcv RST', 'refused', 'ECONNREFUSED');
      }
      break;
    case 'TIME-WAIT':
      fail(tcb.context, tcb, 'rcv RST', 'assassinated', null);
      break;
    default:
      fail(tcb.context, tcb, 'rcv RST', 'reset-by-peer', errorOf(tcb));
  }
  return 'discard';
}

/** What the user is told: a peer that had already finished makes it a broken pipe. */
function errorOf(tcb: Tcb): ErrorCode | null {
  switch (tcb.state) {
    case 'CLOSE-WAIT':
      return 'EPIPE';
    case 'CLOSING':
    case 'LAST-ACK':
      // Both sides have said all they had to say.
      return tcb.sendBuffer.length > 0 ? 'ECONNRESET' : null;
    default:
      return 'ECONNRESET';
  }
}
