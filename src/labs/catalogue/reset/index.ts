/** The labs about resets and attacks, in the learner's order. */

import type { Lab } from '../../lab.ts';

export const RESET: readonly Lab[] = [];
