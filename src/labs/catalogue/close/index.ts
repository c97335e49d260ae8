/** The labs about closing, in the learner's order. */

import type { Lab } from '../../lab.ts';
import lastAckLost from './last-ack-lost.ts';

export const CLOSE: readonly Lab[] = [lastAckLost];
