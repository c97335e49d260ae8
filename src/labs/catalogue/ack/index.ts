/** The labs about acknowledgements, in the learner's order. */

import type { Lab } from '../../lab.ts';
import delayed from './delayed.ts';
import nagle from './nagle.ts';

export const ACK: readonly Lab[] = [delayed, nagle];
