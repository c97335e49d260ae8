/** What the labs about closing look at in the log, again and again. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { type Rung, rungsOf } from '../../expect/rungs.ts';
import type { CheckLine } from '../../result.ts';

/** One line of a lab's checks. */
export function checked(en: string, zh: string, ok: boolean, detail?: string | number): CheckLine {
  return { text: { en, zh }, ok, ...(detail === undefined ? {} : { detail: String(detail) }) };
}

/** The states that S went through, the first incarnation's unless told: `SYN-RECEIVED ESTABLISHED …`. */
export function pathOf(events: readonly LogEvent[], conn = 'c1'): string {
  return events
    .filter((event) => event.ev === 'conn:state' && event.conn === conn)
    .map(({ data }) => String(data['new']))
    .join(' ');
}

/** What a timer of S did: `set`, `cancel`, `fire`. */
export function timerEvents(events: readonly LogEvent[], timer: string, conn = 'c1'): readonly LogEvent[] {
  return events.filter(
    (event) => event.ev.startsWith('timer:') && event.conn === conn && event.data['timer'] === timer,
  );
}

/** Segments of one side with a flag, lost ones too. */
export function segmentsWith(
  events: readonly LogEvent[],
  from: 'K' | 'S',
  flag: string,
  conn?: string,
): readonly Rung[] {
  return rungsOf(events).filter(
    (rung) => rung.from === from && rung.flags.includes(flag) && (conn === undefined || rung.conn === conn),
  );
}

/** ms between one segment and the next. */
export function gapsOf(rungs: readonly Rung[]): readonly number[] {
  return rungs.slice(1).map(({ t }, index) => Math.round((t - (rungs[index] as Rung).t) * 1000));
}
