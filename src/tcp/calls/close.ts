/** CLOSE, RFC 9293 §3.10.4: of the sending side only, or of both. */

import { REASON } from '../../base/reasons.ts';
import type { TcpContext } from '../context.ts';
import { armFinWait2, becameEstablished, fail, queueReset, release, setOrphan } from '../lifecycle.ts';
import type { Listener } from '../listener.ts';
import { STATES } from '../state.ts';
import { KIND_CONNECTION, type Tcb } from '../tcb.ts';
import { transition, transitionFromAny } from '../transitions.ts';
import { abort } from './abort.ts';

/** "I have no more data to send": FIN follows what is queued; receiving goes on. Idempotent. */
export function shutdown(tcb: Tcb): void {
  const { handshake } = tcb;
  const context = tcb.context;
  if (tcb.finQueued || handshake.closePending || tcb.detached) return;
  if (tcb.trace !== null && tcb.state !== 'CLOSED') tcb.trace.appCalled(tcb, 'shutdown', 0);
  switch (tcb.state) {
    case 'SYN-SENT':
      transition(tcb, 'SYN-SENT', 'CLOSE', 'CLOSED');
      release(context, tcb, 'aborted');
      return;
    case 'SYN-RECEIVED':
      if (waitsForHandshake(tcb)) {
        handshake.closePending = true;
        return;
      }
      // Both SYNs are known, and nothing will be established any more: what follows from them is settled now.
      becameEstablished(tcb);
      transition(tcb, 'SYN-RECEIVED', 'CLOSE', 'FIN-WAIT-1');
      break;
    case 'ESTABLISHED':
      transition(tcb, 'ESTABLISHED', 'CLOSE', 'FIN-WAIT-1');
      break;
    case 'CLOSE-WAIT':
      transition(tcb, 'CLOSE-WAIT', 'CLOSE', 'LAST-ACK');
      break;
    default:
      return;
  }
  if (tcb.closedFirst === null) tcb.closedFirst = 'us';
  tcb.finQueued = true;
  context.markReady(tcb);
}

/** The FIN is queued until ESTABLISHED, with the data before it; see {@link closeWhenEstablished}. */
function waitsForHandshake(tcb: Tcb): boolean {
  return tcb.sendBuffer.length > 0 || tcb.handshake.fastOpenListener !== null;
}

/** Whether there are bytes that a user, who could have read them, has not read. */
function hasUnread(tcb: Tcb): boolean {
  if (tcb.readable === 0 || tcb.state === 'TIME-WAIT') return false;
  return STATES[tcb.state].synchronized || tcb.handshake.fastOpenListener !== null;
}

/**
 * The user goes: nothing more will be sent or read. Unread bytes, or bytes that come later, are
 * answered by a reset (SHLD-3). The owner hears nothing from now on.
 */
export function close(tcb: Tcb): void {
  const { receiveBuffer } = tcb;
  const context = tcb.context;
  if (tcb.owner === null && tcb.readerGone) return;
  tcb.owner = null;
  if (tcb.detached || tcb.state === 'CLOSED') {
    tcb.readerGone = true;
    receiveBuffer.clear();
    return;
  }
  if (tcb.trace !== null) tcb.trace.appCalled(tcb, 'close', 0);
  if (hasUnread(tcb)) {
    abort(tcb);
    return;
  }
  tcb.readerGone = true;
  shutdown(tcb);
  if (tcb.row < 0 || tcb.flow < 0) return;
  receiveBuffer.clear();
  setOrphan(context, tcb, true);
  if (tcb.state === 'FIN-WAIT-2') armFinWait2(tcb);
  limitOrphans(context, tcb);
}

/** SYN-RECEIVED has become ESTABLISHED and the user had already closed. */
export function closeWhenEstablished(tcb: Tcb): void {
  const { handshake } = tcb;
  if (!handshake.closePending || tcb.state !== 'ESTABLISHED') return;
  handshake.closePending = false;
  shutdown(tcb);
}

/** Over the limit of orphans the newest is reset: the older ones are nearer to their end. */
function limitOrphans(context: TcpContext, tcb: Tcb): void {
  if (context.orphans <= tcb.config.orphansMax) return;
  context.counters.count(REASON.TCP_ORPHAN_LIMIT);
  queueReset(context, tcb);
  fail(context, tcb, 'eviction', 'evicted', null);
}

/** Stops listening: what waits for `accept` is reset, what is half open is forgotten. */
export function closeListener(context: TcpContext, listener: Listener): void {
  if (listener.state !== 'LISTEN') return;
  context.listeners.remove(listener);
  listener.owner = null;
  for (const tcb of listener.acceptQueue) {
    if (tcb.kind === KIND_CONNECTION && tcb.state !== 'CLOSED') abort(tcb);
    else tcb.receiveBuffer.clear();
  }
  listener.acceptQueue.length = 0;
  const records = context.synReceived;
  for (let index = 0; index < records.limit; index++) {
    if (records.listenerOf(index) !== listener) continue;
    const tcb = context.blockOf(records.flowOf(index));
    transitionFromAny(tcb, 'ABORT');
    release(context, tcb, 'aborted');
  }
  transition(listener, 'LISTEN', 'CLOSE', 'CLOSED');
}
