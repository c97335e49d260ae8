/** Small things that many labs do. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { CheckLine } from '../result.ts';
import type { Stage } from '../stage.ts';

/** A check; `detail` is the figure that was measured. */
export function check(
  [en, zh]: readonly [string, string],
  ok: boolean,
  detail?: string | number | boolean | null,
): CheckLine {
  return { text: { en, zh }, ok, ...(detail === undefined ? {} : { detail: String(detail) }) };
}

/** How often one of our timers was set, restarted or fired. */
export function timerEvents(events: readonly LogEvent[], timer: string): readonly string[] {
  return events.flatMap(({ ev, data }) => {
    if (data['timer'] !== timer) return [];
    if (ev === 'timer:set') return [data['restart'] === true ? 'restarted' : 'set'];
    return ev.startsWith('timer:') ? [ev.slice('timer:'.length)] : [];
  });
}

/** S's connections that are in TIME-WAIT. */
export async function timeWaits(stage: Stage): Promise<number> {
  const all = await stage.connections();
  return all.filter(({ state }) => state === 'TIME-WAIT').length;
}

/** ms that are left of the first TIME-WAIT of S; null: there is none. */
export async function timeWaitLeft(stage: Stage): Promise<number | null> {
  const all = await stage.connections();
  const record = all.find(({ state }) => state === 'TIME-WAIT');
  return record?.timers[0]?.remainingMs ?? null;
}

/** A kept number of milliseconds, for people. */
export const msLeft = (value: unknown): string =>
  typeof value === 'number' ? `${value} ms left` : 'nothing';

/** ms that pass between two events. */
export const msBetween = (from: LogEvent, to: LogEvent): number => (to.t - from.t) * 1000;
