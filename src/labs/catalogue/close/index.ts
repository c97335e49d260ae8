/** The labs about closing, in the learner's order. */

import type { Lab } from '../../lab.ts';
import fourWaves from './four-waves.ts';
import lastAckLost from './last-ack-lost.ts';
import serverFirst from './server-first.ts';
import threeWaves from './three-waves.ts';

export const CLOSE: readonly Lab[] = [serverFirst, fourWaves, threeWaves, lastAckLost];
