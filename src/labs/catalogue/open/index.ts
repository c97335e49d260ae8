/** The labs about opening, in the learner's order. */

import type { Lab } from '../../lab.ts';
import slowMotion from './slow-motion.ts';
import synLost from './syn-lost.ts';
import synackLost from './synack-lost.ts';
import thirdAckLost from './third-ack-lost.ts';
import threeWay from './three-way.ts';
import whyNotTwo from './why-not-two.ts';

export const OPEN: readonly Lab[] = [threeWay, slowMotion, synLost, synackLost, thirdAckLost, whyNotTwo];
