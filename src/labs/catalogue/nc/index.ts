/** The labs about the programs, in the learner's order. */

import type { Lab } from '../../lab.ts';

export const NC: readonly Lab[] = [];
