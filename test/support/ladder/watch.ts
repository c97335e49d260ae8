/** What a stack tells of its connections while a ladder is played. */

import type { CloseReason } from '../../../src/tcp/events.ts';
import type { State } from '../../../src/tcp/state.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { TIMER_NAMES } from '../../../src/tcp/timers/timer-table.ts';
import { TeeTrace } from '../../../src/trace/tee.ts';

/** What happens to our own connections and their timers, in order. */
export class Watch extends TeeTrace {
  readonly states: string[] = [];
  /** `rto set`, `time-wait restarted`, `persist fired`, … */
  readonly timers: string[] = [];
  /** Why connections ended. */
  readonly reasons: CloseReason[] = [];

  constructor() {
    super([]);
  }

  override stateChanged(tcb: Tcb, _from: State, _on: string): void {
    this.states.push(tcb.state);
  }
  override connectionClosed(_tcb: Tcb, reason: CloseReason): void {
    this.reasons.push(reason);
  }
  override timerSet(_tcb: Tcb, timer: number, restarted: boolean): void {
    this.timers.push(`${TIMER_NAMES[timer]} ${restarted ? 'restarted' : 'set'}`);
  }
  override timerCancelled(_tcb: Tcb, timer: number): void {
    this.timers.push(`${TIMER_NAMES[timer]} cancelled`);
  }
  override timerFired(_tcb: Tcb, timer: number): void {
    this.timers.push(`${TIMER_NAMES[timer]} fired`);
  }
}
