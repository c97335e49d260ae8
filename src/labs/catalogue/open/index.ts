/** The labs about opening, in the learner's order. */

import type { Lab } from '../../lab.ts';
import threeWay from './three-way.ts';

export const OPEN: readonly Lab[] = [threeWay];
