/** The labs about the programs, in the learner's order. */

import type { Lab } from '../../lab.ts';
import flavours from './flavours.ts';

export const NC: readonly Lab[] = [flavours];
