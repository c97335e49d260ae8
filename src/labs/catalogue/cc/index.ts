/** The labs about congestion control, in the learner's order. */

import type { Lab } from '../../lab.ts';

export const CC: readonly Lab[] = [];
