/** What the checks of several labs are made of. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { type Rung, rungsOf } from '../../expect/rungs.ts';
import type { CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';

/** A line of checks, with what was found. */
export const point = (en: string, zh: string, ok: boolean, detail?: string): CheckLine => ({
  text: { en, zh },
  ok,
  ...(detail === undefined ? {} : { detail }),
});

/** Segments of one side with exactly these flags; PSH does not matter. */
export const segments = (events: readonly LogEvent[], from: 'K' | 'S', flags: string): Rung[] =>
  rungsOf(events).filter((rung) => rung.from === from && flagsOf(rung) === flags);

const flagsOf = ({ flags }: Rung): string => flags.filter((flag) => flag !== 'PSH').join(',');

/** How often that happened, with these values in its data. */
export const happened = (
  events: readonly LogEvent[],
  name: string,
  data: Readonly<Record<string, unknown>> = {},
): LogEvent[] =>
  events.filter(
    (event) => event.ev === name && Object.entries(data).every(([key, value]) => event.data[key] === value),
  );

/** States that a connection of S went through. */
export const pathOf = (events: readonly LogEvent[], conn: string): string =>
  events
    .filter((event) => event.ev === 'conn:state' && event.conn === conn)
    .map(({ data }, index) => (index === 0 ? `${String(data['old'])} → ` : '') + String(data['new']))
    .join(' → ');

/** What `ss` shows of K now: states with their timers. */
export async function statesOfK(stage: Stage): Promise<string> {
  const sockets = await stage.kernelSockets();
  return sockets.map(({ state, timer }) => `${state}${timer === null ? '' : ` (${timer.name})`}`).join(', ');
}

/** What `fourwave ss` shows of S now, listeners left out. */
export async function statesOfS(stage: Stage): Promise<string> {
  const all = (await stage.connections()).filter(({ state }) => (state as string) !== 'LISTEN');
  return all
    .map(({ state, timers }) => `${state}${timers.map(({ name }) => ` (${name})`).join('')}`)
    .join(', ');
}

/** Whether one is twice the one before, all along, within a tenth. */
export const doubles = (values: readonly number[]): boolean =>
  values.every((value, index) => {
    const before = values[index - 1];
    return before === undefined || Math.abs(value / before - 2) < 0.2;
  });
