/** The labs about acknowledgements, in the learner's order. */

import type { Lab } from '../../lab.ts';

export const ACK: readonly Lab[] = [];
