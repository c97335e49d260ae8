/** All labs, in the learner's order. */

import type { Lab } from '../lab.ts';
import { ACK } from './ack/index.ts';
import { CC } from './cc/index.ts';
import { CLOSE } from './close/index.ts';
import { DATA } from './data/index.ts';
import { HALF_OPEN } from './half-open/index.ts';
import { NC } from './nc/index.ts';
import { OPEN } from './open/index.ts';
import { RESET } from './reset/index.ts';
import { TIME_WAIT } from './time-wait/index.ts';
import { WIN } from './win/index.ts';

/** One hour that answers the interview questions. */
const FIRST_HOUR = [
  'nc/flavours',
  'open/three-way',
  'close/server-first',
  'close/four-waves',
  'close/three-waves',
  'close/last-ack-lost',
  'time-wait/countdown',
];

const GROUPS: readonly (readonly Lab[])[] = [
  NC,
  OPEN,
  CLOSE,
  TIME_WAIT,
  HALF_OPEN,
  RESET,
  DATA,
  WIN,
  ACK,
  CC,
];

/** By level; the first hour in its own order, the others as their groups have them. */
export const LABS: readonly Lab[] = sorted(GROUPS.flat());

function sorted(labs: readonly Lab[]): Lab[] {
  const place = ({ id }: Lab): number => (FIRST_HOUR.indexOf(id) + FIRST_HOUR.length) % FIRST_HOUR.length;
  const rank = (lab: Lab): number => (FIRST_HOUR.includes(lab.id) ? place(lab) : FIRST_HOUR.length);
  return labs.toSorted((a, b) => a.level - b.level || rank(a) - rank(b));
}

/** Undefined when there is none. */
export function findLab(id: string): Lab | undefined {
  return LABS.find((lab) => lab.id === id);
}
