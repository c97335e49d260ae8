/** The labs about TIME-WAIT, in the learner's order. */

import type { Lab } from '../../lab.ts';
import assassination from './assassination.ts';
import countdown from './countdown.ts';
import lateData from './late-data.ts';
import none from './none.ts';
import restart from './restart.ts';

export const TIME_WAIT: readonly Lab[] = [countdown, restart, none, lateData, assassination];
