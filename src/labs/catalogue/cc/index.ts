/** The labs about congestion control, in the learner's order. */

import type { Lab } from '../../lab.ts';
import renoSawtooth from './reno-sawtooth.ts';
import slowStart from './slow-start.ts';
import timeout from './timeout.ts';

export const CC: readonly Lab[] = [slowStart, renoSawtooth, timeout];
