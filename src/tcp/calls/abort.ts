/** ABORT, RFC 9293 §3.10.5. */

import { fail, queueReset } from '../lifecycle.ts';
import { STATES } from '../state.ts';
import type { Tcb } from '../tcb.ts';

/** Resets the connection: everything queued, either way, is lost. The owner hears nothing from now on. */
export function abort(tcb: Tcb): void {
  const context = tcb.context;
  tcb.owner = null;
  tcb.readerGone = true;
  if (tcb.detached || tcb.state === 'CLOSED') {
    tcb.receiveBuffer.clear();
    return;
  }
  if (tcb.trace !== null) tcb.trace.appCalled(tcb, 'abort', 0);
  // In SYN-SENT the peer knows nothing yet, in the closing states of both sides nothing is left to reset.
  const tell = tcb.state === 'SYN-RECEIVED' || STATES[tcb.state].synchronized;
  if (tell && tcb.state !== 'CLOSING' && tcb.state !== 'LAST-ACK' && tcb.state !== 'TIME-WAIT') {
    queueReset(context, tcb);
  }
  fail(context, tcb, 'ABORT', 'aborted', null);
}
