/** Real time, for faults between a running stack and its device. */

import type { Clock } from '../../base/clock.ts';
import type { Timeline } from '../../faults/world.ts';

/** setTimeout takes 31 bits of milliseconds. */
const LONGEST_WAIT = 0x7fffffff;

/**
 * A timeline that keeps no process alive. Timeouts are whole milliseconds between whole milliseconds, so
 * one may fire up to a millisecond early: it is then set once more.
 */
export function realTimeline(clock: Clock): Timeline {
  const at = (time: number, run: () => void): void => {
    const wait = Math.ceil((time - clock.now) / 1000);
    const fired = (): void => (clock.now < time ? at(time, run) : run());
    setTimeout(fired, Math.min(LONGEST_WAIT, Math.max(0, wait))).unref();
  };
  return { now: () => clock.now, at };
}
