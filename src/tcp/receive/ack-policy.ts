/**
 * When to acknowledge, RFC 9293 §3.8.6.3, RFC 5681 §4.2. In-order data earns one ACK for the whole
 * turn, now or delayed; each segment out of order, duplicate or filling a gap earns its own.
 */

import type { Tcb } from '../tcb.ts';
import { TIMER_DELAYED_ACK } from '../timers/timer-table.ts';
import { armTimer, isArmed } from '../timers/timers.ts';

/** `length` bytes in order, in `segments` wire segments; `hadGap`: some were waiting behind a hole. */
export function dataArrivedInOrder(tcb: Tcb, length: number, segments: number, hadGap: boolean): void {
  const { acking } = tcb;
  acking.unackedReceived += length;
  acking.segmentsSinceAck += segments;
  // What was owed for older gaps says less than the ACK that is due now (MUST-58, MUST-59).
  acking.acksOwed = 0;
  if (hadGap) {
    acking.ackNow = true;
    return;
  }
  if (ackIsDue(tcb, segments)) acking.ackNow = true;
  else delayAck(tcb);
}

/** Whether the peer should hear at once. */
function ackIsDue(tcb: Tcb, segments: number): boolean {
  const { acking } = tcb;
  const config = tcb.config;
  if (config.ackDelay === 0) return true;
  if (config.ackStretch > 0 && acking.segmentsSinceAck >= config.ackStretch) return true;
  if (config.ackPolicy === 'delay') return acking.segmentsSinceAck >= 2;
  if (acking.quickAcks > 0) {
    acking.quickAcks = Math.max(0, acking.quickAcks - segments);
    return true;
  }
  // At least every second full-sized segment (SHLD-19), by what this peer sends as full.
  return acking.unackedReceived > acking.peerSegment;
}

/** A segment that is not next in line: each earns its own ACK, so that the peer can count them. */
export function dataArrivedOutOfOrder(tcb: Tcb, segments: number): void {
  tcb.acking.acksOwed += segments;
}

/** The peer's FIN was reached. Its ACK is delayed like data's, for the reply that may carry it, or our FIN. */
export function finArrived(tcb: Tcb): void {
  const { acking } = tcb;
  acking.acksOwed = 0;
  if (
    tcb.config.ackPolicy === 'delay' ||
    tcb.config.ackDelay === 0 ||
    tcb.receiveBuffer.outOfOrder.count > 0
  ) {
    acking.ackNow = true;
  } else if (!acking.ackNow) {
    delayAck(tcb);
  }
}

function delayAck(tcb: Tcb): void {
  if (!tcb.acking.ackNow && !isArmed(tcb, TIMER_DELAYED_ACK))
    armTimer(tcb, TIMER_DELAYED_ACK, tcb.config.ackDelay);
}
