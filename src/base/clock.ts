/** Time inside the stack: microseconds, monotonic, any origin below 2^53. */

/** Read `clock.now`; never pass or return a time on the packet path (a double would be boxed). */
export interface Clock {
  /** µs since the clock's origin. */
  readonly now: number;
}

/** The deadline of a timer that is not armed. */
export const NEVER = Infinity;

export const MICROSECONDS_PER_MILLISECOND = 1_000;
export const MICROSECONDS_PER_SECOND = 1_000_000;
