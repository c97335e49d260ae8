/** The labs about TIME-WAIT, in the learner's order. */

import type { Lab } from '../../lab.ts';
import countdown from './countdown.ts';

export const TIME_WAIT: readonly Lab[] = [countdown];
