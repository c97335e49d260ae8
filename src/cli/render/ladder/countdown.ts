/** The timers that run, in one line: `c1 time-wait 1.8s ▓▓▓░░`. */

import type { Armed } from './lanes.ts';
import { ASCII, inAscii, UNICODE } from './marks.ts';
import { durationText } from './text.ts';

const BAR = 8;
/** A timer that should have fired so long ago, seconds, is one that we have not heard of again. */
const STALE = 2;

export function timersText(
  armed: readonly Armed[],
  t: number,
  { width, ascii }: { readonly width: number; readonly ascii: boolean },
): string {
  const { full, empty } = ascii ? ASCII : UNICODE;
  let line = '';
  for (const { conn, timer, setAt, dueAt } of armed) {
    if (t > dueAt + STALE) continue;
    const left = Math.max(0, dueAt - t);
    const whole = Math.max(1e-6, dueAt - setAt);
    const cells = Math.min(BAR, Math.round((left / whole) * BAR));
    const words = `${conn} ${timer} ${durationText(left * 1000)}`;
    const part = `${ascii ? inAscii(words) : words} ${full.repeat(cells)}${empty.repeat(BAR - cells)}`;
    const longer = line === '' ? part : `${line}  ${part}`;
    if (longer.length > width) break;
    line = longer;
  }
  return line;
}
