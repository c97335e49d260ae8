/**
 * Numbers of one log out of the numbers of several: those of worker k of N are every Nth, from k + 1 on.
 * What named an event or a segment before names it still, and no two have the same name.
 */

import type { LogEvent } from '../../../trace/log-event.ts';

/** Which worker, of how many. */
export interface Place {
  readonly index: number;
  readonly count: number;
}

export function renumbered(event: LogEvent, { index, count }: Place): LogEvent {
  const mapped = (n: number): number => (n - 1) * count + index + 1;
  const { data } = event;
  return {
    ...event,
    n: mapped(event.n),
    ...(event.seg === undefined ? {} : { seg: mapped(event.seg) }),
    ...(event.cause === undefined ? {} : { cause: mapped(event.cause) }),
    // A run of merged events names its first.
    data: event.ev === 'seg:run' ? { ...data, first: mapped(Number(data['first'])) } : data,
  };
}
