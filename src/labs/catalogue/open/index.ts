/** The labs about opening, in the learner's order. */

import type { Lab } from '../../lab.ts';
import backlogFull from './backlog-full.ts';
import oldDuplicateSyn from './old-duplicate-syn.ts';
import options from './options.ts';
import refused from './refused.ts';
import simultaneous from './simultaneous.ts';
import slowMotion from './slow-motion.ts';
import synLost from './syn-lost.ts';
import synackLost from './synack-lost.ts';
import thirdAckLost from './third-ack-lost.ts';
import threeWay from './three-way.ts';
import whyNotFour from './why-not-four.ts';
import whyNotTwo from './why-not-two.ts';

export const OPEN: readonly Lab[] = [
  threeWay,
  slowMotion,
  options,
  synLost,
  synackLost,
  thirdAckLost,
  refused,
  backlogFull,
  whyNotTwo,
  oldDuplicateSyn,
  whyNotFour,
  simultaneous,
];
