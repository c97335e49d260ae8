/** The labs about half-open connections, in the learner's order. */

import type { Lab } from '../../lab.ts';

export const HALF_OPEN: readonly Lab[] = [];
