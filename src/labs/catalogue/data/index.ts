/** The labs about data, in the learner's order. */

import type { Lab } from '../../lab.ts';
import acceptability from './acceptability.ts';
import checksum from './checksum.ts';
import duplicate from './duplicate.ts';
import fastRetransmit from './fast-retransmit.ts';
import reorder from './reorder.ts';
import rto from './rto.ts';

export const DATA: readonly Lab[] = [rto, fastRetransmit, duplicate, reorder, acceptability, checksum];
