/** SEND, RFC 9293 §3.10.2. */

import { TcpError } from '../events.ts';
import { STATES } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { TIMER_PERSIST, TIMER_USER } from '../timers/timer-table.ts';
import { armTimer, isArmed } from '../timers/timers.ts';

/** When the memory budget of the stack is used up, the user may try again after this, µs. */
const MEMORY_RETRY = 100_000;

/**
 * Queues a copy of `bytes[start … end)`. Returns how many bytes were taken; fewer than given when
 * the send buffer is full, and then EVENT_WRITABLE follows.
 *
 * @throws TcpError EPIPE after SHUTDOWN or CLOSE, or when the connection is over
 */
export function send(tcb: Tcb, bytes: Uint8Array, start: number, end: number): number {
  const { limits } = tcb;
  prepare(tcb);
  const wanted = Math.min(tcb.writable, end - start);
  if (wanted < end - start) limits.writeBlocked = true;
  if (wanted <= 0) return 0;
  const taken = tcb.sendBuffer.append(bytes, start, start + wanted);
  if (taken < wanted) {
    limits.writeBlocked = true;
    // No ACK may be due that would tell of room: ask again (see `persistExpired`).
    if (tcb.inFlight.count === 0 && !isArmed(tcb, TIMER_PERSIST)) armTimer(tcb, TIMER_PERSIST, MEMORY_RETRY);
    if (taken === 0) return 0;
  }
  queued(tcb, taken);
  return taken;
}

/** More at once is not taken: all that is queued stays well within half of the sequence space. */
const MOST_OWNED = 1 << 30;

/**
 * Queues `bytes[start … end)` without a copy: the memory is the connection's until the peer has
 * acknowledged it, or the connection is over. While there is any room in the send buffer all of it is taken
 * (1 GiB at most), since it costs the stack no memory; returns how much, 0 = full, and then EVENT_WRITABLE
 * follows.
 *
 * @throws TcpError EPIPE as {@link send}
 */
export function sendOwned(tcb: Tcb, bytes: Uint8Array, start: number, end: number): number {
  prepare(tcb);
  const taken = Math.min(MOST_OWNED, end - start);
  if (taken <= 0) return 0;
  if (tcb.writable === 0) {
    tcb.limits.writeBlocked = true;
    return 0;
  }
  tcb.sendBuffer.appendOwned(bytes.subarray(start, start + taken));
  queued(tcb, taken);
  return taken;
}

/** @throws TcpError EPIPE */
function prepare(tcb: Tcb): void {
  if (tcb.state === 'CLOSED') throw new TcpError('EPIPE', 'the connection is closed');
  if (tcb.finQueued || tcb.handshake.closePending || !STATES[tcb.state].maySend) {
    throw new TcpError('EPIPE', 'this side has already finished sending');
  }
  tuneSendLimit(tcb);
}

/** `taken` bytes are new in the send buffer. */
function queued(tcb: Tcb, taken: number): void {
  const { tally, user } = tcb;
  if (tally.busySince === 0) tally.busySince = tcb.clock.now;
  if (tcb.trace !== null) tcb.trace.appCalled(tcb, 'write', taken);
  if (user.userTimeout > 0 && !isArmed(tcb, TIMER_USER)) armTimer(tcb, TIMER_USER, user.userTimeout);
  tcb.context.markReady(tcb);
}

/** Twice what may be in flight: a window on its way and one to fill the next. */
function tuneSendLimit(tcb: Tcb): void {
  const { limits } = tcb;
  const config = tcb.config;
  if (!config.bufferAutoTuning || limits.sendFixed) return;
  const wanted = Math.min(config.bufferSendMax, 2 * tcb.congestion.cwnd);
  const pool = tcb.context.pool;
  if (wanted > limits.send && pool.inUse * 2 < pool.budget) limits.send = wanted;
}
