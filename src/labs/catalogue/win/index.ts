/** The labs about windows, in the learner's order. */

import type { Lab } from '../../lab.ts';

export const WIN: readonly Lab[] = [];
