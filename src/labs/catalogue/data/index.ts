/** The labs about data, in the learner's order. */

import type { Lab } from '../../lab.ts';

export const DATA: readonly Lab[] = [];
